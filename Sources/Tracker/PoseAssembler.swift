/// From heat-maps and part affinity fields to poses.
///
/// Lightweight OpenPose's parser (Osokin 2019, after Cao et al. 2017): peaks of every heat-map, limbs scored along the
/// fields, and people grown limb by limb from the neck. Keeps its buffers from frame to frame.
public struct PoseAssembler: Sendable {
  public struct Options: Sendable, Equatable {
    /// Least height of a peak.
    public var keypointThreshold: Float = 0.1
    /// Least component of the field along a limb for a sample to support it.
    public var limbThreshold: Float = 0.05
    /// People with fewer key points are left out.
    public var minimumKeypoints = 3
    /// People whose total score per key point is less are left out.
    public var minimumScore: Float = 0.2
    /// Up-sampled pixels per cell: 4 as in the reference's demo, 8 as in its evaluation; 1 for maps that are enlarged already.
    public var upsample = 4
    /// The reference's behaviour to the bit, quirks included: of two close peaks the left one survives whatever its score,
    /// positions are whole up-sampled pixels without the half-pixel shift, and a key point may be in two people.
    /// Otherwise the higher one survives, positions are refined between pixels and lie where the network was trained to put
    /// them, parts that share key points are one person, and at most `peakLimit` peaks per joint are considered, so that noise
    /// cannot stall the program.
    public var isCompatible = false

    public init() {}
  }

  public let options: Options
  private var finder: PeakFinder
  private let scorer: LimbScorer

  /// Of each joint. 50 people need 50.
  static let peakLimit = 256
  /// Two peaks closer than this, in up-sampled pixels, are one key point.
  private static let closest: Float = 6

  public init(options: Options = Options()) {
    self.options = options
    finder = PeakFinder(factor: options.upsample, threshold: options.keypointThreshold)
    scorer = LimbScorer(factor: options.upsample)
  }

  /// Poses in pixels of the network's input.
  public mutating func assemble(_ maps: FieldMaps) -> [Pose] {
    let grouping = group(maps)
    let scale = Float(8) / Float(grouping.upsample)
    let shift: Float = options.isCompatible ? 0 : 0.5
    let candidates = grouping.keypoints.flatMap { $0 }
    return grouping.entries.map { entry in
      Pose(
        keypoints: entry.ids.map { id in
          guard id >= 0 else { return nil }
          let found = candidates[id]
          // Cell i was trained to mean input pixel 8 i + 3.5.
          return Keypoint(
            x: (found.x + shift) * scale - shift, y: (found.y + shift) * scale - shift, score: found.score)
        }, totalScore: entry.totalScore)
    }
  }

  /// Key points in up-sampled pixels and how they belong together.
  public mutating func group(_ maps: FieldMaps) -> Grouping {
    let keypoints = keypoints(in: maps)
    var entries: [Grouping.Entry] = []
    let cells = maps.width * maps.height
    maps.fields.withUnsafeBufferPointer { fields in
      guard let fields = fields.baseAddress else { return }
      for (part, limb) in Skeleton.limbs.enumerated() {
        let (first, second) = (keypoints[limb.a], keypoints[limb.b])
        guard !first.isEmpty, !second.isEmpty else { continue }
        let connections = scorer.connections(
          first, second, field: (fields + limb.x * cells, fields + limb.y * cells), width: maps.width,
          height: maps.height, leastDot: options.limbThreshold)
        for connection in connections {
          Self.join(
            first[connection.a], second[connection.b], affinity: connection.affinity, limb: limb, part: part, &entries)
        }
      }
    }
    if !options.isCompatible { entries = Self.united(entries, keypoints) }
    entries.removeAll {
      $0.count < options.minimumKeypoints || !($0.totalScore / Float($0.count) >= options.minimumScore)
    }
    return Grouping(keypoints: keypoints, entries: entries, upsample: options.upsample)
  }

  // MARK: - Key points

  private mutating func keypoints(in maps: FieldMaps) -> [[Grouping.Candidate]] {
    let cells = maps.width * maps.height
    let options = options
    var id = 0
    return maps.heatmaps.withUnsafeBufferPointer { heatmaps in
      (0..<Skeleton.keypointCount).map { joint in
        guard let plane = heatmaps.baseAddress, cells > 0 else { return [] }
        var found: [Grouping.Candidate] = []
        _ = finder.peaks(
          in: plane + joint * cells, width: maps.width, height: maps.height,
          limit: options.isCompatible ? .max : Self.peakLimit
        ) { peaks, surface in
          for peak in Self.suppress(peaks, options) {
            let offset = options.isCompatible ? (0, 0) : Self.refine(peak, surface, maps)
            found.append(
              Grouping.Candidate(x: Float(peak.x) + offset.0, y: Float(peak.y) + offset.1, score: peak.score, id: id))
            id += 1
          }
        }
        return found
      }
    }
  }

