import Testing

@testable import Tracker

struct PoseTrackerTests {
  private func ids(_ people: [Person]) -> [Int] { people.map(\.id) }

  private func tracker(_ change: (inout PoseTracker.Options) -> Void) -> PoseTracker {
    var options = PoseTracker.Options()
    change(&options)
    return PoseTracker(options: options)
  }

  @Test func identitiesStayWithPeopleWhoCross() {
    var tracker = PoseTracker()
    for frame in 0..<90 {
      let step = Double(frame) * 6
      let people = tracker.update(
        [.standing(step, 100), .standing(540 - step, 130)], at: Double(frame) / 30)
      #expect(ids(people) == [1, 2], "frame \(frame)")
    }
  }

  /// Who is seen comes before who is only expected.
  @Test func noMoreThanSoMany() {
    var tracker = tracker { ($0.mostPeople, $0.bridge) = (1, 1) }
    for frame in 0..<10 { _ = tracker.update([.standing(100)], at: Double(frame) / 30) }
    for frame in 10..<30 {
      let people = tracker.update([.standing(400)], at: Double(frame) / 30)
      #expect(people.count == 1 && people[0].isPredicted == (people[0].id == 1), "frame \(frame)")
    }
    #expect(ids(tracker.update([.standing(400)], at: 1)) == [2])
  }

  @Test func orderOfPosesDoesNotMatter() {
    var tracker = PoseTracker()
    _ = tracker.update([.standing(100), .standing(300), .standing(500)], at: 0)
    #expect(ids(tracker.update([.standing(502), .standing(101), .standing(302)], at: 0.033)) == [3, 1, 2])
  }

  /// Ten frames a second: from one to the next somebody squats, which no key point but the feet tells beforehand.
  @Test func aBodyInItsPlaceIsTheSamePerson() {
    var tracker = PoseTracker()
    let upright = Pose.standing(100)
    let ground = upright.box.y + upright.box.height
    var squatting = upright
    for joint in squatting.keypoints.indices {
      guard let point = squatting.keypoints[joint] else { continue }
      squatting.keypoints[joint]?.y = ground - 0.6 * (ground - point.y)
    }
    for frame in 0..<20 {
      let people = tracker.update([frame % 8 < 4 ? upright : squatting, .standing(300)], at: Double(frame) / 10)
      #expect(ids(people.filter { !$0.isPredicted }) == [1, 2], "frame \(frame)")
    }
    // Who appears beside them is somebody else.
    let people = tracker.update([.standing(170), .standing(300)], at: 2)
    #expect(ids(people.filter { !$0.isPredicted }) == [3, 2])
  }

  /// Two walk towards each other, and the one behind cannot be seen for half a second.
  @Test func whoIsHiddenByAnotherComesOutTheSame() {
    var tracker = PoseTracker()
    for frame in 0..<75 {
      let step = Double(frame) * 5
      let isHidden = abs(step - (360 - step)) < 75
      let poses = [Pose.standing(step)] + (isHidden ? [] : [.standing(360 - step, 104)])
      let people = tracker.update(poses, at: Double(frame) / 30)
      #expect(ids(people.filter { !$0.isPredicted }) == (isHidden ? [1] : [1, 2]), "frame \(frame)")
    }
  }

  /// Of the one behind only what the other does not hide is found, and the other's arm is taken for his once.
  @Test func aFewKeyPointsAreEnough() {
    var tracker = PoseTracker()
    for frame in 0..<60 {
      let step = Double(frame) * 4
      let front = Pose.standing(step)
      var behind = Pose.standing(240 - step, 96)
      if abs(step - 120) < 40 { behind = behind.without { ![0, 1, 2, 5, 14, 15].contains($0) } }
      if frame == 31 { behind.keypoints[4] = front.keypoints[4] }
      #expect(ids(tracker.update([behind, front], at: Double(frame) / 30)) == [1, 2], "frame \(frame)")
    }
  }

