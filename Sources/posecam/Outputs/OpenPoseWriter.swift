import Foundation
import Tracker
import Video

/// Writes one file per frame into a folder, as OpenPose's `--write_json` does: its names, its members, its order of key points.
///
/// Hidalgo et al., OpenPose 1.7, doc/02_output.md. Everyone's identity stands in `person_id`, which OpenPose leaves at -1.
final class OpenPoseWriter: PoseWriter {
  /// Which key points, in which order, OpenPose would have written.
  enum Order: String, CaseIterable, Sendable {
    /// The 18 key points of its COCO model: ours, in the same order.
    case coco
    /// The 25 of its default model; the middle of the hips is computed, the six of the feet are absent.
    case body25

    static let body25Names = [
      "Nose", "Neck", "RShoulder", "RElbow", "RWrist", "LShoulder", "LElbow", "LWrist", "MidHip", "RHip", "RKnee",
      "RAnkle", "LHip", "LKnee", "LAnkle", "REye", "LEye", "REar", "LEar", "LBigToe", "LSmallToe", "LHeel", "RBigToe",
      "RSmallToe", "RHeel",
    ]

    func keypoints(of pose: Pose) -> [Keypoint?] {
      let points = pose.keypoints
      guard self == .body25 else { return points }
      var middle: Keypoint?
      if let right = points[8], let left = points[11] {
        middle = Keypoint(
          x: (right.x + left.x) / 2, y: (right.y + left.y) / 2, score: min(right.score, left.score))
      }
      return Array(points[..<8]) + [middle] + Array(points[8...]) + [Keypoint?](repeating: nil, count: 6)
    }
  }

  let name: String
  private let prefix: String
  private let order: Order
  private let coordinates: Coordinates
  private var text = TextBuffer()
  private var names = PictureNames()

  init(folder: String, _ stream: PoseStream, order: Order = .coco, coordinates: Coordinates = .pixel)
    throws(PosecamError)
  {
    name = folder
    self.order = order
    self.coordinates = coordinates
    prefix = stream.filePrefix
    try OutputFolder.make(folder, for: "OpenPose's JSON is")
  }

  func write(_ frame: PoseFrame) throws(PosecamError) {
    text.removeAll()
    text.append(#"{"version":1.3,"people":["#)
    for (index, person) in frame.people.enumerated() {
      if index > 0 { text.append(",") }
      text.append(#"{"person_id":[\#(person.id)],"pose_keypoints_2d":["#)
      for (number, point) in order.keypoints(of: person.pose).enumerated() {
        if number > 0 { text.append(",") }
        guard let point, point.x.isFinite, point.y.isFinite else {
          text.append("0,0,0")
          continue
        }
        let (x, y) = coordinates.position(point.x, point.y, in: frame)
        for (place, value) in [x, y, Double(point.score)].enumerated() {
          if place > 0 { text.append(",") }
          text.append(sixDigits: value)
        }
      }
      text.append(
        #"],"face_keypoints_2d":[],"hand_left_keypoints_2d":[],"hand_right_keypoints_2d":[],"pose_keypoints_3d":[],"#
          + #""face_keypoints_3d":[],"hand_left_keypoints_3d":[],"hand_right_keypoints_3d":[]}"#)
    }
    text.append("]}")
    do throws(VideoError) {
      let file = try PartialFile(path(of: frame))
      try file.write(text.bytes)
      // To wait for the disk with every frame would take longer than finding the people.
      try file.keep(isDurable: false)
    } catch { throw PosecamError(error.description) }
  }

  func path(of frame: PoseFrame) -> String {
    let digits = String(frame.index)
    let number = String(repeating: "0", count: max(0, 12 - digits.count)) + digits
    let file = frame.path.map { names.name(of: $0) } ?? prefix + number
    return URL(fileURLWithPath: name).appendingPathComponent("\(file)_keypoints.json").path
  }

  /// Every file is whole already.
  func finish() {}
}
