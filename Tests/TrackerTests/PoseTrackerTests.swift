import Testing

@testable import Tracker

struct PoseTrackerTests {
  /// A standing person of 200 pixels whose neck is at x, y.
  private func pose(_ x: Float, _ y: Float = 100, noise: Int = 0, score: Float = 0.8) -> Pose {
    let crowd = CrowdMaps.keypoints(people: 1, width: 30, height: 28)[0]
    var state = UInt32(truncatingIfNeeded: noise &* 2_654_435_761 &+ 12345)
    func jitter() -> Float {
      guard noise != 0 else { return 0 }
      state = state &* 1_664_525 &+ 1_013_904_223
      return Float(Int(state >> 16) % 5 - 2)
    }
    let points = crowd.map {
      Keypoint(x: $0.x - crowd[1].x + x + jitter(), y: $0.y - crowd[1].y + y + jitter(), score: score)
    }
    return Pose(keypoints: points, totalScore: 35 * score)
  }

  private func ids(_ people: [Person]) -> [Int] { people.map(\.id) }

  @Test func identitiesStayWithPeopleWhoCross() {
    var tracker = PoseTracker()
    for frame in 0..<90 {
      let step = Float(frame) * 6
      let people = tracker.update([pose(step, 100), pose(540 - step, 130)], at: Double(frame) / 30)
      #expect(ids(people) == [1, 2], "frame \(frame)")
    }
  }

  @Test func orderOfPosesDoesNotMatter() {
    var tracker = PoseTracker()
    _ = tracker.update([pose(100), pose(300), pose(500)], at: 0)
    #expect(ids(tracker.update([pose(502), pose(101), pose(302)], at: 0.033)) == [3, 1, 2])
  }

  @Test func whoIsHiddenForHalfASecondComesBackTheSame() {
    var tracker = PoseTracker()
    for frame in 0..<20 { _ = tracker.update([pose(Float(frame) * 5)], at: Double(frame) / 30) }
    for frame in 20..<35 { #expect(tracker.update([], at: Double(frame) / 30).isEmpty) }
    #expect(ids(tracker.update([pose(35 * 5)], at: 35.0 / 30)) == [1])
    // After more than a second it is somebody new.
    #expect(ids(tracker.update([pose(35 * 5)], at: 4)) == [2])
  }

  @Test func timesMayBeUnevenMissingOrGoBack() {
    var tracker = PoseTracker()
    var now = 0.0
    for frame in 0..<60 {
      now += [0.01, 0.08, 0.033][frame % 3]
      #expect(ids(tracker.update([pose(Float(now) * 150)], at: now)) == [1])
    }
    #expect(tracker.update([pose(100)], at: .nan).count == 1)
    #expect(tracker.update([pose(100)], at: 0).count == 1)
    #expect(tracker.update([pose(100)], at: 0).count == 1)
  }

  @Test func doubtfulPeopleMustBeSeenThreeTimes() {
    var tracker = PoseTracker()
    #expect(tracker.update([pose(100), pose(400, score: 0.3)], at: 0).count == 1)
    // A false alarm elsewhere in the next frame is another one.
    #expect(tracker.update([pose(100), pose(900, score: 0.3)], at: 0.033).count == 1)
    #expect(tracker.update([pose(100), pose(901, score: 0.3)], at: 0.066).count == 1)
    #expect(ids(tracker.update([pose(100), pose(902, score: 0.3)], at: 0.1)) == [1, 2])
  }

  @Test func strangePosesDoNoHarm() {
    var tracker = PoseTracker()
    let empty = Pose(keypoints: [Keypoint?](repeating: nil, count: 18), totalScore: 0)
    var single = empty
    single.keypoints[0] = Keypoint(x: 5, y: 5, score: 1)
    var broken = pose(100)
    broken.keypoints[3] = Keypoint(x: .nan, y: .infinity, score: 1)
    for frame in 0..<5 {
      _ = tracker.update([empty, single, pose(100), pose(100), broken], at: Double(frame) / 30)
    }
    #expect(tracker.update([], at: 1).isEmpty)
  }

  @Test(arguments: [(Smoothing.low, 0.75), (.high, 0.45)])
  func smoothingCalmsAPersonWhoStands(_ smoothing: Smoothing, _ remaining: Double) {
    func jitter(_ smoothing: Smoothing) -> Double {
      var options = PoseTracker.Options()
      options.smoothing = smoothing
      var tracker = PoseTracker(options: options)
      var (last, sum) = (Float(0), 0.0)
      for frame in 0..<120 {
        let x = tracker.update([pose(100, noise: frame + 1)], at: Double(frame) / 30)[0].pose.keypoints[4]?.x ?? 0
        if frame > 30 { sum += Double((x - last) * (x - last)) }
        last = x
      }
      return sum.squareRoot()
    }
    #expect(jitter(smoothing) < remaining * jitter(.off))
  }

  @Test(arguments: [Smoothing.low, .high])
  func smoothingDoesNotLagBehindAFastMotion(_ smoothing: Smoothing) {
    var options = PoseTracker.Options()
    options.smoothing = smoothing
    var tracker = PoseTracker(options: options)
    // 400 pixels, two body lengths, per second: one frame at 30 per second is 13 pixels.
    var lag: Float = 0
    for frame in 0..<30 {
      let x = Float(frame) * 400 / 30
      let found = tracker.update([pose(x)], at: Double(frame) / 30)[0].pose.keypoints[1]?.x ?? 0
      if frame >= 10 { lag = max(lag, x - found) }
    }
    #expect(lag <= 400 / 30)
  }

  @Test(arguments: ["nan", "ones", "noise"])
  func hostileMapsAreParsedWithoutHarm(_ kind: String) {
    var maps = FieldMaps(width: 24, height: 16)
    var state: UInt32 = 1
    func value() -> Float {
      state = state &* 1_664_525 &+ 1_013_904_223
      return kind == "nan" ? .nan : kind == "ones" ? 1 : Float(state >> 8) / Float(1 << 24)
    }
    for index in maps.heatmaps.indices { maps.heatmaps[index] = value() }
    for index in maps.fields.indices { maps.fields[index] = value() }
    var assembler = PoseAssembler()
    let poses = assembler.assemble(maps)
    #expect(poses.allSatisfy { $0.keypoints.count == 18 && $0.totalScore.isFinite })
    var empty = PoseAssembler()
    #expect(empty.assemble(FieldMaps(width: 1, height: 1)).isEmpty)
    #expect(empty.assemble(FieldMaps(width: 0, height: 0)).isEmpty)
  }

  @Test func aCrowdIsFoundWhole() {
    for (people, width, height) in [(1, 57, 32), (20, 57, 32), (50, 160, 90)] {
      var assembler = PoseAssembler()
      let poses = assembler.assemble(CrowdMaps.scene(people: people, width: width, height: height))
      let truth = CrowdMaps.keypoints(people: people, width: width, height: height)
      // Where people overlap, a limb may be taken for two.
      #expect((people...people + people / 10).contains(poses.count))
      // Necks lie where they were put, to a fraction of a cell.
      for person in truth {
        let nearest = poses.compactMap { $0.keypoints[1] }.map { abs($0.x - person[1].x) + abs($0.y - person[1].y) }
          .min()
        #expect(nearest ?? 100 < 3)
      }
    }
  }
}
