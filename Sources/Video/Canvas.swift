import CFFmpeg

/// Draws on a copy of a frame, anti-aliased, in pixels whose centres are whole numbers.
///
/// Every shape is a distance: how far a pixel lies inside tells how much of it is covered. Brightness is blended per pixel,
/// colour per 2 × 2 pixels as the picture stores it. Only pixels near a shape are touched.
public struct Canvas: ~Copyable {
  public struct Ink: Sendable, Equatable {
    let y: Float
    let u: Float
    let v: Float
    let alpha: Float

    /// - Parameter alpha: 1 covers, 0 leaves everything as it is.
    public init(red: UInt8, green: UInt8, blue: UInt8, alpha: Float = 1) {
      let (r, g, b) = (Float(red) / 255, Float(green) / 255, Float(blue) / 255)
      // BT.709; limited range is applied when blending.
      let luma = 0.2126 * r + 0.7152 * g + 0.0722 * b
      (y, u, v) = (luma, (b - luma) / 1.8556, (r - luma) / 1.5748)
      self.alpha = alpha
    }
  }

  private let frame: Frame
  private let raw: UnsafeMutablePointer<AVFrame>
  /// Of brightness: black and the span to white, which depend on the frame's range.
  private let black: Float
  private let span: Float
  private let chromaSpan: Float

  /// A copy of `frame` from `pool`'s memory, or black of the same size.
  public init(copying frame: Frame, from pool: CanvasPool, onBlack: Bool = false) throws(VideoError) {
    raw = try pool.take(width: frame.width, height: frame.height)
    av_frame_copy_props(raw, frame.raw)
    self.frame = Frame(
      adopting: raw, index: frame.index, timestamp: frame.timestamp, durationTicks: frame.durationTicks,
      captured: frame.captured,
      decodeTime: frame.decodeTime, path: frame.path, outages: frame.outages)
    let isFull = frame.raw.pointee.color_range == AVCOL_RANGE_JPEG
    (black, span, chromaSpan) = isFull ? (0, 255, 255) : (16, 219, 224)
    if onBlack {
      fill(&raw.pointee.data.0, raw.pointee.linesize.0, frame.height, UInt8(black))
      fill(&raw.pointee.data.1, raw.pointee.linesize.1, (frame.height + 1) / 2, 128)
      fill(&raw.pointee.data.2, raw.pointee.linesize.2, (frame.height + 1) / 2, 128)
    } else {
      av_frame_copy(raw, frame.raw)
    }
  }

  private func fill(_ plane: inout UnsafeMutablePointer<UInt8>?, _ stride: Int32, _ rows: Int, _ value: UInt8) {
    plane?.update(repeating: value, count: Int(stride) * rows)
  }

  /// The picture as drawn so far; nothing may be drawn afterwards.
  public consuming func finished() -> Frame { frame }

  // MARK: - Shapes

  /// A line with round ends.
  public func line(from a: (x: Float, y: Float), to b: (x: Float, y: Float), width: Float, _ ink: Ink) {
    let (dx, dy) = (b.x - a.x, b.y - a.y)
    let squared = max(dx * dx + dy * dy, 1e-6)
    let radius = width / 2
    draw(ink, around: (min(a.x, b.x), min(a.y, b.y)), (max(a.x, b.x), max(a.y, b.y)), reach: radius, along: (a, b)) {
      x, y in
      let along = min(1, max(0, ((x - a.x) * dx + (y - a.y) * dy) / squared))
      let (fromX, fromY) = (x - a.x - along * dx, y - a.y - along * dy)
      return radius - (fromX * fromX + fromY * fromY).squareRoot()
    }
  }

  public func circle(at center: (x: Float, y: Float), radius: Float, _ ink: Ink) {
    line(from: center, to: center, width: 2 * radius, ink)
  }

  /// The outline of a rectangle.
  public func rectangle(x: Float, y: Float, width: Float, height: Float, lineWidth: Float, _ ink: Ink) {
    guard width >= 0, height >= 0 else { return }
    let (right, bottom) = (x + width, y + height)
    line(from: (x, y), to: (right, y), width: lineWidth, ink)
    line(from: (right, y), to: (right, bottom), width: lineWidth, ink)
    line(from: (right, bottom), to: (x, bottom), width: lineWidth, ink)
    line(from: (x, bottom), to: (x, y), width: lineWidth, ink)
  }

  /// A filled rectangle with rounded corners.
  public func plate(x: Float, y: Float, width: Float, height: Float, corner: Float, _ ink: Ink) {
    let (halfWidth, halfHeight) = (width / 2 - corner, height / 2 - corner)
    let (middleX, middleY) = (x + width / 2, y + height / 2)
    draw(ink, around: (x, y), (x + width, y + height), reach: 0) { px, py in
      let (dx, dy) = (max(0, abs(px - middleX) - halfWidth), max(0, abs(py - middleY) - halfHeight))
      return corner - (dx * dx + dy * dy).squareRoot()
    }
  }

