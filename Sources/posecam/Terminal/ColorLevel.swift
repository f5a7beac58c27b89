/// An 8-bit RGB colour, or the terminal's own (`standard`).
struct Color: Hashable, Sendable {
  let raw: UInt32

  static let standard = Color(raw: 1 << 24)

  init(raw: UInt32) { self.raw = raw }
  init(_ red: UInt8, _ green: UInt8, _ blue: UInt8) { raw = UInt32(red) << 16 | UInt32(green) << 8 | UInt32(blue) }

  var red: Int { Int(raw >> 16 & 255) }
  var green: Int { Int(raw >> 8 & 255) }
  var blue: Int { Int(raw & 255) }

  /// Perceived brightness, 0...255 (ITU-R BT.601 weights).
  var luma: Int { (299 * red + 587 * green + 114 * blue) / 1000 }

  /// Largest difference of a channel; the standard colour is far from all others.
  func distance(to other: Color) -> Int {
    if raw == other.raw { return 0 }
    if (raw | other.raw) >> 24 != 0 { return 256 }
    return max(abs(red - other.red), abs(green - other.green), abs(blue - other.blue))
  }
}

/// How many colours a terminal shows; every step down loses a little and stays legible.
enum ColorLevel: Int, Comparable, CaseIterable, Sendable {
  case mono, ansi8, ansi16, indexed, direct

  static func < (a: ColorLevel, b: ColorLevel) -> Bool { a.rawValue < b.rawValue }

  /// The code of the terminal's own colour.
  static let standardCode: UInt32 = .max

  /// What is sent for a colour: RGB, an index, or `standardCode`. With `dither`, the 8 × 8 ordered threshold of cell
  /// pixel (x, y) is added first, so that areas of a picture keep their brightness on average.
  func code(for color: Color, dither: (x: Int, y: Int)? = nil) -> UInt32 {
    if self == .mono || color == .standard { return Self.standardCode }
    if self == .direct { return color.raw }
    let threshold = dither.map { Self.bayer[($0.y & 7) * 8 + ($0.x & 7)] - 32 } ?? 0  // -32...31
    if self == .indexed { return Self.indexedCode(color, threshold) }
    let count = self == .ansi16 ? 16 : 8
    if dither != nil {
      // More contrast, so that white and black stay pure whatever the threshold.
      func shifted(_ value: Int) -> Int { 128 + (value - 128) * 13 / 10 + threshold * 70 / 64 }
      return Self.nearest(shifted(color.red), shifted(color.green), shifted(color.blue), among: count)
    }
    // Text is told apart by hue: greys keep to the terminal's own colour, others become pure.
    let (low, high) = (min(color.red, color.green, color.blue), max(color.red, color.green, color.blue))
    if high - low < 40 {
      return high < 64
        ? 0 : count == 16 ? Self.nearest(color.red, color.green, color.blue, among: 16) : Self.standardCode
    }
    func pure(_ value: Int) -> Int { (value - low) * 255 / (high - low) }
    return Self.nearest(pure(color.red), pure(color.green), pure(color.blue), among: count)
  }

  /// Of the 256: the nearer of the 6 × 6 × 6 cube and the 24 greys, never of the first 16, which themes change. Half of a
  /// full threshold is enough: cells are large, and a pattern shows more than a slight step.
  private static func indexedCode(_ color: Color, _ threshold: Int) -> UInt32 {
    let shift = threshold * 20 / 64
    let (r, g, b) = (cube(color.red + shift), cube(color.green + shift), cube(color.blue + shift))
    let step = max(0, min(23, (color.luma + threshold * 6 / 64 - 3) / 10))
    let grey = 8 + 10 * step
    func distance(_ x: Int, _ y: Int, _ z: Int) -> Int {
      let (dr, dg, db) = (x - color.red, y - color.green, z - color.blue)
      return 3 * dr * dr + 6 * dg * dg + 2 * db * db
    }
    // A grey in place of a dark colour costs its hue, which the eye misses more than brightness.
    let spread = max(color.red, color.green, color.blue) - min(color.red, color.green, color.blue)
    return distance(grey, grey, grey) + spread * spread < distance(levels[r], levels[g], levels[b])
      ? UInt32(232 + step) : UInt32(16 + 36 * r + 6 * g + b)
  }

  private static let levels = [0, 95, 135, 175, 215, 255]

  /// The index of the nearest level.
  private static func cube(_ value: Int) -> Int {
    value < 48 ? 0 : value < 115 ? 1 : min(5, (value - 35) / 40)
  }

  /// Weighted squared distance to xterm's default colours.
  private static func nearest(_ red: Int, _ green: Int, _ blue: Int, among count: Int) -> UInt32 {
    var (best, bestDistance) = (0, Int.max)
    for index in 0..<count {
      let entry = ansi[index]
      let (r, g, b) = (red - entry.red, green - entry.green, blue - entry.blue)
      let distance = 3 * r * r + 6 * g * g + 2 * b * b
      if distance < bestDistance { (best, bestDistance) = (index, distance) }
    }
    return UInt32(best)
  }

  static let ansi: [Color] = [
    Color(0, 0, 0), Color(205, 0, 0), Color(0, 205, 0), Color(205, 205, 0), Color(0, 0, 238), Color(205, 0, 205),
    Color(0, 205, 205), Color(229, 229, 229), Color(127, 127, 127), Color(255, 0, 0), Color(0, 255, 0),
    Color(255, 255, 0), Color(92, 92, 255), Color(255, 0, 255), Color(0, 255, 255), Color(255, 255, 255),
  ]

  /// Bayer's 8 × 8 matrix, 0...63: bits of x ^ y and y interleaved, most significant last.
  private static let bayer: [Int] = (0..<64).map { index in
    let (x, y) = (index & 7, index >> 3)
    return (0..<3).reduce(0) { value, bit in
      value | ((x ^ y) >> bit & 1) << (5 - 2 * bit) | (y >> bit & 1) << (4 - 2 * bit)
    }
  }
}
