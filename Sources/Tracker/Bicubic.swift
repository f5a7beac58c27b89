/// Bicubic up-sampling of a map by a whole factor, evaluated only where it is asked for.
///
/// The same surface as OpenCV's `resize` with `INTER_CUBIC`: Keys' kernel with a = -0.75, pixel centres aligned, edges
/// repeated. Enlarging 57 maps to look at a few hundred places is what makes the reference parser slow.
struct Bicubic: Sendable {
  let factor: Int
  /// Weights of the four neighbours for each of the `factor` places between two cells.
  let weights: [SIMD4<Float>]
  /// Cell left of (or above) each phase, relative to the up-sampled coordinate divided by the factor: -1 or 0.
  let cellOffset: [Int]

  /// Sums of the positive and of the negative weights in two dimensions, at their largest: they bound the surface.
  static let positiveGain: Float = 1.1875 * 1.1875 + 0.1875 * 0.1875
  static let negativeGain: Float = 2 * 1.1875 * 0.1875

  init(factor: Int) {
    self.factor = factor
    var weights: [SIMD4<Float>] = []
    var offsets: [Int] = []
    let a: Float = -0.75
    for phase in 0..<factor {
      let position = (Float(phase) + 0.5) / Float(factor) - 0.5
      let cell = position.rounded(.down)
      let x = position - cell
      let w0 = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a
      let w1 = ((a + 2) * x - (a + 3)) * x * x + 1
      let w2 = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1
      weights.append(SIMD4(w0, w1, w2, 1 - w0 - w1 - w2))
      offsets.append(Int(cell))
    }
    self.weights = weights
    cellOffset = offsets
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

  /// The surface at an up-sampled pixel of a plane of width × height cells; the pixel must be inside.
  @inline(__always)
  func value(_ plane: UnsafePointer<Float>, width: Int, height: Int, x: Int, y: Int) -> Float {
    let (column, row) = (x / factor, y / factor)
    let (phaseX, phaseY) = (x - column * factor, y - row * factor)
    let (cellX, cellY) = (column + cellOffset[phaseX], row + cellOffset[phaseY])
    let (weightsX, weightsY) = (weights[phaseX], weights[phaseY])
    var sum = SIMD4<Float>.zero
    for tap in 0..<4 {
      let line = plane + min(max(cellY - 1 + tap, 0), height - 1) * width
      sum += Self.cells(line, cellX, width) * weightsY[tap]
    }
    return (sum * weightsX).sum()
  }
}
