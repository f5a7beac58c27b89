import Foundation

/// Finds the range of numbers that bytes should cover for every layer's result, from what the layers give on pictures like
/// those that will be seen.
///
/// Call `observe` for every picture, twice over the same pictures: the first round finds the extremes, the second counts how
/// often values fall between them. The plan must be one of floats.
public struct Calibration: Sendable {
  /// How much of the rare, large values is given up for finer steps among the others.
  public enum Rule: String, CaseIterable, Sendable {
    /// Nothing.
    case extremes
    /// One value in 10⁵.
    case percentile99_999
    /// One value in 10⁴.
    case percentile99_99
    /// The range whose bytes lose the least information, measured by Kullback–Leibler divergence (Migacz, "8-bit Inference with
    /// TensorRT", GTC 2017).
    case divergence
    /// The range whose bytes are nearest to the numbers, by their squared distance.
    case leastSquares
  }

  private struct Histogram: Sendable {
    var low: Float = 0
    var high: Float = 0
    var counts: [UInt32] = []
    private var sum = 0.0
    private var total = 0.0

    /// Of all values, not only of those that bytes will cover.
    var mean: Float { Float(sum / max(1, total)) }

    init() {}

    /// Nothing counted yet between two ends.
    init(low: Float, high: Float, bins: Int) {
      (self.low, self.high) = (low, high)
      counts = [UInt32](repeating: 0, count: bins)
    }

    mutating func count(_ value: Float) {
      guard Calibration.isCounted(value) else { return }
      sum += Double(value)
      total += 1
      let bin = Int((min(high, max(low, value)) - low) / max(high - low, 1e-30) * Float(counts.count))
      counts[min(counts.count - 1, bin)] &+= 1
    }

    /// Lower end of the values in a bin.
    func value(_ bin: Int) -> Float { low + (high - low) * Float(bin) / Float(counts.count) }
  }

  private static let bins = 1024
  /// By layer and channel.
  private var layers: [String: [Histogram]] = [:]
  /// What the layers read, by layer.
  var inputs: [String: InputMoments] = [:]
  private var isCounting = false

  public init() {}

  /// Runs the plan on its current input and takes note of all results.
  public mutating func observe(_ plan: Plan) {
    let isCounting = isCounting
    var layers = layers
    self.layers = [:]
    plan.run { name, values, channels in
      var histograms = layers[name] ?? [Histogram](repeating: Histogram(), count: channels)
      layers[name] = nil  // so that changing it does not copy it
      for (channel, value) in UnsafeBufferPointer(start: values, count: channels).enumerated() {
        if isCounting {
          histograms[channel].count(value)
        } else if Self.isCounted(value) {
          histograms[channel].low = min(histograms[channel].low, value)
          histograms[channel].high = max(histograms[channel].high, value)
        }
      }
      layers[name] = histograms
    }
    self.layers = layers
    guard isCounting else { return }
    var inputs = inputs
    self.inputs = [:]
    plan.run(pixels: 64) { name, values in
      let shape = plan.model.tensors["\(name).weight"]?.shape ?? []
      inputs[name, default: InputMoments(weights: shape)].add(values)
    }
    self.inputs = inputs
  }

  /// Nothing that a range may hold is beyond 10³⁰: models with weights at the end of what floats can say give such values.
  private static func isCounted(_ value: Float) -> Bool { abs(value) < 1e30 }

  /// Ends the first round.
  public mutating func beginCounting() {
    isCounting = true
    for (name, histograms) in layers {
      layers[name] = histograms.map { Histogram(low: $0.low, high: $0.high, bins: Self.bins) }
    }
  }

