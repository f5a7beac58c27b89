import Tracker

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What the network should answer: heat-maps and part affinity fields drawn from labels.
///
/// Lightweight OpenPose's training targets (Osokin 2018, after Cao et al. 2017): Gaussians of sigma 7 input pixels, summed and
/// clamped, and unit vectors within one cell of a limb, later people over earlier ones.
public enum Targets {
  static let stride = 8
  private static let sigma: Double = 7
  /// Values below 0.01 are left out.
  private static let largestExponent: Double = 4.6052
  private static let window: Double = 4 * sigma

  /// Draws the maps of one picture; what the memory holds before is overwritten.
  /// - Parameters:
  ///   - people: 18 key points each, in pixels of the network's input; the centre of a pixel is a whole number.
  ///   - width, height: cells of the maps.
  ///   - heatmaps: 19 × height × width.
  ///   - fields: 38 × height × width.
  public static func draw(
    _ people: [[LabelPoint]], width: Int, height: Int, heatmaps: UnsafeMutableBufferPointer<Float>,
    fields: UnsafeMutableBufferPointer<Float>
  ) {
    let cells = width * height
    precondition(heatmaps.count == Skeleton.heatmapCount * cells && fields.count == Skeleton.fieldCount * cells)
    heatmaps.update(repeating: 0)
    fields.update(repeating: 0)
    guard let maps = heatmaps.baseAddress, let vectors = fields.baseAddress else { return }
    for person in people {
      for (joint, point) in person.enumerated() where isUsable(point) {
        add(point, to: maps + joint * cells, width: width, height: height)
      }
      for limb in Skeleton.limbs where isUsable(person[limb.a]) && isUsable(person[limb.b]) {
        draw(
          from: person[limb.a], to: person[limb.b], x: vectors + limb.x * cells, y: vectors + limb.y * cells,
          width: width, height: height)
      }
    }
    let background = maps + Skeleton.keypointCount * cells
    for cell in 0..<cells {
      var highest: Float = 0
      for joint in 0..<Skeleton.keypointCount { highest = max(highest, maps[joint * cells + cell]) }
      background[cell] = 1 - highest
    }
  }

  /// Far outside is as good as absent, and must not overflow a whole number.
  private static func isUsable(_ point: LabelPoint) -> Bool {
    point.visibility != .absent && abs(point.x) < 1e6 && abs(point.y) < 1e6
  }

  private static func add(_ point: LabelPoint, to map: UnsafeMutablePointer<Float>, width: Int, height: Int) {
    func range(_ center: Double, _ cells: Int) -> Range<Int> {
      let first = max(0, Int(center - window)) / stride
      let last = min(Int(center + window), cells * stride)
      return first..<max(first, last < 0 ? 0 : last / stride)
    }
    for y in range(point.y, height) {
      for x in range(point.x, width) {
        let (dx, dy) = (Double(stride * x) + 3.5 - point.x, Double(stride * y) + 3.5 - point.y)
        let exponent = (dx * dx + dy * dy) / (2 * sigma * sigma)
        guard exponent <= largestExponent else { continue }
        map[y * width + x] = min(1, map[y * width + x] + Float(exp(-exponent)))
      }
    }
  }

  private static func draw(
    from a: LabelPoint, to b: LabelPoint, x fieldX: UnsafeMutablePointer<Float>, y fieldY: UnsafeMutablePointer<Float>,
    width: Int, height: Int
  ) {
    // In double precision like the labels: cells exactly one cell away would otherwise fall on either side.
    let scale = Double(stride)
    let (ax, ay, bx, by) = (a.x / scale, a.y / scale, b.x / scale, b.y / scale)
    let length = ((bx - ax) * (bx - ax) + (by - ay) * (by - ay)).squareRoot()
    guard length >= 1e-7 else { return }
    let (unitX, unitY) = ((bx - ax) / length, (by - ay) / length)
    func range(_ a: Double, _ b: Double, _ cells: Int) -> Range<Int> {
      let first = Int(max(min(a, b) - 1, 0))
      return first..<max(first, Int(min(max(a, b) + 1, Double(cells))))
    }
    for y in range(ay, by, height) {
      for x in range(ax, bx, width) where abs((Double(x) - ax) * unitY - (Double(y) - ay) * unitX) <= 1 {
        fieldX[y * width + x] = Float(unitX)
        fieldY[y * width + x] = Float(unitY)
      }
    }
  }
}
