/// How a whole body moves: a Kalman filter with constant velocity, the same for both axes.
///
/// Bar-Shalom, Li, Kirubarajan: "Estimation with Applications to Tracking and Navigation" (2001), section 6.2.2: the
/// acceleration is white noise, so that unevenly spaced times are treated exactly. Lengths are body sizes but for `velocity`.
struct BodyMotion: Sendable {
  /// Pixels per second.
  private(set) var velocity = SIMD2<Double>.zero
  /// Variance of the place, covariance, and variance of the velocity.
  private(set) var uncertainty = (place: noise * noise, both: 0.0, velocity: initialSpeed * initialSpeed)

  /// Spectral density of the acceleration, per s³: somebody who walks and may turn.
  private static let acceleration = 0.2
  /// Speed per second that a person may have when seen first.
  private static let initialSpeed = 2.0
  /// By how much the place of a body is seen wrong.
  private static let noise = 0.03

  /// Lets time pass, in seconds.
  /// - Returns: the way moved, in pixels.
  mutating func advance(by interval: Double) -> SIMD2<Double> {
    let q = Self.acceleration
    uncertainty.place +=
      interval * (2 * uncertainty.both + interval * uncertainty.velocity) + q * interval * interval * interval / 3
    uncertainty.both += interval * uncertainty.velocity + q * interval * interval / 2
    uncertainty.velocity += q * interval
    return velocity * interval
  }

  /// Takes in where the body was seen.
  /// - Parameters:
  ///   - offset: from where it was expected, in pixels.
  ///   - trust: share of the body that was seen, 0...1.
  /// - Returns: the correction of the place, in pixels.
  mutating func correct(_ offset: SIMD2<Double>, trust: Double) -> SIMD2<Double> {
    let total = uncertainty.place + Self.noise * Self.noise / max(0.05, trust)
    let gain = (place: uncertainty.place / total, velocity: uncertainty.both / total)
    velocity += gain.velocity * offset
    uncertainty.velocity -= gain.velocity * uncertainty.both
    uncertainty.both *= 1 - gain.place
    uncertainty.place *= 1 - gain.place
    return gain.place * offset
  }
}
