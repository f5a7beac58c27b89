import Testing

@testable import Tracker

struct PoseSmootherTests {
  /// Where a key point is put, frame by frame, by tracker and preset.
  private func track(_ poses: [(Double, Pose)], _ smoothing: Smoothing, joint: Int) -> [SIMD2<Double>] {
    var options = PoseTracker.Options()
    options.smoothing = smoothing
    var tracker = PoseTracker(options: options)
    return poses.compactMap { time, pose in
      tracker.update([pose], at: time).first?.pose.keypoints[joint].map { SIMD2(Double($0.x), Double($0.y)) }
    }
  }

  /// Somebody who stands, seen with as much noise as networks have.
  private func standing(noise: Double, rate: Double = 30, seconds: Double = 6) -> [(Double, Pose)] {
    var random = TestRandom(3)
    return (0..<Int(seconds * rate)).map { (Double($0) / rate, Pose.standing(300).seen(noise: noise, &random)) }
  }

  /// Mean square of how much a place changes from frame to frame, the first second left out.
  private func tremble(_ places: [SIMD2<Double>], rate: Double = 30) -> Double {
    let steps = zip(places, places.dropFirst()).dropFirst(Int(rate)).map { $1 - $0 }
    return steps.reduce(0) { $0 + ($1 * $1).sum() } / Double(steps.count)
  }

  @Test(arguments: [0.004, 0.01], [15, 30, 60])
  func highTakesThreeQuartersOfTheTremble(_ noise: Double, _ rate: Double) {
    for joint in [0, 1, 4, 10] {
      let seen = standing(noise: noise, rate: rate)
      let (off, low, high) = (
        track(seen, .off, joint: joint), track(seen, .low, joint: joint), track(seen, .high, joint: joint)
      )
      #expect(tremble(high, rate: rate).squareRoot() <= tremble(off, rate: rate).squareRoot() / 4)
      #expect(
        tremble(low, rate: rate) < tremble(off, rate: rate) && tremble(high, rate: rate) <= tremble(low, rate: rate))
      // It rests where the person is.
      let truth = Pose.standing(300).keypoints[joint].map { SIMD2(Double($0.x), Double($0.y)) } ?? .zero
      let offset = high[high.count - 1] - truth
      #expect((offset * offset).sum().squareRoot() < noise * BodySize.estimate(.standing(300)))
    }
  }

  @Test(arguments: [Smoothing.low, .high], [0.004, 0.01])
  func aFastWaveLagsByLessThanAFrame(_ smoothing: Smoothing, _ noise: Double) {
    let seconds = Wave.lag(track(Wave.poses(noise: noise), smoothing, joint: Wave.joint))
    #expect(seconds <= 1.0 / 30)
  }

  /// The whole body at two body lengths per second.
  @Test(arguments: [Smoothing.low, .high])
  func aRunnerLagsByLessThanAFrame(_ smoothing: Smoothing) {
    let seen = (0..<60).map { (Double($0) / 30, Pose.standing(Double($0) * 400 / 30)) }
    for (frame, place) in track(seen, smoothing, joint: 1).enumerated().dropFirst(10) {
      #expect(Double(frame) * 400 / 30 - place.x <= 400.0 / 30)
    }
  }

  @Test func lagIsASpanOfTimeWhateverTheRate() {
    for rate in [15.0, 30, 60] {
      #expect(Wave.lag(track(Wave.poses(noise: 0.004, rate: rate), .high, joint: Wave.joint), rate: rate) <= 1.0 / 30)
    }
  }

  @Test func whatWasHiddenForLongBeginsAfresh() {
    var smoother = PoseSmoother()
    for frame in 0..<30 { _ = smoother.smooth(.standing(100), at: Double(frame) / 30, size: 100, noise: 0.015) }
    var later = smoother
    let soon = smoother.smooth(.standing(104), at: 29.0 / 30 + 0.2, size: 100, noise: 0.015)
    #expect(soon.keypoints[1]?.x ?? 0 < 104)
    #expect(later.smooth(.standing(104), at: 29.0 / 30 + 0.3, size: 100, noise: 0.015) == .standing(104))
  }

  @Test func strangePlacesAndTimesDoNoHarm() {
    var smoother = PoseSmoother()
    var broken = Pose.standing(100)
    broken.keypoints[2] = Keypoint(x: .nan, y: 1, score: 1)
    for (pose, time) in [(Pose.standing(100), 0.0), (broken, 0.03), (.standing(100), 0.03), (.standing(1e30), 0.06)] {
      _ = smoother.smooth(pose, at: time, size: 100, noise: 0.008)
    }
    let found = smoother.smooth(.standing(100), at: 0.9, size: 100, noise: 0.008)
    #expect(found == .standing(100))
  }
}