  @Test(arguments: [0, 0.3, 2])
  func aLostIdentityIsKeptForSoLong(_ keepLost: Double) {
    for gap in [0.2, 0.5, 1.8, 2.5] {
      var tracker = tracker { ($0.keepLost, $0.bridge) = (keepLost, 0) }
      for frame in 0..<30 { #expect(ids(tracker.update([.standing(200)], at: Double(frame) / 30)) == [1]) }
      let last = 29.0 / 30
      for frame in 1..<max(2, Int(gap * 30)) {
        #expect(tracker.update([], at: last + Double(frame) / 30).isEmpty)
      }
      // Whom it has to be decided about is told a few frames later.
      let found = (0..<8).compactMap { tracker.update([.standing(200)], at: last + gap + Double($0) / 30).first?.id }
      #expect(found.last == (gap <= keepLost ? 1 : 2), "\(gap) s")
    }
  }

  /// Pictures of a folder, whatever their times.
  @Test func inSinglePicturesEveryoneIsNew() {
    var tracker = tracker { $0.isStill = true }
    for picture in 0..<4 {
      #expect(
        ids(tracker.update([.standing(100), .standing(400, score: 0.2)], at: Double(picture / 2))) == [
          2 * picture + 1, 2 * picture + 2,
        ])
    }
    #expect(tracker.update([], at: 2).isEmpty)
  }

  @Test func slowVideosAreFollowedToo() {
    var tracker = tracker { $0.keepLost = 0 }
    for frame in 0..<10 {
      let people = tracker.update([.standing(100), .standing(400, score: 0.45)], at: Double(frame) / 3)
      #expect(ids(people) == (frame < 2 ? [1] : [1, 2]))
    }
  }

  /// Every fiftieth frame, or a time lapse: there is nothing to wait for.
  @Test func framesFarApartShowWhoIsInThem() {
    var tracker = tracker { _ in }
    for frame in 0..<6 {
      let found = [Pose.standing(100 + Double(frame % 2) * 900), .standing(500, score: 0.45)]
      let people = tracker.update(found, at: Double(frame) * 1.5)
      #expect(people.count == (frame == 0 ? 1 : 2), "frame \(frame)")
    }
  }

  /// However long an identity is kept, it is for who comes back near where they went.
  @Test func whoAppearsFarAwayMuchLaterIsSomebodyElse() {
    for gap in [10.0, 30] {
      var tracker = tracker { $0.keepLost = 60 }
      for frame in 0..<30 { _ = tracker.update([.standing(200)], at: Double(frame) / 30) }
      for frame in 1..<Int(gap * 10) { _ = tracker.update([], at: 1 + Double(frame) / 10) }
      let people = (0..<8).flatMap { tracker.update([.standing(1700)], at: 1 + gap + Double($0) / 30) }
      #expect(Set(ids(people)) == [2], "\(gap) s")
    }
  }

  @Test func somebodyElseElsewhereIsNotTheOneLost() {
    var tracker = PoseTracker()
    for frame in 0..<30 { _ = tracker.update([.standing(100)], at: Double(frame) / 30) }
    for frame in 30..<45 { _ = tracker.update([], at: Double(frame) / 30) }
    let people = (45..<60).flatMap { tracker.update([.standing(500)], at: Double($0) / 30) }
    #expect(Set(ids(people)) == [2])
  }

  @Test func whoHasLeftThePictureIsNotLookedFor() {
    for picture in [(width: 320, height: 400), nil] {
      var tracker = PoseTracker()
      for frame in 0..<30 {
        _ = tracker.update([.standing(200 + 6 * Double(frame))], at: Double(frame) / 30, within: picture)
      }
      for frame in 30..<45 { _ = tracker.update([], at: Double(frame) / 30, within: picture) }
      // Without a size nobody knows where the picture ends.
      let people = (45..<60).flatMap {
        tracker.update([.standing(200 + 6 * Double($0))], at: Double($0) / 30, within: picture)
      }
      #expect(Set(ids(people)) == [picture == nil ? 1 : 2])
    }
  }

  @Test func whoIsMissedForAMomentIsToldWhereExpected() throws {
    var tracker = PoseTracker()
    for frame in 0..<30 { _ = tracker.update([.standing(Double(frame) * 5)], at: Double(frame) / 30) }
    for frame in 30..<33 {
      let person = try #require(tracker.update([], at: Double(frame) / 30).first)
      let neck = try #require(person.pose.keypoints[1])
      #expect(person.id == 1 && person.isPredicted && abs(Double(neck.x) - Double(frame) * 5) < 4)
    }
    #expect(tracker.update([], at: 34.0 / 30).isEmpty)
    let back = tracker.update([.standing(175)], at: 35.0 / 30)
    #expect(ids(back) == [1] && back.allSatisfy { !$0.isPredicted })
    var plain = self.tracker { $0.bridge = 0 }
    for frame in 0..<30 { _ = plain.update([.standing(Double(frame) * 5)], at: Double(frame) / 30) }
    #expect(plain.update([], at: 1).isEmpty)
  }