  /// The ranges that a rule chooses, by layer and channel.
  public func ranges(_ rule: Rule) -> [String: [ChannelRange]] {
    layers.mapValues { histograms in
      histograms.map { histogram in
        let range =
          switch rule {
          case .extremes: histogram.low...histogram.high
          case .percentile99_999: Self.percentile(histogram, outside: 1e-5)
          case .percentile99_99: Self.percentile(histogram, outside: 1e-4)
          case .divergence: Self.best(histogram, Self.divergence)
          case .leastSquares: Self.best(histogram, Self.squares)
          }
        return ChannelRange(low: range.lowerBound, high: range.upperBound, mean: histogram.mean)
      }
    }
  }

  private static func percentile(_ histogram: Histogram, outside share: Double) -> ClosedRange<Float> {
    let total = histogram.counts.reduce(0.0) { $0 + Double($1) }
    func first(_ bins: some Sequence<Int>) -> Int {
      var seen = 0.0
      for bin in bins {
        seen += Double(histogram.counts[bin])
        if seen > share * total { return bin }
      }
      return 0
    }
    let high = histogram.value(first((0..<bins).reversed()) + 1)
    // A range that ends at 0, as after ReLU, keeps that end.
    let low = histogram.low == 0 ? 0 : histogram.value(first(0..<bins))
    return min(low, high)...max(low, high)
  }

  /// Of ranges that keep the same share of both sides, from an eighth to all, the one of the least cost.
  private static func best(
    _ histogram: Histogram, _ cost: (_ counts: [Double], _ kept: Range<Int>, _ zero: Int) -> Double
  ) -> ClosedRange<Float> {
    guard histogram.high > histogram.low else { return histogram.low...histogram.high }
    let zero = min(bins - 1, Int(max(0, -histogram.low) / (histogram.high - histogram.low) * Float(bins)))
    let counts = histogram.counts.map(Double.init)
    var best = (cost: Double.infinity, kept: 0..<bins)
    for share in sequence(first: 1.0, next: { $0 > 1.0 / 8 ? $0 * 0.9 : nil }) {
      let kept = zero - Int(Double(zero) * share)..<zero + Int((Double(bins - zero) * share).rounded(.up))
      let cost = cost(counts, kept, zero)
      if cost < best.cost { best = (cost, kept) }
    }
    return min(0, histogram.value(best.kept.lowerBound))...max(0, histogram.value(best.kept.upperBound))
  }

  /// What rounding and cutting off cost, in squared bins.
  private static func squares(_ counts: [Double], _ kept: Range<Int>, _ zero: Int) -> Double {
    let step = Double(kept.count) / 255
    var cost = 0.0
    for (bin, count) in counts.enumerated() where count > 0 && bin != zero {
      let beyond = Double(max(0, kept.lowerBound - bin, bin - kept.upperBound + 1))
      cost += count * (beyond > 0 ? beyond * beyond : step * step / 12)
    }
    return cost
  }

  /// How much the counts squeezed into 256 steps and spread out again differ from the true ones, what was cut off being piled
  /// up at the ends. The many exact zeros after a ReLU are no matter of the range.
  private static func divergence(_ counts: [Double], _ kept: Range<Int>, _ zero: Int) -> Double {
    guard kept.count >= 256 else { return .infinity }
    var inside = Array(counts[kept])
    inside[zero - kept.lowerBound] = 0
    var piled = inside
    piled[0] += counts[..<kept.lowerBound].reduce(0, +)
    piled[piled.count - 1] += counts[kept.upperBound...].reduce(0, +)
    let (total, totalInside) = (max(1, piled.reduce(0, +)), max(1, inside.reduce(0, +)))
    var divergence = 0.0
    for step in 0..<256 {
      let part = inside.count * step / 256..<inside.count * (step + 1) / 256
      let occupied = part.filter { inside[$0] > 0 }
      let mass = occupied.reduce(0) { $0 + inside[$1] } / totalInside / Double(max(1, occupied.count))
      for bin in part where piled[bin] > 0 {
        let share = piled[bin] / total
        divergence += share * log(share / max(mass, 1e-9))
      }
    }
    return divergence
  }
}
