import Tracker
import Video

/// The network's maps as the screen shows them: for every cell the strongest heat-map and the strongest field.
struct ShownMaps: Sendable {
  let width: Int
  let height: Int
  /// height × width, row-major; the highest of all key points' heat-maps.
  private(set) var heat: [Float]
  /// The longest vector of all limbs' fields.
  private(set) var fieldX: [Float]
  private(set) var fieldY: [Float]
  private let letterbox: Letterbox
  /// Of what the network saw, within the frame.
  private var origin = (x: 0, y: 0)
  private var frame: (width: Int, height: Int)

  init(_ maps: FieldMaps, _ letterbox: Letterbox) {
    (width, height) = (maps.width, maps.height)
    self.letterbox = letterbox
    frame = (letterbox.frameWidth, letterbox.frameHeight)
    let count = width * height
    heat = [Float](repeating: 0, count: count)
    fieldX = heat
    fieldY = heat
    var longest = heat
    for channel in 0..<Skeleton.keypointCount {
      for cell in 0..<count { heat[cell] = max(heat[cell], maps.heatmaps[channel * count + cell]) }
    }
    for limb in Skeleton.limbs {
      for cell in 0..<count {
        let (x, y) = (maps.fields[limb.x * count + cell], maps.fields[limb.y * count + cell])
        guard x * x + y * y > longest[cell] else { continue }
        longest[cell] = x * x + y * y
        (fieldX[cell], fieldY[cell]) = (x, y)
      }
    }
  }

  /// The network saw only a part of a frame.
  mutating func move(to part: PictureTiles.Part, of frame: (width: Int, height: Int)) {
    (origin, self.frame) = ((part.x, part.y), frame)
  }

  /// Paints over a picture that covers the whole frame: heat from violet to yellow, or directions as hues.
  func paint(fields: Bool, over picture: inout Bitmap) {
    guard width > 0, height > 0, picture.width > 0, picture.height > 0 else { return }
    picture.dim(to: 3)
    let columns = (0..<picture.width).map { place($0, of: picture.width, frame.width, isX: true) }
    for y in 0..<picture.height {
      guard let row = place(y, of: picture.height, frame.height, isX: false) else { continue }
      for x in 0..<picture.width {
        guard let column = columns[x] else { continue }
        let offset = (y * picture.width + x) * 3
        let (color, cover): (Color, Float)
        if fields {
          let (dx, dy) = (sample(fieldX, column, row), sample(fieldY, column, row))
          let length = (dx * dx + dy * dy).squareRoot()
          if length < 0.08 { continue }
          (color, cover) = (Self.hue(dx / length, dy / length), min(1, length * 1.2))
        } else {
          let value = sample(heat, column, row)
          if value < 0.04 { continue }
          (color, cover) = (Self.glow(value), min(1, 0.25 + value * 1.2))
        }
        for (channel, value) in [color.red, color.green, color.blue].enumerated() {
          let old = Float(picture.pixels[offset + channel])
          picture.pixels[offset + channel] = UInt8(old + (Float(value) - old) * cover)
        }
      }
    }
  }

  /// The cell at or before a pixel of the picture, and how far the pixel is towards the next one; `nil` where the network did
  /// not look.
  private func place(_ index: Int, of size: Int, _ frameSize: Int, isX: Bool) -> (cell: Int, share: Float)? {
    let inFrame = (Double(index) + 0.5) * Double(frameSize) / Double(size) - 0.5 - Double(isX ? origin.x : origin.y)
    guard (-0.5...Double(isX ? letterbox.frameWidth : letterbox.frameHeight)).contains(inFrame) else { return nil }
    let input = isX ? letterbox.input(x: inFrame, y: 0).x : letterbox.input(x: 0, y: inFrame).y
    let stride = Double(isX ? letterbox.inputWidth : letterbox.inputHeight) / Double(isX ? width : height)
    let cell = max(0, min(Double((isX ? width : height) - 1), (input + 0.5) / stride - 0.5))
    return (Int(cell), Float(cell - cell.rounded(.down)))
  }

  private func sample(_ plane: [Float], _ x: (cell: Int, share: Float), _ y: (cell: Int, share: Float)) -> Float {
    let (right, below) = (min(width - 1, x.cell + 1), min(height - 1, y.cell + 1))
    let upper = plane[y.cell * width + x.cell] * (1 - x.share) + plane[y.cell * width + right] * x.share
    let lower = plane[below * width + x.cell] * (1 - x.share) + plane[below * width + right] * x.share
    return upper * (1 - y.share) + lower * y.share
  }

  /// Violet, red, orange, light yellow.
  private static func glow(_ value: Float) -> Color {
    let stops: [(Float, Float, Float)] = [(70, 20, 110), (180, 50, 90), (245, 125, 35), (252, 240, 170)]
    let place = max(0, min(2.999, value * 3))
    let (a, b, share) = (stops[Int(place)], stops[Int(place) + 1], place - place.rounded(.down))
    return Color(
      UInt8(a.0 + (b.0 - a.0) * share), UInt8(a.1 + (b.1 - a.1) * share), UInt8(a.2 + (b.2 - a.2) * share))
  }

  /// A unit vector's direction around the circle of hues, by the cosines to three directions.
  private static func hue(_ x: Float, _ y: Float) -> Color {
    let channel = { (cosine: Float, sine: Float) in UInt8(max(0, min(255, 140 + 115 * (x * cosine + y * sine)))) }
    return Color(channel(1, 0), channel(-0.5, 0.866), channel(-0.5, -0.866))
  }
}
