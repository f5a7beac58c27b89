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
    // What a turned shape needs at most. Far outside counts as outside, and must not overflow a whole number.
    let span = hypot(reach.x, reach.y) + 1
    func range(_ middle: Double, _ length: Int) -> Range<Int> {
      let first = min(max(0, middle - span), Double(length))
      return Int(first)..<max(Int(first), Int(min(max(0, middle + span), Double(length))))
    }
    let (columns, rows) = (range(center.x, width), range(center.y, height))
    guard !columns.isEmpty, !rows.isEmpty else { return }
    let piece = Tile(left: 0, top: 0, right: columns.count, bottom: rows.count)
    let fit = max(Double(columns.count) / Double(image.width), Double(rows.count) / Double(image.height))
    // A wall of bricks or one brick.
    let scale = fit * random.uniform(1, 3)
    func middle(_ length: Int, _ shown: Int) -> Double {
      let half = Double(shown) / scale / 2
      return random.uniform(half, max(half, Double(length) - half))
    }
    let transform = Affine(
      center: (middle(image.width, columns.count), middle(image.height, rows.count)), scale: scale, degrees: 0,
      isMirrored: random.chance(0.5), target: piece.center)
    let (plane, size) = (width * height, columns.count * rows.count)
    withUnsafeTemporaryAllocation(of: Float.self, capacity: 3 * size) { drawn in
      drawn.initialize(repeating: 0)
      guard let base = drawn.baseAddress else { return }
      image.draw(
        into: base, width: columns.count, height: rows.count, tile: piece, transform: transform, colour: colour)
      for y in rows {
        for x in columns {
          let share = Float(cover(Double(x), Double(y)))
          guard share > 0 else { continue }
          for channel in 0..<3 {
            let (here, from) = (
              channel * plane + y * width + x,
              channel * size + (y - rows.lowerBound) * columns.count + x - columns.lowerBound
            )
            planes[here] += share * (base[from] - planes[here])
          }
        }
      }
    }
  }
}

extension [Occluder] {
  /// Takes out what cannot be told any more: hidden key points, unless one that a limb joins to them is in view.
  func hide(_ person: inout [LabelPoint]) {
    let isHidden = person.map { point in contains { $0.cover(point.x, point.y) >= 0.5 } }
    var isTold = isHidden.map(!)
    for limb in Skeleton.limbs {
      for (end, other) in [(limb.a, limb.b), (limb.b, limb.a)]
      where !isHidden[other] && person[other].visibility != .absent {
        isTold[end] = true
      }
    }
    for joint in person.indices where !isTold[joint] { person[joint].visibility = .absent }
  }
}
