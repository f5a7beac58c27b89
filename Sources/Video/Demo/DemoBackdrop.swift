import Foundation

/// The empty room: boards on the floor, a wall with a window, a shelf and pictures, out of focus as behind people.
struct DemoBackdrop: Sendable {
  let bitmap: Bitmap

  init(width: Int, height: Int, camera: DemoCamera, seed: UInt64) {
    let wallDistance = 7.6
    var picture = Bitmap(width: width, height: height)
    let scale = camera.scale(at: wallDistance)
    for y in 0..<height {
      for x in 0..<width {
        var color: SIMD3<Double>
        if let floor = camera.floor(x: Double(x), y: Double(y)), floor.z < wallDistance {
          let board = (floor.x / 0.16).rounded(.down)
          let grain = Self.noise(board * 7.1 + floor.z * 1.3, floor.x * 40, seed) - 0.5
          let seam = min(1, abs(floor.x / 0.16 - board - 0.5) < 0.47 ? 1.0 : 0.72)
          let tone = 0.92 + 0.16 * (Self.noise(board, 3, seed) - 0.5) + 0.10 * grain
          let depth = 0.72 + 0.28 * min(1, 3.5 / floor.z)
          color = SIMD3(0.56, 0.42, 0.29) * (tone * seam * depth)
        } else {
          let (u, v) = ((Double(x) - Double(width) / 2) / scale, Double(y) / scale)
          color = Self.wall(u, v, seed)
        }
        // A lamp in the upper left, and lenses darken the corners.
        let (dx, dy) = (Double(x) / Double(max(1, width)) - 0.42, Double(y) / Double(max(1, height)) - 0.4)
        color *= 1.06 - 0.55 * (dx * dx + dy * dy)
        for channel in 0..<3 {
          picture.pixels[(y * width + x) * 3 + channel] = UInt8(min(255, max(0, color[channel] * 255)))
        }
      }
    }
    bitmap = Self.blurred(picture, radius: max(1, height / 240))
  }

  /// Colour of the wall, u metres from its middle and v from the upper edge of the picture.
  private static func wall(_ u: Double, _ v: Double, _ seed: UInt64) -> SIMD3<Double> {
    let paint = SIMD3(0.74, 0.73, 0.69) * (0.97 + 0.05 * noise(u * 3, v * 3, seed))
    func isIn(_ left: Double, _ right: Double, _ top: Double, _ bottom: Double) -> Bool {
      u > left && u < right && v > top && v < bottom
    }
    if isIn(-2.9, -1.5, 0.3, 1.75) {
      let frame = !isIn(-2.83, -2.23, 0.37, 1.68) && !isIn(-2.17, -1.57, 0.37, 1.68)
      return frame
        ? SIMD3(0.88, 0.87, 0.85) : SIMD3(0.70, 0.80, 0.90) * (1.05 - 0.12 * v + 0.08 * noise(u * 4, v * 4, seed))
    }
    if isIn(1.3, 2.8, 0.5, 2.6) {
      let shelf = (v - 0.5).truncatingRemainder(dividingBy: 0.42)
      if shelf < 0.05 || u < 1.35 || u > 2.75 { return SIMD3(0.38, 0.27, 0.18) }
      let book = noise((u * 13).rounded(.down), ((v - 0.5) / 0.42).rounded(.down), seed)
      if shelf < 0.10 + 0.12 * book { return SIMD3(0.17, 0.13, 0.10) }
      return SIMD3(0.25 + 0.5 * book, 0.22 + 0.4 * noise(book * 90, 1, seed), 0.20 + 0.4 * noise(book * 50, 2, seed))
    }
    if isIn(-0.6, 0.15, 0.45, 1.0) {
      return isIn(-0.55, 0.10, 0.50, 0.95)
        ? SIMD3(0.30, 0.42, 0.40) + 0.25 * noise(u * 6, v * 6, seed) : SIMD3(0.20, 0.16, 0.13)
    }
    return paint
  }

  /// Smooth noise, 0...1, over whole steps of x and y.
  private static func noise(_ x: Double, _ y: Double, _ seed: UInt64) -> Double {
    let (column, row) = (x.rounded(.down), y.rounded(.down))
    func corner(_ dx: Double, _ dy: Double) -> Double {
      let key =
        UInt64(bitPattern: Int64(column + dx)) &* 0x1F1F_1F1F &+ UInt64(bitPattern: Int64(row + dy)) &* 0x9E37_79B9
      var random = DemoRandom(state: key &+ seed &* 31)
      return random.unit()
    }
    func smooth(_ t: Double) -> Double { t * t * (3 - 2 * t) }
    let (tx, ty) = (smooth(x - column), smooth(y - row))
    let top = corner(0, 0) + (corner(1, 0) - corner(0, 0)) * tx
    let bottom = corner(0, 1) + (corner(1, 1) - corner(0, 1)) * tx
    return top + (bottom - top) * ty
  }

  /// A box blur along both axes.
  private static func blurred(_ picture: Bitmap, radius: Int) -> Bitmap {
    var result = picture
    for isVertical in [false, true] {
      let source = result
      let (count, lines) = isVertical ? (picture.height, picture.width) : (picture.width, picture.height)
      let (step, lineStep) = isVertical ? (picture.width * 3, 3) : (3, picture.width * 3)
      for line in 0..<lines {
        for channel in 0..<3 {
          let base = line * lineStep + channel
          for index in 0..<count {
            let (first, last) = (max(0, index - radius), min(count - 1, index + radius))
            var sum = 0
            for other in first...last { sum += Int(source.pixels[base + other * step]) }
            result.pixels[base + index * step] = UInt8(sum / (last - first + 1))
          }
        }
      }
    }
    return result
  }
}
