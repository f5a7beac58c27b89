/// Gradients that travel together: layers side by side in memory, split so that a bucket is on its way while the layers before
/// it compute theirs (Li et al., "PyTorch Distributed", VLDB 2020, section 3.2.3).
struct GradientBuckets {
  /// Of the floats of all gradients; the last layers first, since theirs are complete first.
  let ranges: [Range<Int>]
  /// By layer.
  private let places: [String: Int]
  private let layers: [Int]
  /// Layers that are not complete, by bucket.
  private var missing: [Int]

  /// - Parameters:
  ///   - entries: of all layers in their order; tensors are named `<layer>.<what>`.
  ///   - size: floats from which on a bucket is full.
  init(_ entries: [ParameterSet.Entry], size: Int = 1 << 18) {
    var ranges: [Range<Int>] = []
    var places: [String: Int] = [:]
    var layers: [Int] = []
    for entry in entries.reversed() {
      let layer = Self.layer(of: entry.name)
      if places[layer] == nil {
        if let last = ranges.last, last.count < size {
          layers[layers.count - 1] += 1
        } else {
          ranges.append(entry.range.upperBound..<entry.range.upperBound)
          layers.append(1)
        }
        places[layer] = ranges.count - 1
      }
      // A layer's tensors lie side by side.
      ranges[ranges.count - 1] = entry.range.lowerBound..<ranges[ranges.count - 1].upperBound
    }
    (self.ranges, self.places, self.layers, missing) = (ranges, places, layers, layers)
  }

  private static func layer(of name: String) -> String {
    name.lastIndex(of: ".").map { String(name[..<$0]) } ?? name
  }

  /// Begins the next step.
  mutating func reset() { missing = layers }

  /// Notes that a layer's gradients are complete.
  /// - Returns: the bucket, if this was its last layer.
  mutating func complete(_ layer: String) -> Range<Int>? {
    guard let place = places[layer] else { return nil }
    missing[place] -= 1
    return missing[place] == 0 ? ranges[place] : nil
  }
}
