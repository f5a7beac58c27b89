import Testing

@testable import Tracker

struct TwoPassSmoothingTests {
  private func frames(_ count: Int, _ pose: (Int) -> Pose?) -> [TwoPassSmoothing.Frame] {
    (0..<count).map { frame in
      (Double(frame) / 30, pose(frame).map { [Person(id: 7, pose: $0)] } ?? [])
    }
  }

  private func necks(_ people: [[Person]]) -> [Double] {
    people.flatMap { $0.compactMap { $0.pose.keypoints[1].map { Double($0.x) } } }
  }

  @Test(arguments: [Smoothing.low, .high], [15, 30, 60])
  func aFastWaveDoesNotLag(_ smoothing: Smoothing, _ rate: Double) {
    let seen = Wave.poses(noise: 0.004, rate: rate).map { (seconds: $0, people: [Person(id: 1, pose: $1)]) }
    let places = TwoPassSmoothing.smooth(seen, smoothing).map { people in
      people[0].pose.keypoints[Wave.joint].map { SIMD2(Double($0.x), Double($0.y)) } ?? .zero
    }
    // A tenth of a frame at 30 per second.
    #expect(abs(Wave.lag(places, rate: rate)) <= 0.0033)
  }

  /// Who walks evenly is neither behind nor ahead, and a step is centred on its moment.
  @Test func nothingLags() {
    var random = TestRandom(2)
    let size = BodySize.estimate(.standing(0))
    let walk = necks(
      TwoPassSmoothing.smooth(
        frames(120) { Pose.standing(4 * Double($0)).seen(noise: 0.006, &random) }, .high))
    let offsets = walk.enumerated().map { $1 - 4 * Double($0) }.dropFirst(10).dropLast(10)
    #expect(abs(offsets.reduce(0, +)) / Double(offsets.count) < 0.004 * size)
    let step = necks(TwoPassSmoothing.smooth(frames(60) { .standing($0 < 30 ? 100 : 160) }, .high))
    #expect(step[28] < 130 && step[31] > 130)
  }

  @Test func tremblesLessThanOnePass() {
    var random = TestRandom(3)
    let seen = frames(120) { _ in Pose.standing(100).seen(noise: 0.01, &random) }
    var options = PoseTracker.Options()
    options.smoothing = .high
    var tracker = PoseTracker(options: options)
    let once = necks(seen.map { tracker.update($0.people.map(\.pose), at: $0.seconds) })
    func tremble(_ places: [Double]) -> Double {
      zip(places, places.dropFirst()).reduce(0) { $0 + ($1.1 - $1.0) * ($1.1 - $1.0) }
    }
    let twice = necks(TwoPassSmoothing.smooth(seen, .high))
    #expect(tremble(twice) < 0.5 * tremble(once) && tremble(twice) < tremble(necks(seen.map(\.people))) / 16)
  }

  /// A pose that was told where expected is put between those found before and after.
  @Test func whatWasMissedIsFilledFromBothSides() throws {
    var seen = frames(40) { .standing(6 * Double($0)) }
    // Wrongly expected, far ahead.
    for frame in 20...22 {
      seen[frame].people[0] = Person(id: 7, pose: .standing(6 * Double(frame) + 30), isPredicted: true)
    }
    let smoothed = TwoPassSmoothing.smooth(seen, .low)
    for frame in 20...22 {
      #expect(abs(necks([smoothed[frame]])[0] - 6 * Double(frame)) < 3)
      #expect(smoothed[frame][0].isPredicted)
    }
  }

  @Test func peopleStayApartAndInOrder() {
    let seen = (0..<30).map { frame -> TwoPassSmoothing.Frame in
      let two = [Person(id: 1, pose: .standing(100)), Person(id: 2, pose: .standing(400))]
      return (Double(frame) / 30, frame % 2 == 0 ? two : two.reversed())
    }
    let smoothed = TwoPassSmoothing.smooth(seen, .high)
    for (frame, people) in smoothed.enumerated() {
      #expect(people.map(\.id) == (frame % 2 == 0 ? [1, 2] : [2, 1]))
      for person in people { #expect(abs(necks([[person]])[0] - (person.id == 1 ? 100 : 400)) < 0.01) }
    }
  }

  @Test func strangeInputDoesNoHarm() {
    #expect(TwoPassSmoothing.smooth([], .high).isEmpty)
    let single = frames(3) { $0 == 1 ? .standing(100) : nil }
    #expect(TwoPassSmoothing.smooth(single, .high) == single.map(\.people))
    #expect(TwoPassSmoothing.smooth(single, .off) == single.map(\.people))
    var broken = Pose.standing(100)
    broken.keypoints[1] = Keypoint(x: .infinity, y: .nan, score: 1)
    let empty = Pose(keypoints: [Keypoint?](repeating: nil, count: 18), totalScore: 0)
    let strange = frames(20) { [broken, empty, .standing(100)][$0 % 3] }
    let smoothed = TwoPassSmoothing.smooth(strange, .high)
    #expect(smoothed.map(\.count) == strange.map(\.people.count))
    // All at one moment.
    let still = strange.map { (seconds: 0.0, people: $0.people) }
    #expect(necks(TwoPassSmoothing.smooth(still, .low)).filter(\.isNaN).isEmpty)
  }
}
