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
  }

  private struct Histogram: Sendable {
    var low: Float = 0
    var high: Float = 0
    var counts: [UInt32] = []

    mutating func count(_ value: Float) {
      guard value.isFinite else { return }
      let bin = Int((min(high, max(low, value)) - low) / max(high - low, 1e-30) * Float(counts.count))
      counts[min(counts.count - 1, bin)] &+= 1
    }

    /// Lower end of the values in a bin.
    func value(_ bin: Int) -> Float { low + (high - low) * Float(bin) / Float(counts.count) }
  }

  private static let bins = 1024
  /// By layer and channel.
  private var layers: [String: [Histogram]] = [:]
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
        } else if value.isFinite {
          histograms[channel].low = min(histograms[channel].low, value)
          histograms[channel].high = max(histograms[channel].high, value)
        }
      }
      layers[name] = histograms
    }
    self.layers = layers
  }

  /// Ends the first round.
  public mutating func beginCounting() {
    isCounting = true
    for (name, histograms) in layers {
      layers[name] = histograms.map {
        Histogram(low: $0.low, high: $0.high, counts: [UInt32](repeating: 0, count: Self.bins))
      }
    }
  }

  /// The ranges that a rule chooses, by layer and channel.
  public func ranges(_ rule: Rule) -> [String: [ClosedRange<Float>]] {
    layers.mapValues { histograms in
      histograms.map { histogram in
        switch rule {
        case .extremes: histogram.low...histogram.high
        case .percentile99_999: Self.percentile(histogram, outside: 1e-5)
        case .percentile99_99: Self.percentile(histogram, outside: 1e-4)
        case .divergence: Self.leastDivergence(histogram)
        }
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

  /// Ranges that keep the same share of both sides, from an eighth to all; the one after which the counts, squeezed into 256
  /// steps and spread out again, differ least from the true ones.
  private static func leastDivergence(_ histogram: Histogram) -> ClosedRange<Float> {
    let zero = histogram.low >= 0 ? 0 : Int(-histogram.low / max(histogram.high - histogram.low, 1e-30) * Float(bins))
    var best = (divergence: Double.infinity, first: 0, last: bins)
    for share in stride(from: 1.0, through: 0.125, by: -1.0 / 64) {
      let first = zero - Int(Double(zero) * share)
      let last = zero + Int(Double(bins - zero) * share)
      guard last - first >= 256 else { continue }
      var kept = histogram.counts[first..<last].map { Double($0) }
      kept[0] += histogram.counts[..<first].reduce(0) { $0 + Double($1) }
      kept[kept.count - 1] += histogram.counts[last...].reduce(0) { $0 + Double($1) }
      let total = max(kept.reduce(0, +), 1)
      var divergence = 0.0
      for step in 0..<256 {
        let part = kept.count * step / 256..<kept.count * (step + 1) / 256
        let occupied = part.filter { kept[$0] > 0 }
        // Inside the range only: what was cut off has piled up at the ends, which the steps do not know.
        let mass = part.reduce(0) { $0 + Double(histogram.counts[first + $1]) }
        guard !occupied.isEmpty else { continue }
        let spread = max(mass / Double(occupied.count), 1e-3)
        for bin in occupied { divergence += kept[bin] / total * log(kept[bin] / spread) }
      }
      if divergence < best.divergence { best = (divergence, first, last) }
    }
    return min(0, histogram.value(best.first))...max(0, histogram.value(best.last))
  }
}