  /// Text in a stroke font.
  /// - Parameter height: of a capital letter, in pixels.
  public func text(_ text: String, x: Float, y: Float, height: Float, _ ink: Ink) {
    let scale = height / StrokeFont.capHeight
    var left = x
    for character in text {
      for stroke in StrokeFont.strokes(of: character) {
        for (a, b) in zip(stroke, stroke.dropFirst()) {
          line(
            from: (left + a.x * scale, y + a.y * scale), to: (left + b.x * scale, y + b.y * scale),
            width: max(1, height * 0.16), ink)
        }
      }
      left += StrokeFont.advance * scale
    }
  }

  /// Width of a text, in pixels.
  public static func width(of text: String, height: Float) -> Float {
    Float(text.count) * StrokeFont.advance * height / StrokeFont.capHeight
  }

  // MARK: - Blending

  /// Blends `ink` where `inside` (pixels inside the shape, negative outside) says so.
  @inline(__always)
  private func draw(
    _ ink: Ink, around first: (x: Float, y: Float), _ last: (x: Float, y: Float), reach: Float,
    along line: (a: (x: Float, y: Float), b: (x: Float, y: Float))? = nil,
    _ inside: (Float, Float) -> Float
  ) {
    let (width, height) = (frame.width, frame.height)
    // What is not a number, or far outside, is not drawn.
    guard abs(first.x) < 1e6, abs(first.y) < 1e6, abs(last.x) < 1e6, abs(last.y) < 1e6, reach >= 0, reach < 1e6,
      let luma = raw.pointee.data.0,
      let u = raw.pointee.data.1, let v = raw.pointee.data.2
    else { return }
    let edge = reach + 1
    let (left, right) = (
      max(0, Int((first.x - edge).rounded(.down))), min(width - 1, Int((last.x + edge).rounded(.up)))
    )
    let (top, bottom) = (
      max(0, Int((first.y - edge).rounded(.down))), min(height - 1, Int((last.y + edge).rounded(.up)))
    )
    guard left <= right, top <= bottom else { return }

    let (lumaStride, chromaStride) = (Int(raw.pointee.linesize.0), Int(raw.pointee.linesize.1))
    let inkY = min(255, max(0, black + ink.y * span))
    let inkU = min(255, max(0, 128 + ink.u * chromaSpan))
    let inkV = min(255, max(0, 128 + ink.v * chromaSpan))
    @inline(__always)
    func blend(_ pixel: UnsafeMutablePointer<UInt8>, _ value: Float, _ cover: Float) {
      let old = Float(pixel.pointee)
      // Between the old value and the ink's, so that it fits.
      pixel.pointee = UInt8(truncatingIfNeeded: Int32(old + (value - old) * cover + 0.5))
    }
    for blockY in top / 2...bottom / 2 {
      var (rowLeft, rowRight) = (left, right)
      if let (a, b) = line, abs(b.y - a.y) > 1 {
        // Only the part of a slanted line that these rows can touch.
        let slope = (b.x - a.x) / (b.y - a.y)
        let (low, high) = (min(a.y, b.y), max(a.y, b.y))
        let from = a.x + (min(high, max(low, Float(2 * blockY) - edge)) - a.y) * slope
        let to = a.x + (min(high, max(low, Float(2 * blockY + 1) + edge)) - a.y) * slope
        rowLeft = max(left, Int((min(from, to) - edge).rounded(.down)))
        rowRight = min(right, Int((max(from, to) + edge).rounded(.up)))
        guard rowLeft <= rowRight else { continue }
      }
      for blockX in rowLeft / 2...rowRight / 2 {
        var (covered, pixels) = (Float(0), Float(0))
        for y in 2 * blockY..<min(2 * blockY + 2, height) {
          for x in 2 * blockX..<min(2 * blockX + 2, width) {
            pixels += 1
            let depth = inside(Float(x), Float(y)) + 0.5
            guard depth > 0 else { continue }
            let cover = min(1, depth) * ink.alpha
            covered += cover
            blend(luma + (y * lumaStride + x), inkY, cover)
          }
        }
        guard covered > 0 else { continue }
        blend(u + (blockY * chromaStride + blockX), inkU, covered / pixels)
        blend(v + (blockY * chromaStride + blockX), inkV, covered / pixels)
      }
    }
  }
}

/// Memory for drawn pictures, used again when they are gone.
public final class CanvasPool {
  private var pool: FramePool?

  public init() {}

  func take(width: Int, height: Int) throws(VideoError) -> UnsafeMutablePointer<AVFrame> {
    if let pool, pool.width == width, pool.height == height { return try pool.take() }
    let pool = FramePool(width: width, height: height)
    self.pool = pool
    return try pool.take()
  }
}
