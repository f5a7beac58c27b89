/// A person cut out of a picture whose background is plain, as a studio's, to be put before another picture (Ghiasi et al.
/// 2021, "Simple Copy-Paste is a Strong Data Augmentation Method for Instance Segmentation").
struct Cutout {
  let image: PixelImage
  /// How much of every pixel of the image is the person: 0 to 255, in all three colours.
  let cover: PixelImage

  /// Finds the wall from the edge of the picture inwards: what differs little from the pixel beside it and from what lies
  /// between the picture's left and right edges at that height. What remains and is joined to a key point is the person.
  /// - Parameter person: whose key points are all in the picture, and who is alone in it.
  /// - Returns: `nil` where the background is not plain, or where the person's key points are not on what was found.
  init?(of person: PersonAnnotation, in image: PixelImage) {
    let (width, height) = (image.width, image.height)
    let points = person.bodyPoints
    guard min(width, height) >= 16, points.count >= 8,
      person.keypoints.allSatisfy({ $0.visibility == 0 || $0.isInside(width: width, height: height) }),
      let wall = Wall(of: image), case let isWall = wall.spread(),
      let isPerson = Self.parts(isWall, width: width, height: height, at: points),
      Self.isCredible(isPerson, width: width, height: height, points: points)
    else { return nil }
    self.image = image
    cover = Self.softened(isPerson, width: width, height: height)
  }

  /// Draws the person over three planes, normalised as (x - 128) / 256.
  /// - Parameter transform: from the picture's pixels to the planes'.
  func draw(
    into planes: UnsafeMutablePointer<Float>, width: Int, height: Int, _ transform: Affine, colour: ColourChange
  ) {
    let corners = [(0, 0), (image.width, 0), (0, image.height), (image.width, image.height)].map {
      transform(Double($0.0), Double($0.1))
    }
    let tile = Tile(around: corners, width: width, height: height)
    guard tile.width > 0, tile.height > 0 else { return }
    let inTile = transform.moved(by: (Double(-tile.left), Double(-tile.top)))
    let whole = Tile(left: 0, top: 0, right: tile.width, bottom: tile.height)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 3 * tile.width * tile.height) { shares in
      // Nothing of the person.
      shares.initialize(repeating: -0.5)
      guard let base = shares.baseAddress else { return }
      cover.draw(
        into: base, width: tile.width, height: tile.height, tile: whole, transform: inTile, colour: .none)
      image.draw(into: planes, width: width, height: height, tile: tile, transform: transform, colour: colour) { x, y in
        min(1, (base[(y - tile.top) * tile.width + x - tile.left] + 0.5) * (256.0 / 255))
      }
    }
  }

  /// Whether the person is at a place of the picture.
  func covers(_ place: (x: Double, y: Double)) -> Bool {
    let whole = Tile(left: 0, top: 0, right: image.width, bottom: image.height)
    guard whole.contains(place) else { return false }
    return cover.bytes[3 * (Int(place.y + 0.5) * image.width + Int(place.x + 0.5))] >= 128
  }

  /// The parts of what is not wall that hold a point.
  private static func parts(
    _ isWall: [Bool], width: Int, height: Int, at points: [(x: Double, y: Double)]
  ) -> [Bool]? {
    var found = [Bool](repeating: false, count: isWall.count)
    var open: [Int] = []
    func visit(_ index: Int) {
      guard !isWall[index], !found[index] else { return }
      found[index] = true
      open.append(index)
    }
    for point in points { visit(min(Int(point.y), height - 1) * width + min(Int(point.x), width - 1)) }
    while let index = open.popLast() { forNeighbours(of: index, width, height, visit) }
    return found.contains(true) ? found : nil
  }

  /// Whether it has a person's size, lies where the key points are, and under nearly all of them.
  private static func isCredible(
    _ isPerson: [Bool], width: Int, height: Int, points: [(x: Double, y: Double)]
  ) -> Bool {
    let (xs, ys) = (points.map(\.x), points.map(\.y))
    guard let left = xs.min(), let right = xs.max(), let top = ys.min(), let bottom = ys.max() else { return false }
    let room = max(right - left, bottom - top) / 4
    var (all, inside) = (0, 0)
    for index in isPerson.indices where isPerson[index] {
      all += 1
      let (x, y) = (Double(index % width), Double(index / width))
      if x >= left - room, x <= right + room, y >= top - room, y <= bottom + room { inside += 1 }
    }
    guard all * 50 > isPerson.count, all * 10 < isPerson.count * 7, inside * 10 >= all * 9 else { return false }
    let missed = points.count { point in
      // Labels are a pixel or two beside.
      let (x, y) = (Int(point.x), Int(point.y))
      return !(max(0, y - 2)..<min(height, y + 3)).contains { row in
        (max(0, x - 2)..<min(width, x + 3)).contains { isPerson[row * width + $0] }
      }
    }
    return missed * 16 <= points.count
  }

  /// One pixel less all round, where the wall shines through, and a soft edge.
  private static func softened(_ isPerson: [Bool], width: Int, height: Int) -> PixelImage {
    var inner = isPerson
    for index in isPerson.indices where isPerson[index] {
      forNeighbours(of: index, width, height) { if !isPerson[$0] { inner[index] = false } }
    }
    var bytes = [UInt8](repeating: 0, count: 3 * inner.count)
    for y in 0..<height {
      for x in 0..<width {
        var (sum, count) = (0, 0)
        for row in max(0, y - 1)...min(height - 1, y + 1) {
          for column in max(0, x - 1)...min(width - 1, x + 1) {
            sum += inner[row * width + column] ? 255 : 0
            count += 1
          }
        }
        for channel in 0..<3 { bytes[3 * (y * width + x) + channel] = UInt8(sum / count) }
      }
    }
    return PixelImage(width: width, height: height, bytes: bytes)
  }
}

