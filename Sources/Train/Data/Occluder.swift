import Tracker

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A thing that stands before a person: a piece of a picture without people, laid over a sample (Sárándi et al. 2018, "How
/// Robust is 3D Human Pose Estimation to Occlusion?").
struct Occluder: Equatable {
  private let isRound: Bool
  private let center: (x: Double, y: Double)
  /// Half of the sides, in pixels of the sample.
  private let reach: (x: Double, y: Double)
  private let (cosine, sine): (Double, Double)

  /// One time of three something like a table, which hides all below a height; else a disc or a board somewhere on the person.
  /// - Parameter person: 18 key points, in pixels of the sample.
  /// - Returns: `nil` where the person has less than two key points.
  init?(before person: [LabelPoint], _ random: inout SeededRandom) {
    let known = person.filter { $0.visibility != .absent }
    let (xs, ys) = (known.map(\.x), known.map(\.y))
    guard known.count > 1, let left = xs.min(), let right = xs.max(), let top = ys.min(), let bottom = ys.max(),
      let joint = known.randomElement(using: &random)
    else { return nil }
    let size = max(right - left, bottom - top)
    if random.chance(1 / 3.0) {
      let edge = top + (bottom - top) * random.uniform(0.25, 0.8)
      let end = bottom + size * random.uniform(0.1, 0.4)
      self.init(
        isRound: false, center: (random.uniform(left, right), (edge + end) / 2),
        reach: (size * random.uniform(0.4, 1.2), (end - edge) / 2), degrees: random.uniform(-8, 8))
    } else {
      self.init(
        isRound: random.chance(0.5),
        center: (joint.x + size * random.uniform(-0.1, 0.1), joint.y + size * random.uniform(-0.1, 0.1)),
        reach: (size * random.uniform(0.06, 0.25), size * random.uniform(0.06, 0.25)), degrees: random.uniform(-90, 90))
    }
  }

  init(isRound: Bool, center: (x: Double, y: Double), reach: (x: Double, y: Double), degrees: Double) {
    (self.isRound, self.center, self.reach) = (isRound, center, reach)
    (cosine, sine) = (cos(degrees * .pi / 180), sin(degrees * .pi / 180))
  }

  static func == (a: Occluder, b: Occluder) -> Bool {
    a.isRound == b.isRound && a.center == b.center && a.reach == b.reach && a.sine == b.sine
  }

  /// How much of a pixel is hidden, 0 to 1: the edge is about a pixel wide.
  func cover(_ x: Double, _ y: Double) -> Double {
    let (x, y) = (x - center.x, y - center.y)
    let (along, across) = (abs(x * cosine + y * sine), abs(y * cosine - x * sine))
    let inside =
      isRound
      ? (1 - hypot(along / reach.x, across / reach.y)) * min(reach.x, reach.y)
      : min(reach.x - along, reach.y - across)
    return min(1, max(0, inside + 0.5))
  }

  /// Lays a piece of the image over three planes, normalised as (x - 128) / 256.
  func draw(
    _ image: PixelImage, into planes: UnsafeMutablePointer<Float>, width: Int, height: Int, colour: ColourChange,
    _ random: inout SeededRandom
  ) {
    // What a turned shape needs at most.
    let span = hypot(reach.x, reach.y) + 1
    let tile = Tile(
      around: [(center.x - span, center.y - span), (center.x + span, center.y + span)], width: width, height: height)
    guard tile.width > 0, tile.height > 0 else { return }
    let fit = max(Double(tile.width) / Double(image.width), Double(tile.height) / Double(image.height))
    // A wall of bricks or one brick.
    let scale = fit * random.uniform(1, 3)
    func middle(_ length: Int, _ shown: Int) -> Double {
      let half = Double(shown) / scale / 2
      return random.uniform(half, max(half, Double(length) - half))
    }
    let transform = Affine(
      center: (middle(image.width, tile.width), middle(image.height, tile.height)), scale: scale, degrees: 0,
      isMirrored: random.chance(0.5), target: tile.center)
    image.draw(into: planes, width: width, height: height, tile: tile, transform: transform, colour: colour) { x, y in
      Float(cover(Double(x), Double(y)))
    }
  }
}

extension [LabelPoint] {
  /// Takes out of a person what cannot be told any more: hidden key points, unless one that a limb joins to them is in view.
  mutating func remove(hidden isHidden: (LabelPoint) -> Bool) {
    let isHidden = map(isHidden)
    var isTold = isHidden.map(!)
    for limb in Skeleton.limbs {
      for (end, other) in [(limb.a, limb.b), (limb.b, limb.a)]
      where !isHidden[other] && self[other].visibility != .absent {
        isTold[end] = true
      }
    }
    for joint in indices where !isTold[joint] { self[joint].visibility = .absent }
  }
}
