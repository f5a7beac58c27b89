import Foundation
import Tracker
import Train

/// Writes one list of results for everything, as COCO's evaluation reads it for key points.
///
/// A picture's `image_id` is the number at the end of its file's name, as in COCO's own file names, and a video frame's is its
/// number. Positions are measured from the picture's corner, hence half a pixel more than the pixel's number.
final class CocoResultsWriter: PoseWriter {
  var name: String { file.name }
  private let file: RecordFile
  private var record = TextBuffer()
  private var isFirst = true
  /// Which picture has a number, since two cannot share one.
  private var pictures: [Int: String] = [:]

  /// - Parameter path: "-" for standard output.
  init(path: String) throws(PosecamError) {
    file = try RecordFile(path)
    try file.write(Array("[".utf8))
  }

  func write(_ frame: PoseFrame) throws(PosecamError) {
    let image = try imageID(of: frame)
    record.removeAll()
    for person in frame.people {
      record.append(isFirst ? "\n" : ",\n")
      isFirst = false
      append(person, image: image)
    }
    try file.write(record.bytes)
  }

  private func append(_ person: Person, image: Int) {
    var keypoints = [Keypoint?](repeating: nil, count: 17)
    for (joint, coco) in KeypointLayout.cocoIndex.enumerated() where coco >= 0 {
      keypoints[coco] = person.pose.keypoints[joint]
    }
    record.append(#"{"image_id":\#(image),"category_id":1,"keypoints":["#)
    for (index, point) in keypoints.enumerated() {
      if index > 0 { record.append(",") }
      guard let point, point.x.isFinite, point.y.isFinite else {
        record.append("0,0,0")
        continue
      }
      record.append(Double(point.x) + 0.5, digits: 2)
      record.append(",")
      record.append(Double(point.y) + 0.5, digits: 2)
      // The visibility flag, which the evaluation does not look at.
      record.append(",1")
    }
    // Ranks people as the evaluation of this network's reference does: with more key points a person is more certain.
    record.append(#"],"score":"#)
    record.append(Double(person.pose.totalScore) * Double(max(0, person.pose.count - 1)), digits: 4)
    record.append(#","track_id":\#(person.id)}"#)
  }

  private func imageID(of frame: PoseFrame) throws(PosecamError) -> Int {
    guard let picture = frame.picture else { return frame.index }
    let stem = URL(fileURLWithPath: picture).deletingPathExtension().lastPathComponent
    let digits = String(stem.reversed().prefix { $0.isASCII && $0.isNumber }.reversed())
    let number = Int(digits) ?? frame.index
    if let other = pictures.updateValue(picture, forKey: number) {
      throw PosecamError(
        "\(name): \(other) and \(picture) would both be picture \(number); "
          + "COCO results need a different number at the end of every name")
    }
    return number
  }

  func finish() throws(PosecamError) {
    try file.write(Array("\n]\n".utf8))
    try file.finish()
  }
}