  /// Leaves one of every group of close peaks: the first in compatible mode, else the highest. Keeps the order by x.
  private static func suppress(_ peaks: [PeakFinder.Peak], _ options: Options) -> [PeakFinder.Peak] {
    let order =
      options.isCompatible ? Array(peaks.indices) : peaks.indices.sorted { peaks[$0].score > peaks[$1].score }
    var isSuppressed = [Bool](repeating: false, count: peaks.count)
    for (rank, index) in order.enumerated() where !isSuppressed[index] {
      for other in order[(rank + 1)...] {
        let (dx, dy) = (Float(peaks[index].x - peaks[other].x), Float(peaks[index].y - peaks[other].y))
        if (dx * dx + dy * dy).squareRoot() < closest { isSuppressed[other] = true }
      }
    }
    return peaks.indices.filter { !isSuppressed[$0] }.map { peaks[$0] }
  }

  /// Where the parabola through a peak and its neighbours has its top, per axis, at most half a pixel away.
  private static func refine(_ peak: PeakFinder.Peak, _ surface: PeakFinder, _ maps: FieldMaps) -> (Float, Float) {
    func offset(_ before: Float, _ after: Float) -> Float {
      let curvature = before + after - 2 * peak.score
      // A neighbour below the threshold reads as 0 and would pull the top away.
      guard before > 0, after > 0, curvature < 0 else { return 0 }
      return min(0.5, max(-0.5, 0.5 * (before - after) / curvature))
    }
    func value(_ dx: Int, _ dy: Int) -> Float {
      surface.value(x: peak.x + dx, y: peak.y + dy, width: maps.width, height: maps.height)
    }
    return (offset(value(-1, 0), value(1, 0)), offset(value(0, -1), value(0, 1)))
  }

  // MARK: - People

  private static func join(
    _ a: Grouping.Candidate, _ b: Grouping.Candidate, affinity: Float, limb: Skeleton.Limb, part: Int,
    _ entries: inout [Grouping.Entry]
  ) {
    if part >= 17 {
      // Shoulder to ear only completes people; the ear is usually found through the eye.
      for index in entries.indices {
        if entries[index].ids[limb.a] == a.id && entries[index].ids[limb.b] == -1 {
          entries[index].ids[limb.b] = b.id
        } else if entries[index].ids[limb.b] == b.id && entries[index].ids[limb.a] == -1 {
          entries[index].ids[limb.a] = a.id
        }
      }
      return
    }
    var isKnown = false
    if part > 0 {
      for index in entries.indices where entries[index].ids[limb.a] == a.id {
        entries[index].ids[limb.b] = b.id
        entries[index].count += 1
        entries[index].totalScore += b.score + affinity
        isKnown = true
      }
    }
    guard !isKnown else { return }
    var ids = [Int](repeating: -1, count: Skeleton.keypointCount)
    (ids[limb.a], ids[limb.b]) = (a.id, b.id)
    entries.append(Grouping.Entry(ids: ids, totalScore: a.score + b.score + affinity, count: 2))
  }

  /// Makes one of the parts of a person that a limb from shoulder to ear alone joins: both hold those two key points. Parts that
  /// have different key points of one joint are different people, and stay.
  static func united(_ entries: [Grouping.Entry], _ keypoints: [[Grouping.Candidate]]) -> [Grouping.Entry] {
    var united: [Grouping.Entry] = []
    // Where the entry is that a key point was first found in.
    var owners: [Int: Int] = [:]
    for entry in entries {
      let ids = entry.ids.filter { $0 >= 0 }
      let host = ids.lazy.compactMap { owners[$0] }.first { host in
        zip(united[host].ids, entry.ids).allSatisfy { $0 == -1 || $1 == -1 || $0 == $1 }
      }
      if let host {
        var whole = united[host]
        let shared = whole.ids.indices.filter { whole.ids[$0] >= 0 && whole.ids[$0] == entry.ids[$0] }
        for joint in whole.ids.indices where whole.ids[joint] == -1 { whole.ids[joint] = entry.ids[joint] }
        // Shared key points count once; where one entry was only completed by them, it had not counted them.
        let twice = max(0, whole.count + entry.count - whole.ids.count { $0 >= 0 })
        let score = shared.reduce(Float(0)) { sum, joint in
          sum + (keypoints[joint].first { $0.id == whole.ids[joint] }?.score ?? 0)
        }
        whole.totalScore += entry.totalScore - score * Float(twice) / Float(max(1, shared.count))
        whole.count += entry.count - twice
        united[host] = whole
      } else {
        united.append(entry)
      }
      for id in ids where owners[id] == nil { owners[id] = host ?? united.count - 1 }
    }
    return united
  }
}
