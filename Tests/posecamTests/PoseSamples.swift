import Tracker

@testable import posecam

/// A person with the key points given, by their places in the skeleton.
func person(_ id: Int, _ points: [Int: Keypoint], totalScore: Float) -> Person {
  Person(id: id, pose: Pose(keypoints: (0..<18).map { points[$0] }, totalScore: totalScore))
}

/// Two people: one of two key points, one whose every key point lies at (10 i, 20 i + 0.5) with the score i / 20.
let twoPeople = [
  person(
    7, [0: Keypoint(x: 10.004, y: -0.001, score: 0.5), 17: Keypoint(x: 12.5, y: 100, score: 0.98768)], totalScore: 1.5),
  person(
    3,
    Dictionary(
      uniqueKeysWithValues: (0..<18).map {
        ($0, Keypoint(x: 10 * Float($0), y: 20 * Float($0) + 0.5, score: Float($0) / 20))
      }), totalScore: 20),
]

extension PoseStream {
  static func sample(_ source: String = "clip.mp4", isStill: Bool = false, isLive: Bool = false) -> PoseStream {
    PoseStream(source: source, width: 640, height: 360, model: "built in", isStill: isStill, isLive: isLive)
  }
}

extension PoseWriter {
  func write(frame: Int, time: Double, people: [Person], picture: String? = nil) throws(PosecamError) {
    try write(PoseFrame(index: frame, time: time, width: 640, height: 360, path: picture, people: people))
  }
}
