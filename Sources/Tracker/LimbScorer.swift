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
    var (sum, valid) = (Float(0), 0)
    for sample in 0..<Self.samples {
      let x = Int((start.x + Float(sample) * stepX).rounded(.toNearestOrEven))
      let y = Int((start.y + Float(sample) * stepY).rounded(.toNearestOrEven))
      let (fieldX, fieldY) = bicubic.values(field.x, field.y, width: width, height: height, x: x, y: y)
      let dot = unitX * fieldX + unitY * fieldY
      if dot > leastDot {
        sum += dot
        valid += 1
      } else if sample - valid >= 1 {
        return 0
      }
    }
    return sum / (Float(valid) + 1e-6)
  }
}
