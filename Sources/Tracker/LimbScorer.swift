/// Scores how well a part affinity field supports the limb between two key points.
///
/// Cao et al. 2017, section 2.3: the line integral of the field along the limb, here by ten samples.
struct LimbScorer: Sendable {
  /// Two key points of one limb, by their places in the lists of candidates.
  struct Connection {
    var a: Int
    var b: Int
    var affinity: Float
  }

  static let samples = 10
  /// The middle first: two people's key points are rarely joined by a field there, and most pairs are two people's.
  private static let order = [5, 3, 7, 1, 8, 4, 6, 2, 0, 9]
  private let bicubic: Bicubic

  init(factor: Int) { bicubic = Bicubic(factor: factor) }

  /// One-to-one connections, the strongest first.
  /// - Parameters:
  ///   - field: planes of the limb's x and y components, height × width cells each.
  ///   - leastDot: a sample supports the limb when the field's component along it exceeds this.
  func connections(
    _ first: [Grouping.Candidate], _ second: [Grouping.Candidate],
    field: (x: UnsafePointer<Float>, y: UnsafePointer<Float>), width: Int, height: Int, leastDot: Float
  ) -> [Connection] {
    var found: [Connection] = []
    for (b, end) in second.enumerated() {
      for (a, start) in first.enumerated() {
        let affinity = affinity(start, end, field: field, width: width, height: height, leastDot: leastDot)
        if affinity > 0 { found.append(Connection(a: a, b: b, affinity: affinity)) }
      }
    }
    // Of equal affinities the later comes first, as a reversed ascending sort has it.
    let order = found.indices.sorted { (found[$0].affinity, $0) > (found[$1].affinity, $1) }
    var isTakenA = [Bool](repeating: false, count: first.count)
    var isTakenB = [Bool](repeating: false, count: second.count)
    var kept: [Connection] = []
    for index in order where !isTakenA[found[index].a] && !isTakenB[found[index].b] {
      isTakenA[found[index].a] = true
      isTakenB[found[index].b] = true
      kept.append(found[index])
    }
    return kept
  }

  /// Mean component of the field along the limb over the samples that support it; 0 when more than one does not.
  private func affinity(
    _ start: Grouping.Candidate, _ end: Grouping.Candidate,
    field: (x: UnsafePointer<Float>, y: UnsafePointer<Float>), width: Int, height: Int, leastDot: Float
  ) -> Float {
    let (dx, dy) = (end.x - start.x, end.y - start.y)
    let length = (dx * dx + dy * dy).squareRoot() + 1e-6
    let (unitX, unitY) = (dx / length, dy / length)
    let last = Float(Self.samples - 1)
    let (stepX, stepY) = (dx / last, dy / last)
    var dots = SIMD16<Float>.zero
    var valid = 0
    for (tested, sample) in Self.order.enumerated() {
      let x = Self.nearest(start.x + Float(sample) * stepX)
      let y = Self.nearest(start.y + Float(sample) * stepY)
      let (fieldX, fieldY) = bicubic.values(field.x, field.y, width: width, height: height, x: x, y: y)
      let dot = unitX * fieldX + unitY * fieldY
      if dot > leastDot {
        dots[sample] = dot
        valid += 1
      } else if tested - valid >= 1 {
        return 0
      }
    }
    var sum: Float = 0
    for sample in 0..<Self.samples { sum += dots[sample] }
    return sum / (Float(valid) + 1e-6)
  }

  /// The nearest whole number, the even one of two, for what a picture can hold: adding 1.5 · 2²³ leaves no room for fractions.
  @inline(__always)
  private static func nearest(_ value: Float) -> Int { Int((value + 12_582_912) - 12_582_912) }
}
