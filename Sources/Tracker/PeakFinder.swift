/// Finds the peaks of heat-maps on the bicubic surface between their cells.
///
/// A block is what lies between four neighbouring cells. Only blocks whose surface can reach the threshold are evaluated, into
/// one plane that is zero elsewhere, which is what thresholding makes of the rest anyway: the peaks are those of the whole
/// enlarged map.
struct PeakFinder: Sendable {
  struct Peak {
    var x: Int
    var y: Int
    var score: Float
  }

  private let bicubic: Bicubic
  private let threshold: Float
  /// The enlarged map, zero outside the active blocks.
  private var plane: [Float] = []
  private var isActive: [Bool] = []
  private var activeBlocks: [(x: Int, y: Int)] = []

  init(factor: Int, threshold: Float) {
    bicubic = Bicubic(factor: factor)
    self.threshold = threshold
  }

  /// The surface at an up-sampled pixel, from the last map searched; 0 outside the map or below the threshold.
  func value(x: Int, y: Int, width: Int, height: Int) -> Float {
    guard x >= 0, y >= 0, x < width * bicubic.factor, y < height * bicubic.factor else { return 0 }
    return plane[y * width * bicubic.factor + x]
  }

  /// Peaks of one plane of height × width cells: strictly above their four neighbours, the outside being 0. In up-sampled
  /// pixels, ordered by x, then y. `visit` is called while the surface can still be read by `value`.
  mutating func peaks(
    in map: UnsafePointer<Float>, width: Int, height: Int, limit: Int, visit: (inout [Peak], PeakFinder) -> Void
  ) -> [Peak] {
    let factor = bicubic.factor
    let (fullWidth, fullHeight) = (width * factor, height * factor)
    // Blocks begin half a cell before the first cell and end half a cell after the last.
    let (columns, rows) = (width + 1, height + 1)
    if plane.count != fullWidth * fullHeight || isActive.count != columns * rows {
      plane = [Float](repeating: 0, count: fullWidth * fullHeight)
      isActive = [Bool](repeating: false, count: columns * rows)
      activeBlocks.removeAll(keepingCapacity: true)
    }
    activate(map, width: width, height: height, columns: columns, rows: rows)
    guard !activeBlocks.isEmpty else { return [] }

    var peaks: [Peak] = []
    // Taken out while it is written, since the rest of `self` is read meanwhile.
    var surface: [Float] = []
    swap(&surface, &plane)
    surface.withUnsafeMutableBufferPointer { plane in
      guard let plane = plane.baseAddress else { return }
      for block in activeBlocks {
        evaluate(block, map, into: plane, width: width, height: height)
      }
      for block in activeBlocks {
        let (xs, ys) = (pixels(ofBlock: block.x, fullWidth), pixels(ofBlock: block.y, fullHeight))
        for y in ys {
          let row = plane + y * fullWidth
          for x in xs {
            let value = row[x]
            guard value > 0, value > (x > 0 ? row[x - 1] : 0), value > (x + 1 < fullWidth ? row[x + 1] : 0),
              value > (y > 0 ? row[x - fullWidth] : 0), value > (y + 1 < fullHeight ? row[x + fullWidth] : 0)
            else { continue }
            peaks.append(Peak(x: x, y: y, score: value))
          }
        }
      }
    }
    swap(&surface, &plane)
    if peaks.count > limit {
      peaks.sort { ($0.score, $1.x, $1.y) > ($1.score, $0.x, $0.y) }
      peaks.removeLast(peaks.count - limit)
    }
    peaks.sort { ($0.x, $0.y) < ($1.x, $1.y) }
    visit(&peaks, self)
    clear(fullWidth: fullWidth, fullHeight: fullHeight, columns: columns)
    return peaks
  }

  /// Pixels of a block along one axis.
  private func pixels(ofBlock block: Int, _ count: Int) -> Range<Int> {
    let first = (block - 1) * bicubic.factor + bicubic.factor / 2
    return max(0, first)..<min(count, first + bicubic.factor)
  }

  private mutating func activate(_ map: UnsafePointer<Float>, width: Int, height: Int, columns: Int, rows: Int) {
    let count = width * height
    var lowest: Float = 0
    for cell in 0..<count { lowest = min(lowest, map[cell]) }
    let reach = (threshold + Bicubic.negativeGain * lowest) / Bicubic.positiveGain
    isActive.withUnsafeMutableBufferPointer { isActive in
      for y in 0..<height {
        let line = map + y * width
        for x in 0..<width where line[x] >= reach {
          // Block b lies between cells b - 1 and b, and its surface depends on cells b - 2 ... b + 1.
          for blockY in max(0, y - 1)...min(rows - 1, y + 2) {
            for blockX in max(0, x - 1)...min(columns - 1, x + 2) where !isActive[blockY * columns + blockX] {
              isActive[blockY * columns + blockX] = true
              activeBlocks.append((blockX, blockY))
            }
          }
        }
      }
    }
  }

  private func evaluate(
    _ block: (x: Int, y: Int), _ map: UnsafePointer<Float>, into plane: UnsafeMutablePointer<Float>, width: Int,
    height: Int
  ) {
    let (factor, fullWidth) = (bicubic.factor, width * bicubic.factor)
    let (xs, ys) = (pixels(ofBlock: block.x, fullWidth), pixels(ofBlock: block.y, height * factor))
    var cells = (SIMD4<Float>.zero, SIMD4<Float>.zero, SIMD4<Float>.zero, SIMD4<Float>.zero)
    func line(_ tap: Int) -> SIMD4<Float> {
      Bicubic.cells(map + min(max(block.y - 2 + tap, 0), height - 1) * width, block.x - 1, width)
    }
    cells = (line(0), line(1), line(2), line(3))
    let isWhole = xs.count == factor && factor >= 4
    let limit = SIMD4<Float>(repeating: threshold)
    for y in ys {
      let weights = bicubic.weights[y % factor]
      // The four columns, interpolated vertically.
      let column = cells.0 * weights.x + cells.1 * weights.y + cells.2 * weights.z + cells.3 * weights.w
      let row = plane + (y * fullWidth + xs.lowerBound)
      if isWhole {
        for group in stride(from: 0, to: factor, by: 4) {
          let weights = bicubic.blockWeights
          let left = weights[group] * column.x + weights[group + 1] * column.y
          let value = left + (weights[group + 2] * column.z + weights[group + 3] * column.w)
          UnsafeMutableRawPointer(row + group).storeBytes(
            of: value.replacing(with: 0, where: value .< limit), as: SIMD4<Float>.self)
        }
      } else {
        for x in xs {
          let value = (column * bicubic.weights[x % factor]).sum()
          row[x - xs.lowerBound] = value >= threshold ? value : 0
        }
      }
    }
  }

  private mutating func clear(fullWidth: Int, fullHeight: Int, columns: Int) {
    for block in activeBlocks {
      isActive[block.y * columns + block.x] = false
      let xs = pixels(ofBlock: block.x, fullWidth)
      for y in pixels(ofBlock: block.y, fullHeight) {
        for x in xs { plane[y * fullWidth + x] = 0 }
      }
    }
    activeBlocks.removeAll(keepingCapacity: true)
  }
}
