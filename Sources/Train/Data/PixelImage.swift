/// A picture in memory as the network takes it: 8 bits of blue, green and red, row-major, no padding.
struct PixelImage: Sendable {
  let width: Int
  let height: Int
  /// height × width × 3.
  var bytes: [UInt8]
  /// Bytes of the file it was read from, 0 if from none.
  var fileSize = 0

  /// Half as wide and high: the mean of four pixels each. A last odd row or column is dropped.
  var halved: PixelImage {
    let (halfWidth, halfHeight) = (max(1, width / 2), max(1, height / 2))
    let (right, below) = (width > 1 ? 3 : 0, height > 1 ? 3 * width : 0)
    var half = PixelImage(
      width: halfWidth, height: halfHeight, bytes: [UInt8](repeating: 0, count: 3 * halfWidth * halfHeight))
    bytes.withUnsafeBufferPointer { from in
      half.bytes.withUnsafeMutableBufferPointer { to in
        for y in 0..<halfHeight {
          for x in 0..<halfWidth {
            for c in 0..<3 {
              let i = (2 * y * width + 2 * x) * 3 + c
              let sum = Int(from[i]) + Int(from[i + right]) + Int(from[i + below]) + Int(from[i + right + below])
              to[(y * halfWidth + x) * 3 + c] = UInt8((sum + 2) >> 2)
            }
          }
        }
      }
    }
    return half
  }
}

/// A part of the network's input, in pixels.
struct Tile: Equatable, Sendable {
  var left: Int
  var top: Int
  var right: Int
  var bottom: Int

  var width: Int { right - left }
  var height: Int { bottom - top }

  func contains(_ point: (x: Double, y: Double)) -> Bool {
    point.x >= Double(left) - 0.5 && point.x < Double(right) - 0.5 && point.y >= Double(top) - 0.5
      && point.y < Double(bottom) - 0.5
  }
}

extension Tile {
  /// The smallest one that holds some places, cut to a picture's size.
  init(around places: [(x: Double, y: Double)], width: Int, height: Int) {
    // What is far outside must not overflow a whole number.
    func range(_ values: [Double], _ length: Int) -> (Int, Int) {
      let first = min(max(0, (values.min() ?? 0).rounded(.down)), Double(length))
      let last = min(max(first, (values.max() ?? 0).rounded(.down) + 1), Double(length))
      return (Int(first), Int(last))
    }
    (left, right) = range(places.map(\.x), width)
    (top, bottom) = range(places.map(\.y), height)
  }
}

extension PixelImage {
  /// Draws this picture over a tile of three planes, as far as `cover` says of each of their pixels: 0 to 1.
  func draw(
    into planes: UnsafeMutablePointer<Float>, width planeWidth: Int, height planeHeight: Int, tile: Tile,
    transform: Affine, colour: ColourChange, cover: (_ x: Int, _ y: Int) -> Float
  ) {
    let (plane, size) = (planeWidth * planeHeight, tile.width * tile.height)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 3 * size) { drawn in
      func forPixels(_ body: (_ inPlanes: Int, _ inTile: Int, _ x: Int, _ y: Int) -> Void) {
        for y in tile.top..<tile.bottom {
          for x in tile.left..<tile.right {
            body(y * planeWidth + x, (y - tile.top) * tile.width + x - tile.left, x, y)
          }
        }
      }
      forPixels { inPlanes, inTile, _, _ in
        for channel in 0..<3 { drawn[channel * size + inTile] = planes[channel * plane + inPlanes] }
      }
      guard let base = drawn.baseAddress else { return }
      draw(
        into: base, width: tile.width, height: tile.height,
        tile: Tile(left: 0, top: 0, right: tile.width, bottom: tile.height),
        transform: transform.moved(by: (Double(-tile.left), Double(-tile.top))), colour: colour)
      forPixels { inPlanes, inTile, x, y in
        let share = cover(x, y)
        guard share > 0 else { return }
        for channel in 0..<3 {
          let here = channel * plane + inPlanes
          planes[here] += share * (drawn[channel * size + inTile] - planes[here])
        }
      }
    }
  }

  /// Draws this picture into a tile of three planes, normalised as (x - 128) / 256; where it does not reach, nothing changes.
  /// - Parameters:
  ///   - transform: from this picture's pixels to the planes'.
  ///   - colour: applied on the way.
  func draw(
    into planes: UnsafeMutablePointer<Float>, width planeWidth: Int, height planeHeight: Int, tile: Tile,
    transform: Affine, colour: ColourChange
  ) {
    var image = self
    var back = transform.inverse
    // Two taps per side are right down to half the size; below, the picture is halved first.
    var scale = transform.scale
    while scale <= 0.5, image.width > 1 || image.height > 1 {
      image = image.halved
      scale *= 2
      (back.a, back.b, back.c) = (back.a / 2, back.b / 2, (back.c - 0.5) / 2)
      (back.d, back.e, back.f) = (back.d / 2, back.e / 2, (back.f - 0.5) / 2)
    }
    image.sample(
      into: planes, width: planeWidth, plane: planeWidth * planeHeight, tile: tile, back: back, colour: colour)
  }

  private func sample(
    into planes: UnsafeMutablePointer<Float>, width planeWidth: Int, plane: Int, tile: Tile, back: Affine,
    colour: ColourChange
  ) {
    let (width, height, row) = (self.width, self.height, 3 * self.width)
    let (stepX, stepY) = (Float(back.a), Float(back.d))
    let isPlain = colour == .none
    bytes.withUnsafeBufferPointer { bytes in
      guard let pixels = bytes.baseAddress else { return }
      func tap(_ x: Int, _ y: Int) -> SIMD4<Float> {
        let pixel = pixels + (min(max(y, 0), height - 1) * row + 3 * min(max(x, 0), width - 1))
        return SIMD4(Float(pixel[0]), Float(pixel[1]), Float(pixel[2]), 0)
      }
      for v in tile.top..<tile.bottom {
        let start = back(Double(tile.left), Double(v))
        let out = planes + v * planeWidth
        for u in tile.left..<tile.right {
          let along = Float(u - tile.left)
          let (x, y) = (Float(start.x) + stepX * along, Float(start.y) + stepY * along)
          guard x > -0.5, y > -0.5, x < Float(width) - 0.5, y < Float(height) - 0.5 else { continue }
          let (left, top) = (x.rounded(.down), y.rounded(.down))
          let (shareX, shareY) = (x - left, y - top)
          let (column, line) = (Int(left), Int(top))
          let above = tap(column, line) * (1 - shareX) + tap(column + 1, line) * shareX
          let below = tap(column, line + 1) * (1 - shareX) + tap(column + 1, line + 1) * shareX
          var value = above * (1 - shareY) + below * shareY
          if !isPlain { value = colour(value) }
          value = (value - 128) * (1 / 256)
          (out[u], out[u + plane], out[u + 2 * plane]) = (value.x, value.y, value.z)
        }
      }
    }
  }
}
