/// How strongly key points are smoothed over time.
public enum Smoothing: String, Sendable, CaseIterable {
  case off
  /// Takes the tremble off a person who stands still, and keeps small motions.
  case low
  /// Steadier, for looking at rather than measuring.
  case high

  /// Standard deviation that positions are taken to have, in body sizes. What the network sees of a person who stands
  /// trembles by 0.004 to 0.01.
  var noise: Double? {
    switch self {
    case .off: nil
    case .low: 0.008
    case .high: 0.015
    }
  }
}

/// Smooths the key points of one person from frame to frame.
struct PoseSmoother: Sendable {
  private var filters = [(filter: PointFilter, time: Double)?](repeating: nil, count: Skeleton.keypointCount)

  /// Seconds after which a joint that was hidden begins afresh instead of being dragged from where it was.
  static let longestGap = 0.25

  /// - Parameter size: of the body, in pixels.
  mutating func smooth(_ pose: Pose, at seconds: Double, size: Double, noise: Double) -> Pose {
    var smoothed = pose
    for (index, point) in pose.keypoints.enumerated() {
      guard let point, point.x.isFinite, point.y.isFinite else { continue }
      let place = SIMD2(Double(point.x), Double(point.y))
      guard var (filter, time) = filters[index], case let interval = seconds - time, interval <= Self.longestGap else {
        filters[index] = (PointFilter(noise: noise, place: place), seconds)
        continue
      }
      time = seconds
      if interval > 0 { filter.advance(by: interval, unit: size) }
      filter.correct(place, unit: size)
      filters[index] = (filter, time)
      let estimate = filter.estimate(unit: size).place
      smoothed.keypoints[index]?.x = Float(estimate.x)
      smoothed.keypoints[index]?.y = Float(estimate.y)
    }
    return smoothed
  }
}
