@testable import Tracker

/// Somebody stands and waves: the right wrist swings to and fro three times in two seconds over a third of the body's height.
enum Wave {
  static let joint = 4

  static func poses(noise: Double, rate: Double = 30) -> [(seconds: Double, pose: Pose)] {
    var random = TestRandom(4)
    return (0..<Int(4 * rate)).map { frame in
      let time = Double(frame) / rate
      var pose = Pose.standing(300)
      pose.keypoints[joint] = Keypoint(x: Float(250 + swing(time)), y: 60, score: 0.7)
      return (time, pose.seen(noise: noise, &random))
    }
  }

  private static func swing(_ time: Double) -> Double { 35 * sine(1.5 * time) }

  /// Of turns; Bhaskara's approximation, to 0.2 %.
  static func sine(_ turns: Double) -> Double {
    let turn = turns - turns.rounded(.down)
    let half = turn < 0.5 ? turn : turn - 0.5
    let product = 2 * half * (1 - 2 * half)
    return (turn < 0.5 ? 1 : -1) * 16 * product / (5 - 4 * product)
  }

  /// Seconds by which the places of the wrist run behind it: the shift that fits them best. The first second is left out.
  static func lag(_ places: [SIMD2<Double>], rate: Double = 30) -> Double {
    func error(_ shift: Double) -> Double {
      places.enumerated().dropFirst(Int(rate)).reduce(0) { sum, item in
        let offset = item.element.x - 250 - swing(Double(item.offset) / rate - shift)
        return sum + offset * offset
      }
    }
    return (-100...100).map { Double($0) / 1000 }.min { error($0) < error($1) } ?? 0
  }
}