  @Test func timesMayBeUnevenMissingOrGoBack() {
    var tracker = PoseTracker()
    var now = 0.0
    for frame in 0..<60 {
      now += [0.01, 0.08, 0.033][frame % 3]
      #expect(ids(tracker.update([.standing(now * 150)], at: now)) == [1])
    }
    #expect(tracker.update([.standing(100)], at: .nan).count == 1)
    #expect(ids(tracker.update([.standing(100)], at: 0)) != [1])
    #expect(tracker.update([.standing(100)], at: 0).count == 1)
  }

  @Test func doubtfulPeopleMustBeSeenForAWhile() {
    for (score, sightings) in [(Float(0.45), 3), (0.3, 8)] {
      var tracker = PoseTracker()
      // A false alarm elsewhere in the next frame is another one.
      for frame in 0..<10 {
        let elsewhere = Double(400 + 300 * (frame % 3))
        let people = tracker.update([.standing(100), .standing(elsewhere, score: score)], at: Double(frame) * 0.3)
        #expect(ids(people) == [1])
      }
      for frame in 1...10 {
        let people = tracker.update(
          [.standing(100), .standing(1900 + Double(frame), score: score)], at: 3 + Double(frame) / 30)
        #expect(people.count == (frame < sightings ? 1 : 2), "\(score) in frame \(frame)")
      }
    }
  }

  /// Somebody who goes to and fro at a speed of his own; the nearer, the larger.
  private func walker(_ lane: Int, at time: Double) -> Pose {
    let (near, turns) = (Double(lane), (0.02 + 0.003 * Double(lane)) * time)
    return .standing(600 + 560 * Wave.sine(turns + 0.37 * near), 100 + 3 * near, height: 160 + 8 * near)
  }

  /// Ten people cross for twenty seconds; one pose in ten is missed, and whoever is behind somebody is not found.
  /// One is hidden for two seconds while he turns round, so that nobody can know who comes out.
  @Test func identitiesOfACrowd() {
    var (ours, reference) = (PoseTracker(), ReferenceTracker(smoothing: false))
    var random = TestRandom(5)
    var frames: (ours: [TrackingFrame], reference: [TrackingFrame]) = ([], [])
    for frame in 0..<600 {
      let time = Double(frame) / 30
      let truth = (0..<10).map { walker($0, at: time) }
      let visible = truth.indices.filter { person in
        !truth[(person + 1)...].contains { $0.box.overlap(with: truth[person].box) > 0.6 }
      }
      var poses = visible.filter { _ in random.unit() >= 0.1 }.map { truth[$0].seen(noise: 0.01, &random) }
      poses.swapAt(0, Int(random.unit() * Double(poses.count)))
      func compare(_ people: [Person]) -> TrackingFrame {
        let similarity = visible.flatMap { index -> [Double] in
          people.map { $0.pose.similarity(to: truth[index]) }
        }
        return TrackingFrame(truth: visible, results: people.map(\.id), similarity: similarity)
      }
      frames.ours.append(compare(ours.update(poses, at: time)))
      frames.reference.append(compare(reference.update(poses)))
    }
    let (accuracy, other) = (TrackingAccuracy(frames.ours), TrackingAccuracy(frames.reference))
    #expect(5 * accuracy.clear.switches <= other.clear.switches)
    #expect(accuracy.identity.f1 >= 0.9)
  }

  @Test func strangePosesDoNoHarm() {
    var tracker = PoseTracker()
    let empty = Pose(keypoints: [Keypoint?](repeating: nil, count: 18), totalScore: 0)
    var single = empty
    single.keypoints[0] = Keypoint(x: 5, y: 5, score: 1)
    var broken = Pose.standing(100)
    broken.keypoints[3] = Keypoint(x: .nan, y: .infinity, score: 1)
    var huge = Pose.standing(100)
    huge.keypoints[4] = Keypoint(x: 3e38, y: -3e38, score: .nan)
    for frame in 0..<5 {
      let people = tracker.update(
        [empty, single, .standing(100), .standing(100), broken, huge], at: Double(frame) / 30)
      #expect(Set(ids(people)).count == people.count)
    }
    #expect(tracker.update([], at: 1).isEmpty)
    #expect(ids(tracker.update([.standing(500)], at: 4)).count == 1)
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
