@testable import Tracker

/// Random numbers that are the same in every run.
struct TestRandom {
  private var state: UInt64

  init(_ seed: UInt64) { state = seed &* 0x9E37_79B9_7F4A_7C15 &+ 1 }

  /// 0..<1, evenly.
  mutating func unit() -> Double {
    state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
    return Double(state >> 33) / Double(1 << 31)
  }

  /// Mean 0, standard deviation 1: the sum of twelve even ones.
  mutating func gauss() -> Double { (0..<12).reduce(-6) { sum, _ in sum + unit() } }
}

extension Pose {
  /// Somebody who stands, with the neck at x, y.
  static func standing(_ x: Double, _ y: Double = 100, height: Double = 200, score: Float = 0.8) -> Pose {
    let points = BodySize.upright.map { place in
      let offset = (place - BodySize.upright[1]) * height
      return Keypoint(x: Float(x + offset.x), y: Float(y + offset.y), score: score)
    }
    return Pose(keypoints: points, totalScore: 35 * score)
  }

  /// Seen by a network: off by Gaussian noise, in body sizes.
  func seen(noise: Double, _ random: inout TestRandom) -> Pose {
    let size = BodySize.estimate(self)
    var pose = self
    for joint in keypoints.indices {
      pose.keypoints[joint]?.x += Float(random.gauss() * noise * size)
      pose.keypoints[joint]?.y += Float(random.gauss() * noise * size)
    }
    return pose
  }

  /// Without some of the key points.
  func without(_ isMissing: (Int) -> Bool) -> Pose {
    let score = score
    var pose = self
    for joint in keypoints.indices where isMissing(joint) { pose.keypoints[joint] = nil }
    pose.totalScore = score * Float(max(1, 2 * pose.count - 1))
    return pose
  }
}