@inline(__always)
private func forNeighbours(of index: Int, _ width: Int, _ height: Int, _ body: (Int) -> Void) {
  let (x, y) = (index % width, index / width)
  if x > 0 { body(index - 1) }
  if x < width - 1 { body(index + 1) }
  if y > 0 { body(index - width) }
  if y < height - 1 { body(index + width) }
}

extension PersonAnnotation {
  /// The labelled key points, and the middles of arms, legs and sides.
  fileprivate var bodyPoints: [(x: Double, y: Double)] {
    let parts = [(5, 7), (7, 9), (6, 8), (8, 10), (11, 13), (13, 15), (12, 14), (14, 16), (5, 11), (6, 12)]
    return keypoints.filter { $0.visibility > 0 }.map { ($0.x, $0.y) }
      + parts.filter { keypoints[$0].visibility > 0 && keypoints[$1].visibility > 0 }
      .map { ((keypoints[$0].x + keypoints[$1].x) / 2, (keypoints[$0].y + keypoints[$1].y) / 2) }
  }
}

/// A plain background.
private struct Wall {
  let width: Int
  let height: Int
  private let image: PixelImage
  /// What the edges of the picture look like: colours smoothed, so that noise and compression do not count.
  private let left: [SIMD4<Float>]
  private let right: [SIMD4<Float>]

  /// - Returns: `nil` where the colour along the picture's left, upper and right edges is not smooth.
  init?(of image: PixelImage) {
    let (width, height) = (image.width, image.height)
    (self.image, self.width, self.height) = (image, width, height)
    left = (0..<height).map { image.smoothed(1, $0) }
    right = (0..<height).map { image.smoothed(width - 2, $0) }
    let top = (0..<width).map { image.smoothed($0, 1) }
    let steps = [left, right, top].flatMap { line in zip(line, line.dropFirst()).map(Self.distance) }
    guard steps.count(where: { $0 > 8 }) * 25 <= steps.count else { return nil }
    let fitting = (0..<width).count { Self.distance(top[$0], expected($0, 1)) < 25 }
    guard fitting * 5 >= width * 4 else { return nil }
  }

  @inline(__always)
  private static func distance(_ a: SIMD4<Float>, _ b: SIMD4<Float>) -> Float {
    let difference = a - b
    return max(abs(difference.x), abs(difference.y), abs(difference.z))
  }

  /// Between the colours of both edges at this height.
  private func expected(_ x: Int, _ y: Int) -> SIMD4<Float> {
    let share = Float(x) / Float(width - 1)
    return left[y] * (1 - share) + right[y] * share
  }

  /// Which pixels are wall.
  func spread() -> [Bool] {
    let colours = image.smoothed
    var isNear = [Bool](repeating: false, count: colours.count)
    var found = isNear
    var open: [Int] = []
    for y in 0..<height {
      for x in 0..<width {
        let (index, distance) = (y * width + x, Self.distance(colours[y * width + x], expected(x, y)))
        isNear[index] = distance < 45
        guard x == 0 || x == width - 1 || y == 0 || y == height - 1, distance < 25 else { continue }
        found[index] = true
        open.append(index)
      }
    }
    while let index = open.popLast() {
      forNeighbours(of: index, width, height) { next in
        guard isNear[next], !found[next], Self.distance(colours[next], colours[index]) <= 7 else { return }
        found[next] = true
        open.append(next)
      }
    }
    return found
  }
}

extension PixelImage {
  /// The mean of 3 × 3 pixels; those at the edge of the picture count for those that are not there.
  fileprivate func smoothed(_ x: Int, _ y: Int) -> SIMD4<Float> {
    var sum = SIMD4<Float>.zero
    for row in [max(0, y - 1), y, min(height - 1, y + 1)] {
      for column in [max(0, x - 1), x, min(width - 1, x + 1)] { sum += pixel(row * width + column) }
    }
    return sum / 9
  }

  /// The same for every pixel.
  fileprivate var smoothed: [SIMD4<Float>] {
    var rows = [SIMD4<Float>](repeating: .zero, count: width * height)
    for y in 0..<height {
      for x in 0..<width {
        let index = y * width + x
        rows[index] = pixel(x > 0 ? index - 1 : index) + pixel(index) + pixel(x < width - 1 ? index + 1 : index)
      }
    }
    return rows.indices.map { index in
      let above = index >= width ? index - width : index
      let below = index + width < rows.count ? index + width : index
      return (rows[above] + rows[index] + rows[below]) / 9
    }
  }

  @inline(__always)
  private func pixel(_ index: Int) -> SIMD4<Float> {
    SIMD4(Float(bytes[3 * index]), Float(bytes[3 * index + 1]), Float(bytes[3 * index + 2]), 0)
  }
}
