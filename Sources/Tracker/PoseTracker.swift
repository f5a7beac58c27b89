/// Gives the people of every frame their identities and smooths their key points.
///
/// Everyone's key points are predicted (`Track`), compared with the poses found by object key-point similarity weighted by the
/// scores, and assigned so that the sum over all people is best: first the certain poses, then the weak ones among who is left
/// (Zhang et al., "ByteTrack", ECCV 2022), then by overlapping boxes those seen in the frame before. Someone who is not seen
/// keeps the identity for `keepLost` seconds; a newcomer near where someone lost is expected is watched for a moment, to tell by
/// the motion whether it is the same person. All times are the source's own.
public struct PoseTracker: Sendable {
  public struct Options: Sendable, Equatable {
    /// Seconds for which a person who is not seen keeps the identity.
    public var keepLost = 2.0
    /// The pictures have nothing to do with each other: everyone in them is new, and reported at once.
    public var isStill = false
    /// Seconds for which a person who is missed is reported where expected, unless hidden by somebody else.
    public var bridge = 0.11
    /// People reported in a frame; those who are seen come first.
    public var mostPeople = Int.max
    public var smoothing = Smoothing.low
    /// Frames in which a doubtful person must be seen before being reported: most false alarms last for one.
    public var sightings = 3
    /// The same for one whose poses are weak.
    public var weakSightings = 8
    /// Poses of lower scores are weak: they are assigned last.
    public var weakScore: Float = 0.4
    /// Score from which a person of whom a third is seen is reported at once.
    public var certainScore: Float = 0.5

    public init() {}
  }

  public let options: Options
  private var tracks: [Track] = []
  private var nextID = 1
  private var now = -Double.infinity

  public init(options: Options = Options()) { self.options = options }

  /// The people of the next frame: those found, in the order of `poses` and without those who are not certain yet, then those
  /// who were missed.
  /// - Parameters:
  ///   - seconds: the frame's time. Going back forgets everyone seen before.
  ///   - picture: its size in pixels. Whoever has walked out of it is not looked for any longer.
  public mutating func update(
    _ poses: [Pose], at seconds: Double, within picture: (width: Int, height: Int)? = nil
  ) -> [Person] {
    if options.isStill || !(seconds >= now) { tracks.removeAll() }
    let before = now
    if seconds.isFinite { now = seconds }
    let isSparse = before.isFinite && now - before > Self.longestStep
    tracks.removeAll { track in
      let kept = track.id == nil ? min(Self.doubt, options.keepLost) : options.keepLost
      return now - track.seen > max(kept, track.seen >= before ? Self.longestStep : 0)
    }
    for index in tracks.indices { tracks[index].advance(to: now) }
    if let picture { tracks.removeAll { $0.seen < before && $0.hasLeft(picture) } }

    let seen = zip(poses, match(poses, seenAt: before)).map { pose, match in
      guard let match else {
        tracks.append(Track(pose, at: now))
        return tracks.count - 1
      }
      tracks[match].follow(pose)
      return match
    }
    for index in seen where tracks[index].id == nil { identify(index, canWatch: !options.isStill && !isSparse) }
    let people = seen.compactMap { index in tracks[index].id.map { Person(id: $0, pose: tracks[index].pose) } }
    return smooth(Array((people + missed(among: people)).prefix(options.mostPeople)))
  }

  private mutating func smooth(_ people: [Person]) -> [Person] {
    guard let noise = options.smoothing.noise else { return people }
    return people.map { person in
      guard let index = tracks.firstIndex(where: { $0.id == person.id }) else { return person }
      var person = person
      person.pose = tracks[index].smoother.smooth(person.pose, at: now, size: tracks[index].size, noise: noise)
      return person
    }
  }

  /// Seconds after which someone doubtful who is not seen is forgotten.
  private static let doubt = 0.25
  /// Seconds from one frame to the next after which the motion tells nothing, and someone doubtful is not the same.
  private static let longestStep = 1.0

  // MARK: - Who is who

  /// Similarity that a pose needs to be taken for someone seen in the frame before, and for someone lost for a second.
  private static let leastSimilarity = (now: 0.5, later: 0.8)

