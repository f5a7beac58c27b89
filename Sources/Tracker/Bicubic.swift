/// Bicubic up-sampling of a map by a whole factor, evaluated only where it is asked for.
///
/// The same surface as OpenCV's `resize` with `INTER_CUBIC`: Keys' kernel with a = -0.75, pixel centres aligned, edges
/// repeated. Enlarging 57 maps to look at a few hundred places is what makes the reference parser slow.
struct Bicubic: Sendable {
  let factor: Int
  /// Weights of the four neighbours for each of the `factor` places between two cells.
  let weights: [SIMD4<Float>]
  private let shift: Int

  /// Weights by cell for four neighbouring pixels at once: entry 4 g + t holds the weights of cell t for the pixels 4 g ... 4 g + 3
  /// between two cells.
  let blockWeights: [SIMD4<Float>]

  /// Sums of the positive and of the negative weights in two dimensions, at their largest: they bound the surface.
  static let positiveGain: Float = 1.1875 * 1.1875 + 0.1875 * 0.1875
  static let negativeGain: Float = 2 * 1.1875 * 0.1875

  /// - Parameter factor: a power of two, 4 or more; or 1 for maps that have their full size already.
  init(factor: Int) {
    self.factor = factor
    var weights: [SIMD4<Float>] = []
    let a: Float = -0.75
    for phase in 0..<factor {
      let position = (Float(phase) + 0.5) / Float(factor) - 0.5
      let cell = position.rounded(.down)
      let x = position - cell
      let w0 = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a
      let w1 = ((a + 2) * x - (a + 3)) * x * x + 1
      let w2 = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1
      weights.append(SIMD4(w0, w1, w2, 1 - w0 - w1 - w2))
    }
    self.weights = weights
    shift = factor.trailingZeroBitCount
    blockWeights = (0..<factor).map { entry in
      var column = SIMD4<Float>.zero
      for pixel in 0..<4 { column[pixel] = weights[(entry / 4 * 4 + pixel + factor / 2) % factor][entry % 4] }
      return column
    }
  }

  /// The four cells of a row from `x - 1` on, repeated at the edges.
  @inline(__always)
  static func cells(_ row: UnsafePointer<Float>, _ x: Int, _ width: Int) -> SIMD4<Float> {
    if x >= 1 && x + 2 < width {
      return UnsafeRawPointer(row + (x - 1)).loadUnaligned(as: SIMD4<Float>.self)
    }
    let last = width - 1
    return SIMD4(
      row[min(max(x - 1, 0), last)], row[min(max(x, 0), last)], row[min(max(x + 1, 0), last)],
      row[min(max(x + 2, 0), last)])
  }

  /// Two surfaces at one up-sampled pixel, which must be inside; planes of width × height cells.
  @inline(__always)
  func values(
    _ first: UnsafePointer<Float>, _ second: UnsafePointer<Float>, width: Int, height: Int, x: Int, y: Int
  ) -> (Float, Float) {
    let (phaseX, phaseY) = (x & (factor - 1), y & (factor - 1))
    // Left of the middle of a cell the four cells begin one further to the left.
    let cellX = (x >> shift) - (phaseX < factor / 2 ? 1 : 0)
    let cellY = (y >> shift) - (phaseY < factor / 2 ? 1 : 0)
    let (weightsX, weightsY) = (weights[phaseX], weights[phaseY])
    var (sumOfFirst, sumOfSecond) = (SIMD4<Float>.zero, SIMD4<Float>.zero)
    for tap in 0..<4 {
      let line = min(max(cellY - 1 + tap, 0), height - 1) * width
      sumOfFirst += Self.cells(first + line, cellX, width) * weightsY[tap]
      sumOfSecond += Self.cells(second + line, cellX, width) * weightsY[tap]
    }
    return ((sumOfFirst * weightsX).sum(), (sumOfSecond * weightsX).sum())
  }
}
