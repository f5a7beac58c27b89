#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What bad cameras and strong compression do to a picture: blur, noise, blocks.
struct Degradation {
  private let blurs: Int
  /// Standard deviation, in the planes' unit (1 / 256 of the range).
  private let noise: Float
  /// Step of the quantised coefficients at the lowest frequency, in the planes' unit; 0 for none.
  private let step: Float

  /// Draws which of them happen, and how strongly.
  init(_ augmentation: Augmentation, _ random: inout SeededRandom) {
    blurs = random.chance(augmentation.blur) ? Int.random(in: 1...6, using: &random) : 0
    noise = random.chance(augmentation.noise) ? Float(random.uniform(1, 10)) / 256 : 0
    step = random.chance(augmentation.compression) ? Float(random.uniform(4, 24)) / 256 : 0
  }

  /// - Parameter planes: 3 × height × width, sides multiples of 8.
  func apply(
    to planes: UnsafeMutableBufferPointer<Float>, width: Int, height: Int, _ random: inout SeededRandom
  ) {
    guard let base = planes.baseAddress else { return }
    for channel in 0..<3 {
      let plane = base + channel * width * height
      for _ in 0..<blurs { Self.blur(plane, width: width, height: height) }
    }
    if noise > 0 { addNoise(base, count: width * height, &random) }
    if step > 0 {
      for channel in 0..<3 { quantise(base + channel * width * height, width: width, height: height) }
    }
  }

  /// Weights 1 2 1 along both axes: six times has a standard deviation of 1.7 pixels.
  private static func blur(_ plane: UnsafeMutablePointer<Float>, width: Int, height: Int) {
    for y in 0..<height {
      let row = plane + y * width
      var before = row[0]
      for x in 0..<width {
        let here = row[x]
        row[x] = (before + 2 * here + row[min(x + 1, width - 1)]) / 4
        before = here
      }
    }
    var before = [Float](unsafeUninitializedCapacity: width) { line, count in
      for x in 0..<width { line[x] = plane[x] }
      count = width
    }
    for y in 0..<height {
      let (row, next) = (plane + y * width, plane + min(y + 1, height - 1) * width)
      for x in 0..<width {
        let here = row[x]
        row[x] = (before[x] + 2 * here + next[x]) / 4
        before[x] = here
      }
    }
  }

  /// The same in all colours, as in the dark.
  private func addNoise(_ planes: UnsafeMutablePointer<Float>, count: Int, _ random: inout SeededRandom) {
    // The sum of four bytes is close to normal, with a standard deviation of 147.8.
    let scale = noise / 147.8
    for index in stride(from: 0, to: count - 1, by: 2) {
      let bits = random.next()
      for half in 0..<2 {
        let part = UInt32(truncatingIfNeeded: bits >> (32 * UInt64(half)))
        let sum = part & 255 + part >> 8 & 255 + part >> 16 & 255 + part >> 24
        let value = (Float(sum) - 510) * scale
        for channel in 0..<3 {
          let place = channel * count + index + half
          planes[place] = min(127 / 256, max(-0.5, planes[place] + value))
        }
      }
    }
  }

  /// Blocks of 8 × 8 through a cosine transform whose coefficients are rounded to steps that grow with the frequency.
  private func quantise(_ plane: UnsafeMutablePointer<Float>, width: Int, height: Int) {
    let cosines = Self.cosines
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 128) { memory in
      let (block, half) = (memory.baseAddress.unsafelyUnwrapped, memory.baseAddress.unsafelyUnwrapped + 64)
      for top in stride(from: 0, to: height - 7, by: 8) {
        for left in stride(from: 0, to: width - 7, by: 8) {
          let corner = plane + (top * width + left)
          for y in 0..<8 { for x in 0..<8 { block[8 * y + x] = corner[y * width + x] } }
          Self.transform(block, half, cosines, isInverse: false)
          for v in 0..<8 {
            for u in 0..<8 {
              let size = step * (1 + Float(u + v) / 2)
              block[8 * v + u] = (block[8 * v + u] / size).rounded() * size
            }
          }
          Self.transform(block, half, cosines, isInverse: true)
          for y in 0..<8 { for x in 0..<8 { corner[y * width + x] = min(127 / 256, max(-0.5, block[8 * y + x])) } }
        }
      }
    }
  }

  /// [frequency][place] of the orthonormal cosine transform of 8 values.
  private static let cosines: [Float] = (0..<64).map { index in
    let (u, x) = (index / 8, index % 8)
    return Float(cos(Double(2 * x + 1) * Double(u) * .pi / 16) * (u == 0 ? 0.125.squareRoot() : 0.5))
  }

  private static func transform(
    _ block: UnsafeMutablePointer<Float>, _ half: UnsafeMutablePointer<Float>, _ cosines: [Float], isInverse: Bool
  ) {
    cosines.withUnsafeBufferPointer { c in
      func pass(_ from: UnsafeMutablePointer<Float>, _ to: UnsafeMutablePointer<Float>) {
        // Transposes on the way, so that the second pass does the other axis.
        for line in 0..<8 {
          for out in 0..<8 {
            var sum: Float = 0
            for k in 0..<8 { sum += from[8 * line + k] * (isInverse ? c[8 * k + out] : c[8 * out + k]) }
            to[8 * out + line] = sum
          }
        }
      }
      pass(block, half)
      pass(half, block)
    }
  }
}
