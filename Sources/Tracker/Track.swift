#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What is known of one person who is followed: where every key point is expected, and how the body moves.
struct Track: Sendable {
  struct Joint: Sendable {
    /// Where it is expected now, in pixels.
    var place: SIMD2<Double>
    /// Relative to the body, in pixels per second.
    var velocity = SIMD2<Double>.zero
    /// Where it is on average, relative to the body's origin: there it is expected once it was hidden for a while.
    var home: SIMD2<Double>
    var score: Double
    /// When it was seen last.
    var seen: Double
    /// Since when it is seen far from where it is expected.
    var astray: Double?
    /// Variance of where it will be seen, in square pixels.
    var tolerance = 0.0
  }

  /// `nil` until the person is certain enough to be reported.
  var id: Int?
  /// In how many frames the person was seen.
  private(set) var sightings = 1
  /// As found last.
  private(set) var pose: Pose
  /// When the person was seen last.
  private(set) var seen: Double
  /// Body size in pixels, slowly adapted, since a pose that is half hidden looks small.
  private(set) var size: Double
  /// `nil` for those never seen.
  private(set) var joints: [Joint?]
  var smoother = PoseSmoother()
  private var motion = BodyMotion()
  /// The body's place, relative to where it was seen first.
  private var origin = SIMD2<Double>.zero
  private var now: Double

  init(_ pose: Pose, at now: Double) {
    (self.pose, seen, self.now) = (pose, now, now)
    size = BodySize.estimate(pose)
    joints = pose.keypoints.map { point in
      point.flatMap { Self.place($0) }.map { Joint(place: $0, home: $0, score: Double(point?.score ?? 0), seen: now) }
    }
  }

  private static func place(_ point: Keypoint) -> SIMD2<Double>? {
    point.x.isFinite && point.y.isFinite ? SIMD2(Double(point.x), Double(point.y)) : nil
  }

  /// Gives the identity away to somebody who turned out to be the same person.
  mutating func retire() -> Int? {
    defer { (id, seen) = (nil, -.infinity) }
    return id
  }

  // MARK: - Expecting

  /// Seconds in which a joint stops moving against the body, and in which a hidden one is back in its middle position.
  private static let (swing, homing) = (0.1, 0.3)

  /// Moves everything to where it is expected at a later time.
  mutating func advance(to time: Double) {
    let interval = max(0, time - now)
    now = time
    let step = motion.advance(by: interval)
    origin += step
    let (fading, homeward) = (exp(-interval / Self.swing), 1 - exp(-interval / Self.homing))
    for index in joints.indices {
      guard var joint = joints[index] else { continue }
      joint.place += step + joint.velocity * (Self.swing * (1 - fading))
      joint.velocity *= fading
      if now - joint.seen > interval { joint.place += (origin + joint.home - joint.place) * homeward }
      let spread = 2 * Double(Skeleton.sigmas[index]) * size
      joint.tolerance = spread * spread + vagueness(index, joint)
      joints[index] = joint
    }
  }

  /// The pose as it is expected now, of the key points that were found last.
  var expected: Pose {
    var expected = pose
    for (index, joint) in joints.enumerated() where expected.keypoints[index] != nil {
      guard let joint else { continue }
      expected.keypoints[index]?.x = Float(joint.place.x)
      expected.keypoints[index]?.y = Float(joint.place.y)
    }
    return expected
  }

  /// Whether all of the person is expected to have left a picture of this size in pixels.
  func hasLeft(_ picture: (width: Int, height: Int)) -> Bool {
    joints.allSatisfy { joint in
      guard let place = joint?.place else { return true }
      return place.x < 0 || place.y < 0 || place.x > Double(picture.width) || place.y > Double(picture.height)
    }
  }

  // MARK: - Comparing

  /// Body sizes by which a joint may have moved against the body since it was seen, and seconds in which it gets there.
  private static let reach: [Double] = [
    0.05, 0.02, 0.05, 0.2, 0.4, 0.05, 0.2, 0.4, 0.05, 0.25, 0.5, 0.05, 0.25, 0.5, 0.05, 0.05, 0.05, 0.05,
  ]
  private static let reachTime = 0.2

  /// How well a pose fits what is expected.
  struct Fit {
    /// Object key-point similarity (OKS) weighted by the scores, with more tolerance where the expectation is vague, 0...1.
    var similarity = 0.0
    /// The same, worth less the vaguer the expectation: for choosing among people.
    var worth = 0.0
  }

  func fit(of pose: Pose) -> Fit {
    var (sum, worth, weights, count) = (0.0, 0.0, 0.0, 0.0)
    for (index, point) in pose.keypoints.enumerated() {
      guard let point, let joint = joints[index], let place = Self.place(point) else { continue }
      let offset = place - joint.place
      let weight = max(0.01, min(joint.score, Double(point.score)))
      weights += weight
      count += 1
      let distance = (offset * offset).sum() / joint.tolerance
      // Most pairs of people are far apart.
      guard distance < 20 else { continue }
      let value = weight * exp(-distance / 2)
      sum += value
      worth += value * 2 * Double(Skeleton.sigmas[index]) * size / joint.tolerance.squareRoot()
    }
    guard count > 0 else { return Fit() }
    // A few key points fit somewhere soon.
    let certainty = count / (count + 1) / weights
    return Fit(similarity: sum * certainty, worth: worth * certainty)
  }

