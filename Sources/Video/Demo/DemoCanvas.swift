/// The picture of the demo scene while it is painted, and whose each pixel is.
struct DemoCanvas {
  private(set) var bitmap: Bitmap
  /// Identity of the person on top, 0 for the room.
  private var owners: [UInt8]

  init(_ background: Bitmap) {
    bitmap = background
    owners = [UInt8](repeating: 0, count: background.width * background.height)
  }

  func owner(_ x: Int, _ y: Int) -> Int { Int(owners[y * bitmap.width + x]) }

  /// A rounded part between two points, its outline following `radii` along the way.
  struct Part {
    var from: (x: Double, y: Double)
    var to: (x: Double, y: Double)
    /// Half widths in pixels at equal steps from one end to the other.
    var radii: [Float]
    var owner: Int
  }

  /// Paints a part. `shade` gives the colour at a place: along 0...1 from one end to the other; the surface's normal to the
  /// right, down and towards us.
  mutating func paint(
    _ part: Part, _ shade: (_ along: Float, _ normal: SIMD3<Float>, _ x: Int, _ y: Int) -> SIMD3<Float>
  ) {
    let (ax, ay) = (Float(part.from.x), Float(part.from.y))
    let (dx, dy) = (Float(part.to.x) - ax, Float(part.to.y) - ay)
    let length = max(1e-3, (dx * dx + dy * dy).squareRoot())
    let (ux, uy) = (dx / length, dy / length)
    let reach = (part.radii.max() ?? 0) + 1
    guard reach.isFinite, abs(ax) < 1e5, abs(ay) < 1e5, length < 1e5 else { return }
    let columns = range(min(ax, ax + dx) - reach, max(ax, ax + dx) + reach, bitmap.width)
    let rows = range(min(ay, ay + dy) - reach, max(ay, ay + dy) + reach, bitmap.height)
    let (width, steps) = (bitmap.width, Float(part.radii.count - 1))
    let owner = UInt8(truncatingIfNeeded: part.owner)
    bitmap.pixels.withUnsafeMutableBufferPointer { pixels in
      owners.withUnsafeMutableBufferPointer { owners in
        for y in rows {
          for x in columns {
            let (px, py) = (Float(x) - ax, Float(y) - ay)
            let along = (px * ux + py * uy) / length
            let t = min(1, max(0, along))
            let place = t * steps
            let step = min(part.radii.count - 2, max(0, Int(place)))
            let radius = part.radii[step] + (part.radii[step + 1] - part.radii[step]) * (place - Float(step))
            let (fromX, fromY) = (px - t * dx, py - t * dy)
            let distance = (fromX * fromX + fromY * fromY).squareRoot()
            let cover = min(1, max(0, radius - distance + 0.5))
            guard cover > 0 else { continue }
            let scale = 1 / max(radius, 0.5)
            let (nx, ny) = (fromX * scale, fromY * scale)
            let nz = max(0, 1 - nx * nx - ny * ny).squareRoot()
            let color = shade(t, SIMD3(nx, ny, nz), x, y)
            let index = y * width + x
            for channel in 0..<3 {
              let old = Float(pixels[index * 3 + channel])
              let new = min(255, max(0, color[channel] * 255))
              pixels[index * 3 + channel] = UInt8(old + (new - old) * cover)
            }
            if cover > 0.5 { owners[index] = owner }
          }
        }
      }
    }
  }

  /// Darkens a soft ellipse.
  mutating func darken(at center: (x: Double, y: Double), radii: (x: Double, y: Double), by strength: Float) {
    let columns = range(Float(center.x - radii.x), Float(center.x + radii.x), bitmap.width)
    let rows = range(Float(center.y - radii.y), Float(center.y + radii.y), bitmap.height)
    for y in rows {
      for x in columns {
        let (dx, dy) = (Float((Double(x) - center.x) / radii.x), Float((Double(y) - center.y) / radii.y))
        let inside = max(0, 1 - dx * dx - dy * dy)
        let factor = 1 - strength * inside * inside
        for channel in 0..<3 {
          let index = (y * bitmap.width + x) * 3 + channel
          bitmap.pixels[index] = UInt8(Float(bitmap.pixels[index]) * factor)
        }
      }
    }
  }

  private func range(_ low: Float, _ high: Float, _ count: Int) -> Range<Int> {
    guard low.isFinite, high.isFinite, abs(low) < 1e6, abs(high) < 1e6 else { return 0..<0 }
    let first = max(0, Int(low.rounded(.down)))
    return first..<max(first, min(count, Int(high.rounded(.up)) + 1))
  }

  /// The grain of a sensor: a few steps of brightness, different in every picture.
  mutating func addNoise(seed: UInt64) {
    var random = DemoRandom(state: seed)
    bitmap.pixels.withUnsafeMutableBufferPointer { pixels in
      var index = 0
      while index < pixels.count {
        var bits = random.next()
        for _ in 0..<min(16, pixels.count - index) {
          // Two coins of two bits each: a small bell from -3 to 3.
          let step = Int(bits & 3) - Int(bits >> 2 & 3)
          bits >>= 4
          pixels[index] = UInt8(min(255, max(0, Int(pixels[index]) + step)))
          index += 1
        }
      }
    }
  }
}
