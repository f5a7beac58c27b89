/// The time by which people are followed: the source's, but a short outage of the source counts as little more than nothing, since
/// nobody could be seen in it and most of those who were there still are.
struct TrackingClock: Sendable {
  /// Seconds without pictures after which those who are seen may well be others.
  static let longestOutage = 4.0

  private let countedOutage: Double
  private var last: (seconds: Double, outages: Int)?
  private var skipped = 0.0

  /// - Parameter keepLost: seconds for which someone unseen is waited for; a short outage takes less.
  init(keepLost: Double) { countedOutage = 0.75 * min(1, keepLost) }

  /// - Parameters:
  ///   - seconds: a frame's time; in order.
  ///   - outages: how often the source had broken off before it.
  mutating func time(of seconds: Double, outages: Int) -> Double {
    if let last, outages != last.outages {
      let gap = seconds - last.seconds
      if gap <= Self.longestOutage { skipped += max(0, gap - countedOutage) }
    }
    last = (seconds, outages)
    return seconds - skipped
  }
}