  /// Standard deviation, in body sizes, that is not exceeded however long somebody is not seen: everybody would fit.
  private static let farthestLost = 1.5

  /// Variance of the place where a joint is expected, in square pixels.
  private func vagueness(_ index: Int, _ joint: Joint) -> Double {
    let reach = Self.reach[index] * (1 - exp(-(now - joint.seen) / Self.reachTime))
    return (min(motion.uncertainty.place, Self.farthestLost * Self.farthestLost) + reach * reach) * size * size
  }

  /// How likely somebody who was seen first a moment ago is this one, who is lost: the same place, and moving alike.
  func similarity(toNew other: Track) -> Double {
    let difference = motion.velocity - other.motion.velocity
    let variance = (motion.uncertainty.velocity + other.motion.uncertainty.velocity) * size * size
    let distance = (difference * difference).sum() / variance
    // 95 % of people who move alike are nearer (chi-square with two degrees of freedom).
    return distance < 6 ? fit(of: other.pose).similarity * exp(-distance / 8) : 0
  }

  // MARK: - Following

  /// How much of the body a joint stands for: the trunk moves as the person does, hands and feet do not.
  private static let share: [Double] = [
    0.7, 1, 1, 0.3, 0.1, 1, 0.3, 0.1, 1, 0.3, 0.1, 1, 0.3, 0.1, 0.7, 0.7, 0.7, 0.7,
  ]
  /// How much of the difference to what was expected is believed, for the place and for the velocity of a joint.
  private static let gain = (place: 0.7, velocity: 0.25)
  /// Joints farther than this many times their spread from where they are expected belong to somebody else, unless they stay
  /// there for so many seconds.
  private static let (farthest, patience) = (1.5, 0.15)

  /// Takes in the pose that was found for this person, at the time that it was advanced to.
  mutating func follow(_ found: Pose) {
    let elapsed = now - seen
    if elapsed > 0 { moveBody(to: found) }
    for (index, point) in found.keypoints.enumerated() {
      guard let point, let place = Self.place(point) else { continue }
      let fresh = Joint(place: place, home: place - origin, score: Double(point.score), seen: now)
      joints[index] = joints[index].map { follow($0, index, fresh, elapsed) } ?? fresh
    }
    let estimate = BodySize.estimate(found)
    let share = Double(found.count) / Double(Skeleton.keypointCount)
    size += (estimate - size) * min(1, elapsed / (estimate > size ? 0.2 : 0.7)) * share
    (pose, seen) = (found, now)
    sightings += 1
  }

  /// Corrects the motion by what most of the joints say: some of them may be another person's.
  private mutating func moveBody(to found: Pose) {
    var (right, down): (WeightedMedian, WeightedMedian) = (.init(), .init())
    for (index, point) in found.keypoints.enumerated() {
      guard let point, let joint = joints[index], let place = Self.place(point) else { continue }
      let weight = Self.share[index] * max(0.01, Double(point.score))
      right.add(place.x - joint.place.x, weight)
      down.add(place.y - joint.place.y, weight)
    }
    guard right.weight > 0 else { return }
    let shift = motion.correct(SIMD2(right.value, down.value), trust: min(1, right.weight / 2))
    origin += shift
    for index in joints.indices { joints[index]?.place += shift }
  }

  private func follow(_ old: Joint, _ index: Int, _ fresh: Joint, _ elapsed: Double) -> Joint {
    var joint = old
    let offset = fresh.place - joint.place
    let spread = Self.farthest * 2 * Double(Skeleton.sigmas[index]) * size
    if elapsed > 0, (offset * offset).sum() > spread * spread + vagueness(index, joint) {
      let since = joint.astray ?? now
      guard now - since < Self.patience else { return fresh }
      joint.astray = since
      return joint
    }
    joint.astray = nil
    joint.place += Self.gain.place * offset
    if elapsed > 0 { joint.velocity += Self.gain.velocity / max(elapsed, 0.01) * offset }
    joint.home += (fresh.home - joint.home) * min(1, elapsed / 0.7)
    (joint.score, joint.seen) = (fresh.score, now)
    return joint
  }
}

/// The value that half of the weight is below.
private struct WeightedMedian {
  private var values: [(value: Double, weight: Double)] = []
  private(set) var weight = 0.0

  mutating func add(_ value: Double, _ weight: Double) {
    values.append((value, weight))
    self.weight += weight
  }

  var value: Double {
    var remaining = weight / 2
    for (value, weight) in values.sorted(by: { $0.value < $1.value }) {
      remaining -= weight
      if remaining <= 0 { return value }
    }
    return 0
  }
}
