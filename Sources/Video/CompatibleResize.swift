/// OpenCV's `resize` with `INTER_LINEAR` by a given factor, to the bit: 11-bit weights, two taps whatever the factor,
/// and the mean of four pixels where the factor is exactly one half.
struct CompatibleResize {
  /// Where the left tap's bytes start, and both taps' weights.
  private var columns: [(offset: Int, left: Int32, right: Int32)] = []
  private var key = (0, 0, 0.0)

  /// Rows of 3 bytes per pixel, in memory.
  struct Pixels {
    var bytes: UnsafeRawBufferPointer
    var width: Int
    var height: Int
    var bytesPerRow: Int
  }

  /// `to`, without padding between rows, has `from`'s size times `scale`, rounded half to even.
  mutating func run(
    _ from: Pixels, into to: UnsafeMutableRawBufferPointer, width toWidth: Int, height toHeight: Int, scale: Double
  ) {
    guard let source = from.bytes.baseAddress?.assumingMemoryBound(to: UInt8.self),
      let target = to.baseAddress?.assumingMemoryBound(to: UInt8.self)
    else { return }
    let (width, height) = (from.width, from.height)
    let (sourceRow, targetRow) = (from.bytesPerRow, 3 * toWidth)
    let step = 1 / scale
    if step == 2, width % 2 == 0, height % 2 == 0 {
      for y in 0..<toHeight {
        let (above, below) = (source + 2 * y * sourceRow, source + (2 * y + 1) * sourceRow)
        for x in 0..<toWidth {
          for c in 0..<3 {
            let i = 6 * x + c
            let sum = Int(above[i]) + Int(above[i + 3]) + Int(below[i]) + Int(below[i + 3])
            target[y * targetRow + 3 * x + c] = UInt8((sum + 2) >> 2)
          }
        }
      }
      return
    }
    if key != (width, toWidth, scale) {
      columns = (0..<toWidth).map { x in
        let (first, share) = Self.tap(x, step)
        if first < 0 { return (0, 2048, 0) }
        return first + 1 >= width
          ? (3 * (width - 1), 2048, 0) : (3 * first, Self.weight(1 - share), Self.weight(share))
      }
      key = (width, toWidth, scale)
    }
    for y in 0..<toHeight {
      let (first, share) = Self.tap(y, step)
      let above = source + min(max(first, 0), height - 1) * sourceRow
      let below = source + min(max(first + 1, 0), height - 1) * sourceRow
      let (upper, lower) = (Self.weight(1 - share), Self.weight(share))
      var out = target + y * targetRow
      for (offset, left, right) in columns {
        // At the right edge the second tap has no weight; it must not lie outside either.
        let next = right == 0 ? offset : offset + 3
        for c in 0..<3 {
          let top = Int32(above[offset + c]) * left + Int32(above[next + c]) * right
          let bottom = Int32(below[offset + c]) * left + Int32(below[next + c]) * right
          out[c] = UInt8(clamping: ((upper * (top >> 4)) >> 16 + (lower * (bottom >> 4)) >> 16 + 2) >> 2)
        }
        out += 3
      }
    }
  }

  private static func tap(_ index: Int, _ step: Double) -> (first: Int, share: Float) {
    let position = Float((Double(index) + 0.5) * step - 0.5)
    let first = position.rounded(.down)
    return (Int(first), position - first)
  }

  private static func weight(_ share: Float) -> Int32 { Int32((share * 2048).rounded(.toNearestOrEven)) }
}
