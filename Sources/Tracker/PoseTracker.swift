#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// How strongly key points are smoothed over time.
public enum Smoothing: String, Sendable, CaseIterable {
  case off
  /// Takes the tremble off a person who stands still.
  case low
  /// Steadier, for looking at rather than measuring.
  case high

  /// Speeds are in body lengths per second, so that the presets hold for near and far people.
  var settings: OneEuroFilter.Settings? {
    switch self {
    case .off: nil
    case .low: .init(minimumCutoff: 2, beta: 8, derivativeCutoff: 2)
    case .high: .init(minimumCutoff: 0.4, beta: 12, derivativeCutoff: 1)
    }
  }
}

/// Gives the people of every frame their identities and smooths their key points.
///
/// A person's place is predicted with constant velocity, compared by object key-point similarity (OKS, as COCO defines it,
/// weighted by the key points' scores), and assigned so that the sum over all people is best. Someone who is not seen keeps
/// the identity for `keepLost` seconds. All times are the source's own.
public struct PoseTracker: Sendable {
  public struct Options: Sendable, Equatable {
    /// Seconds for which a person who is not seen keeps the identity.
    public var keepLost = 1.0
    /// Least OKS between a prediction and a pose of the same person.
    public var leastSimilarity = 0.15
    public var smoothing = Smoothing.low
    /// Frames in which a doubtful person must be seen before being reported: most false alarms last for one.
    public var sightings = 3
    /// Score from which a person is reported at once.
    public var certainScore: Float = 0.5

    public init() {}
  }

  private struct Track {
    /// `nil` until the person is certain enough to be reported.
    var id: Int?
    var sightings = 0
    /// As found, not smoothed.
    var pose: Pose
    /// Of the whole body, in pixels per second.
    var velocity: (x: Double, y: Double)
    var seen: Double
    /// Body size in pixels, slowly adapted, since a pose that is half hidden looks small.
    var size: Double
    var filters: [(x: OneEuroFilter, y: OneEuroFilter)]
    /// When each joint was last filtered.
    var filtered: [Double]
  }

  public let options: Options
  private var tracks: [Track] = []
  private var nextID = 1
  private var now = -Double.infinity

  public init(options: Options = Options()) { self.options = options }

  /// The people of the next frame, in the order of `poses`, without those who are not certain yet.
  /// - Parameter seconds: the frame's time. Going back, or forward by more than `keepLost`, forgets everyone seen before.
  public mutating func update(_ poses: [Pose], at seconds: Double) -> [Person] {
    if !(seconds >= now) { tracks.removeAll() }
    if seconds.isFinite { now = seconds }
    tracks.removeAll { now - $0.seen > ($0.id == nil ? min(Self.doubt, options.keepLost) : options.keepLost) }

    let matches = match(poses)
    var people: [Person] = []
    for (pose, match) in zip(poses, matches) {
      let index = match ?? tracks.count
      if match == nil { tracks.append(makeTrack(pose)) } else { follow(&tracks[index], pose) }
      tracks[index].sightings += 1
      if tracks[index].id == nil, tracks[index].sightings >= options.sightings || pose.score >= options.certainScore {
        tracks[index].id = nextID
        nextID += 1
      }
      let smoothed = smooth(&tracks[index])
      if let id = tracks[index].id { people.append(Person(id: id, pose: smoothed)) }
    }
    return people
  }

  /// Seconds after which someone doubtful who is not seen is forgotten.
  private static let doubt = 0.25

  private func match(_ poses: [Pose]) -> [Int?] {
    guard !poses.isEmpty, !tracks.isEmpty else { return poses.map { _ in nil } }
    let similarities = poses.flatMap { pose in tracks.map { similarity($0, pose) } }
    let cost = similarities.map { $0 >= options.leastSimilarity ? 1 - $0 : 2 }
    return Assignment.solve(rows: poses.count, columns: tracks.count, cost: cost).enumerated().map { row, column in
      guard let column, similarities[row * tracks.count + column] >= options.leastSimilarity else { return nil }
      return column
    }
  }

  /// OKS between where a track is expected and a pose; the longer unseen, the more tolerant.
  private func similarity(_ track: Track, _ pose: Pose) -> Double {
    let elapsed = now - track.seen
    let (dx, dy) = (track.velocity.x * elapsed, track.velocity.y * elapsed)
    let tolerance = track.size * track.size * (1 + 8 * elapsed)
    var (sum, weights) = (0.0, 0.0)
    for joint in 0..<Skeleton.keypointCount {
      guard let before = track.pose.keypoints[joint], let after = pose.keypoints[joint] else { continue }
      let (x, y) = (Double(after.x - before.x) - dx, Double(after.y - before.y) - dy)
      let spread = 2 * Double(Skeleton.sigmas[joint])
      let weight = Double(max(0.01, min(before.score, after.score)))
      sum += weight * exp(-(x * x + y * y) / (2 * tolerance * spread * spread))
      weights += weight
    }
    return weights > 0 ? sum / weights : 0
  }

  private func makeTrack(_ pose: Pose) -> Track {
    let filters = [(x: OneEuroFilter, y: OneEuroFilter)](
      repeating: (OneEuroFilter(), OneEuroFilter()), count: Skeleton.keypointCount)
    return Track(
      pose: pose, velocity: (0, 0), seen: now, size: Self.size(pose), filters: filters,
      filtered: [Double](repeating: now, count: Skeleton.keypointCount))
  }

  private func follow(_ track: inout Track, _ pose: Pose) {
    let elapsed = now - track.seen
    if elapsed > 0 {
      var (dx, dy, count) = (0.0, 0.0, 0.0)
      for (before, after) in zip(track.pose.keypoints, pose.keypoints) {
        guard let before, let after else { continue }
        dx += Double(after.x - before.x)
        dy += Double(after.y - before.y)
        count += 1
      }
      if count > 0 {
        // Half a second of memory: enough to bridge an occlusion, short enough to follow a turn.
        let share = min(1, elapsed / 0.15)
        track.velocity.x += share * (dx / count / elapsed - track.velocity.x)
        track.velocity.y += share * (dy / count / elapsed - track.velocity.y)
      }
    }
    track.size = max(Self.size(pose), track.size + (Self.size(pose) - track.size) * min(1, elapsed / 0.5))
    track.pose = pose
    track.seen = now
  }

  private func smooth(_ track: inout Track) -> Pose {
    guard let settings = options.smoothing.settings else { return track.pose }
    var pose = track.pose
    for joint in 0..<Skeleton.keypointCount {
      guard let point = pose.keypoints[joint] else { continue }
      let interval = now - track.filtered[joint]
      track.filtered[joint] = now
      // A joint that was hidden begins afresh instead of being dragged from where it was.
      if interval > 0.25 { track.filters[joint] = (OneEuroFilter(), OneEuroFilter()) }
      let step = max(interval, 1e-3)
      pose.keypoints[joint] = Keypoint(
        x: Float(track.filters[joint].x.filter(Double(point.x), interval: step, unit: track.size, settings)),
        y: Float(track.filters[joint].y.filter(Double(point.y), interval: step, unit: track.size, settings)),
        score: point.score)
    }
    return pose
  }

  /// Square root of the area of the box, in pixels.
  private static func size(_ pose: Pose) -> Double {
    let box = pose.box
    return max(1, Double(box.width * box.height).squareRoot(), 0.5 * Double(max(box.width, box.height)))
  }
}
