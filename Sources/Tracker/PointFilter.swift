#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Takes the noise off the positions of a point that rests, glides or swings.
///
/// Three Kalman filters run side by side, and what was seen decides how much each is believed: Blom and Bar-Shalom, "The
/// Interacting Multiple Model Algorithm for Systems with Markovian Switching Coefficients", IEEE Transactions on Automatic
/// Control 33 (1988). A low-pass filter such as the 1€ filter trades trembling for lag; this one averages over seconds while a
/// point rests, over a few frames while it glides, and hardly at all while it swings.
/// Variances are in squares of the length `unit`, which may change slowly.
struct PointFilter: Sendable {
  private struct Mode {
    var probability: Double
    var place: SIMD2<Double>
    var velocity = SIMD2<Double>.zero
    /// Variance of the place, covariance, variance of the velocity.
    var uncertainty: (place: Double, both: Double, velocity: Double)
  }

  /// Standard deviation of a position as seen, in units.
  private let noise: Double
  /// At rest, gliding and swinging.
  private var modes: [3 of Mode]

  /// How often a mode ends, per second; either of the others follows.
  private static let ends: [3 of Double] = [0.1, 1, 2]
  /// Spectral density of the acceleration, in units² per s³.
  private static let acceleration: [3 of Double] = [0, 0.05, 60]
  /// How a point at rest creeps, in units² per s, and the variance of the velocity with which it starts.
  private static let (creep, start) = (1e-6, 0.25)

  init(noise: Double, place: SIMD2<Double>) {
    self.noise = noise
    let fresh = (noise * noise, 0.0, 1.0)
    modes = [
      Mode(probability: 0.6, place: place, uncertainty: fresh),
      Mode(probability: 0.2, place: place, uncertainty: fresh),
      Mode(probability: 0.2, place: place, uncertainty: fresh),
    ]
  }

  /// Lets time pass, in seconds.
  mutating func advance(by interval: Double, unit: Double) {
    let before = modes
    let ended: [3 of Double] = [
      1 - exp(-Self.ends[0] * interval), 1 - exp(-Self.ends[1] * interval), 1 - exp(-Self.ends[2] * interval),
    ]
    for index in modes.indices {
      var shares: [3 of Double] = [0, 0, 0]
      for from in before.indices {
        shares[from] = before[from].probability * (from == index ? 1 - ended[from] : ended[from] / 2)
      }
      modes[index] = Self.mixture(before, shares, unit: unit)
    }
    modes[0].velocity = .zero
    modes[0].uncertainty = (modes[0].uncertainty.place + Self.creep * interval, 0, Self.start)
    for index in 1...2 {
      let q = Self.acceleration[index]
      var (place, both, velocity) = modes[index].uncertainty
      place += interval * (2 * both + interval * velocity) + q * interval * interval * interval / 3
      both += interval * velocity + q * interval * interval / 2
      velocity += q * interval
      modes[index].uncertainty = (place, both, velocity)
      modes[index].place += modes[index].velocity * interval
    }
  }

  /// One mode with the mean and covariance of several; its probability is the sum of their shares.
  private static func mixture(_ modes: [3 of Mode], _ shares: [3 of Double], unit: Double) -> Mode {
    let sum = shares[0] + shares[1] + shares[2]
    var mixed = Mode(probability: sum, place: .zero, uncertainty: (0, 0, 0))
    for index in modes.indices {
      mixed.place += shares[index] / sum * modes[index].place
      mixed.velocity += shares[index] / sum * modes[index].velocity
    }
    for index in modes.indices {
      let (share, own) = (shares[index] / sum, modes[index].uncertainty)
      let place = (modes[index].place - mixed.place) / unit
      let velocity = (modes[index].velocity - mixed.velocity) / unit
      mixed.uncertainty.place += share * (own.place + (place * place).sum() / 2)
      mixed.uncertainty.both += share * (own.both + (place * velocity).sum() / 2)
      mixed.uncertainty.velocity += share * (own.velocity + (velocity * velocity).sum() / 2)
    }
    return mixed
  }

  /// Takes in where the point was seen.
  mutating func correct(_ place: SIMD2<Double>, unit: Double) {
    var sum = 0.0
    for index in modes.indices {
      let (own, both, velocity) = modes[index].uncertainty
      let total = own + noise * noise
      let offset = place - modes[index].place
      // Student's t with four degrees of freedom: a stray position is no proof of a swing.
      let term = 1 + (offset * offset).sum() / (unit * unit) / (4 * total)
      modes[index].probability /= total * term * term * term
      sum += modes[index].probability
      modes[index].place += own / total * offset
      modes[index].velocity += both / total * offset
      modes[index].uncertainty = (
        own * (1 - own / total), both * (1 - own / total), velocity - both / total * both
      )
    }
    // None may be ruled out for ever.
    for index in modes.indices {
      modes[index].probability = sum > 0 ? max(1e-9, modes[index].probability / sum) : 1.0 / 3
    }
  }

  /// Where the point is, and the variance of that.
  func estimate(unit: Double) -> (place: SIMD2<Double>, variance: Double) {
    let mixed = Self.mixture(
      modes, [modes[0].probability, modes[1].probability, modes[2].probability], unit: unit)
    return (mixed.place, mixed.uncertainty.place)
  }
}
