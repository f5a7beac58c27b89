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
    // In double precision equal boxes overlap wholly.
    func shared(_ a: Float, _ aLength: Float, _ b: Float, _ bLength: Float) -> Double {
      min(Double(a) + Double(aLength), Double(b) + Double(bLength)) - Double(max(a, b))
    }
    let (across, down) = (shared(x, width, other.x, other.width), shared(y, height, other.y, other.height))
    guard across > 0, down > 0 else { return 0 }
    let both = across * down
    return both / (Double(width) * Double(height) + Double(other.width) * Double(other.height) - both)
  }
}
