#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The tracker of the reference implementation, quirks included: it remembers one frame, pairs people greedily by the number
/// of joints that stayed close, works on whole pixels, and smooths as if every video had 15 frames per second.
public struct ReferenceTracker: Sendable {
  private struct Known {
    var id: Int
    /// Whole pixels; -1 where there is none. A position that truncates to -1 is lost, as in the reference.
    var points: [(x: Int, y: Int)]
    var filters: [(x: OneEuroFilter, y: OneEuroFilter)]

    /// Pixels of the box: the larger coordinate belongs to it.
    var area: Double {
      let found = points.filter { $0.x != -1 }
      guard let left = found.map(\.x).min(), let right = found.map(\.x).max(), let top = found.map(\.y).min(),
        let bottom = found.map(\.y).max()
      else { return 0 }
      return Double((right - left + 1) * (bottom - top + 1))
    }
  }

  private static let settings = OneEuroFilter.Settings(minimumCutoff: 1, beta: 0.05, derivativeCutoff: 1)
  private static let interval = 1.0 / 15
  /// Joints that must have stayed close.
  private static let leastSimilarity = 3

  private let isSmoothing: Bool
  private var previous: [Known] = []
  private var nextID = 0

  public init(smoothing: Bool) { isSmoothing = smoothing }

  /// The people of the next frame, in the order of `poses`, key points truncated to whole pixels.
  public mutating func update(_ poses: [Pose]) -> [Person] {
    var current = poses.map { pose in
      Known(
        id: -1, points: pose.keypoints.map { $0.map { (Self.whole($0.x), Self.whole($0.y)) } ?? (-1, -1) },
        filters: [(x: OneEuroFilter, y: OneEuroFilter)](
          repeating: (OneEuroFilter(), OneEuroFilter()), count: Skeleton.keypointCount))
    }
    var isFree = [Bool](repeating: true, count: previous.count)
    for index in poses.indices.sorted(by: { (poses[$0].totalScore, $1) > (poses[$1].totalScore, $0) }) {
      var best = (similarity: 0, known: -1)
      for known in previous.indices where isFree[known] {
        let similarity = Self.similarity(current[index], previous[known])
        if similarity > best.similarity { best = (similarity, known) }
      }
      let match = best.similarity >= Self.leastSimilarity ? best.known : nil
      if let match {
        isFree[match] = false
        current[index].id = previous[match].id
      } else {
        current[index].id = nextID
        nextID += 1
      }
      if isSmoothing { smooth(&current[index], after: match.map { previous[$0] }) }
    }
    previous = current
    return zip(poses, current).map { pose, known in
      var pose = pose
      for (joint, point) in known.points.enumerated() {
        pose.keypoints[joint] =
          point.x == -1
          ? nil
          : pose.keypoints[joint].map {
            Keypoint(x: Float(point.x), y: Float(point.y), score: $0.score)
          }
      }
      return Person(id: known.id, pose: pose)
    }
  }

  /// Truncated towards zero; what no picture can hold counts as missing.
  private static func whole(_ value: Float) -> Int { abs(value) < 1e6 ? Int(value) : -1 }

  private static func similarity(_ first: Known, _ second: Known) -> Int {
    let area = max(first.area, second.area) + Double.ulpOfOne
    return (0..<Skeleton.keypointCount).reduce(0) { count, joint in
      let (a, b) = (first.points[joint], second.points[joint])
      guard a.x != -1, b.x != -1 else { return count }
      let squared = Double((a.x - b.x) * (a.x - b.x) + (a.y - b.y) * (a.y - b.y))
      let spread = 2 * Double(Skeleton.sigmas[joint])
      return exp(-squared / (2 * area * spread * spread)) > 0.5 ? count + 1 : count
    }
  }

  private func smooth(_ known: inout Known, after previous: Known?) {
    for joint in 0..<Skeleton.keypointCount where known.points[joint].x != -1 {
      if let previous, previous.points[joint].x != -1 { known.filters[joint] = previous.filters[joint] }
      let point = known.points[joint]
      known.points[joint] = (
        Int(known.filters[joint].x.filter(Double(point.x), interval: Self.interval, Self.settings)),
        Int(known.filters[joint].y.filter(Double(point.y), interval: Self.interval, Self.settings))
      )
    }
  }
}
