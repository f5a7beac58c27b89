#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Low-pass filter whose cut-off rises with speed: still points stop trembling, fast ones do not lag.
///
/// Casiez, Roussel, Vogel: "1€ Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive Systems", CHI 2012.
struct OneEuroFilter: Sendable, Equatable {
  struct Settings: Sendable, Equatable {
    /// Cut-off of a point at rest, in Hz.
    var minimumCutoff: Double
    /// Hz of cut-off per unit of speed.
    var beta: Double
    /// Cut-off for the speed itself, in Hz.
    var derivativeCutoff: Double
  }

  private var lastRaw: Double?
  private var smoothed = 0.0
  private var speed = 0.0

  /// The filtered value of a new sample.
  /// - Parameters:
  ///   - interval: seconds since the last sample.
  ///   - unit: length that speeds are told in, so that large and small people are treated alike.
  mutating func filter(_ value: Double, interval: Double, unit: Double = 1, _ settings: Settings) -> Double {
    guard let last = lastRaw else {
      (lastRaw, smoothed) = (value, value)
      return value
    }
    let alphaOfSpeed = Self.alpha(interval, settings.derivativeCutoff)
    speed = alphaOfSpeed * (value - last) / interval + (1 - alphaOfSpeed) * speed
    let alpha = Self.alpha(interval, settings.minimumCutoff + settings.beta * abs(speed) / unit)
    smoothed = alpha * value + (1 - alpha) * smoothed
    lastRaw = value
    return smoothed
  }

  private static func alpha(_ interval: Double, _ cutoff: Double) -> Double {
    1 / (1 + 1 / (2 * .pi * cutoff * interval))
  }
}
