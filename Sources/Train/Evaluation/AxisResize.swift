/// Cubic resizing along one axis: which input values make up each output value.
///
/// OpenCV's `INTER_CUBIC` (Keys' kernel with a = -0.75, pixel centres aligned, edges repeated). Two such steps one after the
/// other, and a crop between them, are one step with a few more taps.
struct AxisResize: Sendable {
  /// Per output value: its first input value.
  private(set) var first: [Int] = []
  /// Per output value, `taps` weights.
  private(set) var weights: [Float] = []
  private(set) var taps = 4
  let inputCount: Int

  var count: Int { first.count }

  /// - Parameter step: input values per output value; by default what makes the ends meet.
  init(from inputCount: Int, to count: Int, step: Double? = nil) {
    self.inputCount = inputCount
    let step = step ?? Double(inputCount) / Double(count)
    set(
      (0..<count).map { index in
        let position = (Double(index) + 0.5) * step - 0.5
        let cell = position.rounded(.down)
        let kernel = Self.kernel(position - cell)
        return (0..<4).map { (min(max(Int(cell) - 1 + $0, 0), inputCount - 1), kernel[$0]) }
      })
  }

  /// What `later` makes of the outputs from `skipped` on of this one.
  func then(_ later: AxisResize, skipping skipped: Int) -> AxisResize {
    var joined = self
    joined.set(
      (0..<later.count).map { index in
        (0..<later.taps).flatMap { tap in
          let middle = skipped + min(later.first[index] + tap, later.inputCount - 1)
          let weight = Double(later.weights[index * later.taps + tap])
          return (0..<taps).map {
            (min(first[middle] + $0, inputCount - 1), weight * Double(weights[middle * taps + $0]))
          }
        }
      })
    return joined
  }

  private mutating func set(_ rows: [[(cell: Int, weight: Double)]]) {
    let ranges = rows.map { row in
      (first: row.map(\.cell).min() ?? 0, last: row.filter { $0.weight != 0 }.map(\.cell).max() ?? 0)
    }
    taps = max(1, ranges.map { $0.last - $0.first + 1 }.max() ?? 1)
    taps = min(taps, inputCount)
    first = ranges.map { min($0.first, inputCount - taps) }
    weights = [Float](repeating: 0, count: rows.count * taps)
    for (index, row) in rows.enumerated() {
      for (cell, weight) in row where weight != 0 { weights[index * taps + cell - first[index]] += Float(weight) }
    }
  }

  private static func kernel(_ x: Double) -> [Double] {
    let a = -0.75
    let w0 = ((a * (x + 1) - 5 * a) * (x + 1) + 8 * a) * (x + 1) - 4 * a
    let w1 = ((a + 2) * x - (a + 3)) * x * x + 1
    let w2 = ((a + 2) * (1 - x) - (a + 3)) * (1 - x) * (1 - x) + 1
    return [w0, w1, w2, 1 - w0 - w1 - w2]
  }

  /// Adds `share` times a resized plane to another one.
  /// - Parameters:
  ///   - plane: rows of `columns.inputCount` values; the first row is `rows`' input 0.
  ///   - sum: `rows.count` rows of `columns.count` values.
  static func add(
    _ plane: UnsafePointer<Float>, columns: AxisResize, rows: AxisResize, share: Float,
    to sum: UnsafeMutablePointer<Float>, scratch: inout [Float]
  ) {
    let (width, stored) = (columns.count, columns.inputCount)
    if scratch.count < width * rows.inputCount { scratch = [Float](repeating: 0, count: width * rows.inputCount) }
    scratch.withUnsafeMutableBufferPointer { scratch in
      guard let wide = scratch.baseAddress else { return }
      columns.weights.withUnsafeBufferPointer { weights in
        columns.first.withUnsafeBufferPointer { first in
          for y in 0..<rows.inputCount {
            let (from, to) = (plane + y * stored, wide + y * width)
            for x in 0..<width {
              var value: Float = 0
              for tap in 0..<columns.taps { value += from[first[x] + tap] * weights[x * columns.taps + tap] }
              to[x] = value
            }
          }
        }
      }
      for y in 0..<rows.count {
        let to = sum + y * width
        for tap in 0..<rows.taps {
          let weight = rows.weights[y * rows.taps + tap] * share
          guard weight != 0 else { continue }
          let from = wide + (rows.first[y] + tap) * width
          for x in 0..<width { to[x] += weight * from[x] }
        }
      }
    }
  }
}
