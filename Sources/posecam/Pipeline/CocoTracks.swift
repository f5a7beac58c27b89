import Foundation
import Tracker
import Train

/// People of one video in COCO's form with a `track_id` per annotation, as PoseTrack 2018 has it.
struct CocoTracks: Decodable {
  private struct Picture: Decodable {
    var id: Int
    /// Number in the video; where it is missing, the order of the list counts.
    var frame_id: Int?
    var width: Int?
    var height: Int?
    /// PoseTrack labels only some pictures of a video.
    var is_labeled: Bool?
  }

  struct Annotation: Decodable {
    var image_id: Int
    var track_id: Int
    /// x, y and visibility (0: not labelled) or score of every key point.
    var keypoints: [Double]
    var bbox: [Double]?
    var area: Double?
    var score: Double?
  }

  private struct Category: Decodable {
    var keypoints: [String]
  }

  private let images: [Picture]
  private let annotations: [Annotation]
  private let categories: [Category]

  /// COCO's results with identities, as `annotate` writes them: a picture's number is its place in the video.
  init(results: [Annotation]) {
    annotations = results
    images = Set(results.map(\.image_id)).sorted().map { Picture(id: $0, frame_id: $0) }
    categories = [Category(keypoints: KeypointLayout.cocoNames)]
  }

  /// The labelled pictures in their order; their times are not told.
  func recording(name: String) throws(PosecamError) -> PoseRecording {
    guard let names = categories.first?.keypoints else { throw PosecamError("\(name): names no key points") }
    let joints = Skeleton.keypointNames.map { joint in
      names.firstIndex(of: joint) ?? (joint == "neck" ? names.firstIndex(of: "head_bottom") : nil)
    }
    var people: [Int: [PoseRecording.Figure]] = [:]
    for annotation in annotations {
      let numbers: [Double] =
        annotation.keypoints + (annotation.bbox ?? []) + [annotation.area ?? 0, annotation.score ?? 0]
      guard annotation.keypoints.count == 3 * names.count, annotation.bbox?.count ?? 4 == 4,
        numbers.allSatisfy({ abs($0) < 1e7 })
      else {
        throw PosecamError("\(name): person \(annotation.track_id) of picture \(annotation.image_id) is not understood")
      }
      people[annotation.image_id, default: []].append(Self.figure(annotation, joints: joints))
    }
    let labelled = images.enumerated().filter { $0.element.is_labeled ?? true }
    return try PoseRecording(
      name: name, source: name, model: "", width: images.first?.width ?? 0, height: images.first?.height ?? 0,
      isTimed: false, frames: labelled.map { .init(index: $1.frame_id ?? $0, time: 0, people: people[$1.id] ?? []) })
  }

  /// COCO counts from a pixel's corner, this program from its centre.
  private static let halfPixel: Float = 0.5

  private static func figure(_ annotation: Annotation, joints: [Int?]) -> PoseRecording.Figure {
    var keypoints = joints.map { index -> Keypoint? in
      guard let index, annotation.keypoints[3 * index + 2] > 0 else { return nil }
      let point = annotation.keypoints[(3 * index)..<(3 * index + 3)].map(Float.init)
      return Keypoint(x: point[0] - halfPixel, y: point[1] - halfPixel, score: min(1, point[2]))
    }
    if joints[1] == nil, let right = keypoints[2], let left = keypoints[5] {
      // COCO has no neck: the middle of the shoulders, as the training targets have it.
      keypoints[1] = Keypoint(
        x: (right.x + left.x) / 2, y: (right.y + left.y) / 2, score: min(right.score, left.score))
    }
    let pose = Pose(keypoints: keypoints, score: Float(annotation.score ?? 1))
    let box = annotation.bbox.map { $0.map(Float.init) }.map {
      Box(x: $0[0] - halfPixel, y: $0[1] - halfPixel, width: $0[2], height: $0[3])
    }
    return .init(id: annotation.track_id, pose: pose, box: box ?? pose.box, area: annotation.area)
  }
}
