/// The random numbers of Python's `random` module, so that a shuffle gives what a script of the reference gives.
///
/// Mersenne Twister MT19937: Matsumoto and Nishimura, "Mersenne Twister: a 623-dimensionally equidistributed uniform
/// pseudo-random number generator" (1998); seeding and shuffling as in CPython 3.
struct PythonRandom {
  private var state = [UInt32](repeating: 0, count: 624)
  private var position = 624

  init(seed: UInt32) {
    state[0] = 19_650_218
    for index in 1..<624 {
      state[index] = 1_812_433_253 &* (state[index - 1] ^ state[index - 1] >> 30) &+ UInt32(index)
    }
    var index = 1
    func advance(_ state: inout [UInt32]) {
      index += 1
      if index == 624 {
        state[0] = state[623]
        index = 1
      }
    }
    for _ in 0..<624 {
      state[index] = (state[index] ^ (state[index - 1] ^ state[index - 1] >> 30) &* 1_664_525) &+ seed
      advance(&state)
    }
    for _ in 0..<623 {
      state[index] = (state[index] ^ (state[index - 1] ^ state[index - 1] >> 30) &* 1_566_083_941) &- UInt32(index)
      advance(&state)
    }
    state[0] = 0x8000_0000
  }

  mutating func next() -> UInt32 {
    if position == 624 {
      for index in 0..<624 {
        let bits = state[index] & 0x8000_0000 | state[(index + 1) % 624] & 0x7FFF_FFFF
        state[index] = state[(index + 397) % 624] ^ bits >> 1 ^ (bits & 1 == 1 ? 0x9908_B0DF : 0)
      }
      position = 0
    }
    var value = state[position]
    position += 1
    value ^= value >> 11
    value ^= value << 7 & 0x9D2C_5680
    value ^= value << 15 & 0xEFC6_0000
    return value ^ value >> 18
  }

  /// `random.shuffle`, of fewer than 2³² elements.
  mutating func shuffle<Element>(_ list: inout [Element]) {
    for last in stride(from: list.count - 1, to: 0, by: -1) {
      let bits = UInt32(Int.bitWidth - (last + 1).leadingZeroBitCount)
      var other = Int(next() >> (32 - bits))
      while other > last { other = Int(next() >> (32 - bits)) }
      list.swapAt(last, other)
    }
  }
}
