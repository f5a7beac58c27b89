#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Pose {
  /// Object key-point similarity (OKS) to a true pose, as COCO defines it, 0...1: over the key points of `truth`, of which
  /// those that are missing here count as 0.
  /// - Parameter area: of the person, in square pixels; that of the true pose's box if absent.
  public func similarity(to truth: Pose, area: Double? = nil) -> Double {
    let box = truth.box
    let area = max(1, area ?? Double(box.width * box.height))
    var (sum, count) = (0.0, 0)
    for (joint, wanted) in truth.keypoints.enumerated() {
      guard let wanted else { continue }
      count += 1
      guard let found = keypoints[joint] else { continue }
      let (dx, dy) = (Double(found.x - wanted.x), Double(found.y - wanted.y))
      let spread = 2 * Double(Skeleton.sigmas[joint])
      sum += exp(-(dx * dx + dy * dy) / (2 * area * spread * spread))
    }
    return count > 0 ? sum / Double(count) : 0
  }
}

extension Box {
  /// Intersection over union, 0...1; 0 where one of them is empty.
  public func overlap(with other: Box) -> Double {
    let width = min(x + width, other.x + other.width) - max(x, other.x)
    let height = min(y + height, other.y + other.height) - max(y, other.y)
    guard width > 0, height > 0 else { return 0 }
    let shared = Double(width) * Double(height)
    return shared / (Double(self.width) * Double(self.height) + Double(other.width) * Double(other.height) - shared)
  }
}
