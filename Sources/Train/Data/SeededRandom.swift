/// Random numbers that depend on a seed and a stream's numbers alone: SplitMix64 (Steele, Lea, Flood 2014).
struct SeededRandom: RandomNumberGenerator {
  private var state: UInt64

  /// - Parameter stream: what the numbers are for, e.g. an epoch or a sample; each gives other ones.
  init(seed: UInt64, stream: Int...) {
    state = seed
    for number in stream { state = next() ^ UInt64(bitPattern: Int64(number)) }
  }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var bits = state
    bits = (bits ^ bits >> 30) &* 0xBF58_476D_1CE4_E5B9
    bits = (bits ^ bits >> 27) &* 0x94D0_49BB_1331_11EB
    return bits ^ bits >> 31
  }

  mutating func uniform(_ from: Double, _ to: Double) -> Double {
    from + (to - from) * Double(next() >> 11) * 0x1p-53
  }

  /// True with a probability. What is off draws nothing, so that an option added later leaves older runs as they were.
  mutating func chance(_ probability: Double) -> Bool { probability > 0 && uniform(0, 1) < probability }
}