  /// Overlap (intersection over union) with where somebody just seen is expected, from which a pose that is nobody's is theirs:
  /// at few frames per second limbs and trunk jump farther than a motion tells, but a body stays in its place.
  private static let leastOverlap = 0.4

  /// The track of every pose, `nil` for newcomers.
  /// - Parameter before: the time of the frame before.
  private func match(_ poses: [Pose], seenAt before: Double) -> [Int?] {
    var matches = [Int?](repeating: nil, count: poses.count)
    let isWeak = poses.map { $0.score < options.weakScore }
    for weak in [false, true] {
      let rows = poses.indices.filter { isWeak[$0] == weak }
      let columns = tracks.indices.filter { !matches.contains($0) }
      let worths = rows.flatMap { row in columns.map { worth(of: poses[row], for: tracks[$0]) } }
      let pairs = Assignment.solve(rows: rows.count, columns: columns.count, cost: worths.map { -$0 })
      for (index, column) in pairs.enumerated() {
        guard let column, worths[index * columns.count + column] > 0 else { continue }
        matches[rows[index]] = columns[column]
      }
    }
    let rows = poses.indices.filter { matches[$0] == nil }
    let columns = tracks.indices.filter { tracks[$0].seen >= before && !matches.contains($0) }
    let boxes = columns.map { tracks[$0].expected.box }
    let overlaps = rows.map { poses[$0].box }.flatMap { box in boxes.map { $0.overlap(with: box) } }
    let pairs = TrackingFrame.match(
      rows: rows.count, columns: columns.count, similarity: overlaps, least: Self.leastOverlap)
    for (row, column) in zip(rows, pairs) { matches[row] = column.map { columns[$0] } }
    return matches
  }

  /// 0 where the pose cannot be the person's.
  private func worth(of pose: Pose, for track: Track) -> Double {
    let fit = track.fit(of: pose)
    let (now, later) = Self.leastSimilarity
    return fit.similarity >= now + (later - now) * min(1, self.now - track.seen) ? fit.worth : 0
  }

  /// Similarity that a newcomer needs to be taken for someone lost, and frames more to watch one before deciding it.
  private static let (leastResemblance, watching) = (0.2, 2)
  /// Key points of somebody who is not doubtful: a third.
  private static let certainCount = Skeleton.keypointCount / 3

  /// Gives someone without an identity a new one, or that of someone lost, once it is certain which.
  /// - Parameter canWatch: the next frames will tell more. Too far apart, they say nothing about the same person.
  private mutating func identify(_ index: Int, canWatch: Bool) {
    let track = tracks[index]
    let nearest = tracks.indices.filter { tracks[$0].id != nil && tracks[$0].seen < now }
      .map { (index: $0, resemblance: tracks[$0].similarity(toNew: track)) }
      .max { $0.resemblance < $1.resemblance }
    if let nearest, nearest.resemblance > Self.leastResemblance {
      guard !canWatch || track.sightings >= options.sightings + Self.watching else { return }
      tracks[index].id = tracks[nearest.index].retire()
    } else if !canWatch
      || track.sightings
        >= (track.pose.score < options.weakScore ? options.weakSightings : options.sightings)
      || track.pose.score >= options.certainScore && track.pose.count >= Self.certainCount
    {
      tracks[index].id = nextID
      nextID += 1
    }
  }

  // MARK: - Who is missed

  /// Key points of somebody whose next pose can be told; with fewer, he was about to disappear.
  private static let bridgedCount = 5
  /// OKS with somebody who is seen and of whom more is seen: who is behind him is hidden, not missed.
  private static let hiddenSimilarity = 0.3

  private func missed(among people: [Person]) -> [Person] {
    tracks.compactMap { track in
      guard let id = track.id, track.seen < now, now - track.seen <= options.bridge,
        track.sightings >= options.sightings, track.pose.count >= Self.bridgedCount
      else { return nil }
      let expected = track.expected
      let isHidden = people.contains { person in
        person.pose.count > expected.count
          && person.pose.similarity(to: expected, area: track.size * track.size) > Self.hiddenSimilarity
      }
      return isHidden ? nil : Person(id: id, pose: expected, isPredicted: true)
    }
  }
}
