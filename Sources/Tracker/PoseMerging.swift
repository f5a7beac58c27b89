#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Makes one pose of several of the same person, found in overlapping parts of a picture.
///
/// Greedy suppression by object key-point similarity (OKS, with COCO's spreads): the pose with the highest total score stays,
/// and what agrees with it over the key points that both have is the same person, from whom it takes what it misses.
public enum PoseMerging {
  /// Poses less alike than this are of different people.
  static let leastSimilarity = 0.35
  /// One key point in common is no evidence unless the smaller pose hardly has more.
  private static let leastCommon = 2

  public struct Merged: Sendable {
    public var pose: Pose
    /// Index of the pose that stayed.
    public var index: Int
  }

  /// - Parameter poses: in pixels of the whole picture.
  /// - Returns: one of each person, by falling total score.
  public static func merge(_ poses: [Pose]) -> [Merged] {
    let order = poses.indices.sorted { (poses[$0].totalScore, $1) > (poses[$1].totalScore, $0) }
    var merged: [Merged] = []
    for index in order {
      let pose = poses[index]
      let alike = merged.indices.map { similarity(of: pose, to: merged[$0].pose) }
      guard let best = alike.indices.max(by: { alike[$0] < alike[$1] }), alike[best] >= leastSimilarity else {
        merged.append(Merged(pose: pose, index: index))
        continue
      }
      merged[best].pose.complete(with: pose)
    }
    return merged
  }

  /// Mean OKS over the key points that both have, by the area of the larger box; 0 for too few of them.
  public static func similarity(of first: Pose, to second: Pose) -> Double {
    let (a, b) = (first.box, second.box)
    let area = max(1, Double(max(a.width * a.height, b.width * b.height)))
    var (sum, common) = (0.0, 0)
    for (joint, (one, other)) in zip(first.keypoints, second.keypoints).enumerated() {
      guard let one, let other else { continue }
      common += 1
      let (dx, dy) = (Double(one.x - other.x), Double(one.y - other.y))
      let spread = 2 * Double(Skeleton.sigmas[joint])
      sum += exp(-(dx * dx + dy * dy) / (2 * area * spread * spread))
    }
    guard common >= min(leastCommon, first.count, second.count), common > 0 else { return 0 }
    return sum / Double(common)
  }
}

extension Pose {
  /// Takes the key points that this pose has not, and their share of the score.
  fileprivate mutating func complete(with other: Pose) {
    let mean = other.totalScore / Float(max(1, 2 * other.count - 1))
    for (joint, point) in other.keypoints.enumerated() where keypoints[joint] == nil && point != nil {
      keypoints[joint] = point
      // A key point and its limb.
      totalScore += 2 * mean
    }
  }
}
