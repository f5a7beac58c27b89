/// How large a person is in the picture.
enum BodySize {
  /// A person who stands facing us, in body heights from the top of the head, in the order of the key points.
  static let upright: [SIMD2<Double>] = [
    [0, 0.07], [0, 0.17], [-0.10, 0.18], [-0.14, 0.34], [-0.15, 0.48], [0.10, 0.18], [0.14, 0.34], [0.15, 0.48],
    [-0.06, 0.50], [-0.07, 0.72], [-0.07, 0.95], [0.06, 0.50], [0.07, 0.72], [0.07, 0.95], [-0.02, 0.055],
    [0.02, 0.055], [-0.045, 0.065], [0.045, 0.065],
  ]
  /// Size per body height of somebody who stands: the box is about a third as wide as high.
  private static let sizePerHeight = 0.55

  /// Square root of the area of the box in pixels, or what the visible part suggests for all of the body if that is more.
  static func estimate(_ pose: Pose) -> Double {
    let box = pose.box
    let visible = max(1, Double(box.width * box.height).squareRoot(), 0.5 * Double(max(box.width, box.height)))
    var (seen, model) = (Spread(), Spread())
    for (point, place) in zip(pose.keypoints, upright) {
      guard let point, point.x.isFinite, point.y.isFinite else { continue }
      seen.add(SIMD2(Double(point.x), Double(point.y)))
      model.add(place)
    }
    guard seen.count > 1 else { return visible }
    return max(visible, sizePerHeight * (seen.square / model.square).squareRoot())
  }

  /// How far points are scattered.
  private struct Spread {
    private(set) var count = 0.0
    private var sum = SIMD2<Double>.zero
    private var squares = 0.0

    mutating func add(_ point: SIMD2<Double>) {
      count += 1
      sum += point
      squares += (point * point).sum()
    }

    /// Sum of the squared distances from the middle.
    var square: Double { max(0, squares - (sum * sum).sum() / count) }
  }
}
