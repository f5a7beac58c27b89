/// Paints people: limbs, joints, box and label in the colour of the identity.
public struct SkeletonPainter: Sendable {
  public struct Figure {
    public var keypoints: [(x: Float, y: Float)?]
    public var box: (x: Float, y: Float, width: Float, height: Float)
    public var id: Int
    /// 0...1
    public var score: Float

    public init(
      keypoints: [(x: Float, y: Float)?], box: (x: Float, y: Float, width: Float, height: Float), id: Int, score: Float
    ) {
      self.keypoints = keypoints
      self.box = box
      self.id = id
      self.score = score
    }
  }

  private let limbs: [(Int, Int)]

  /// - Parameter limbs: pairs of key points to join.
  public init(limbs: [(Int, Int)]) { self.limbs = limbs }

  public func paint(_ figures: [Figure], on canvas: borrowing Canvas, frameHeight: Int) {
    for figure in figures { paint(figure, on: canvas, unit: max(1, Float(frameHeight) / 360)) }
  }

  /// - Parameter unit: pixels of a thin line.
  private func paint(_ figure: Figure, on canvas: borrowing Canvas, unit: Float) {
    let color = IdentityPalette.color(of: figure.id)
    let ink = Canvas.Ink(red: color.red, green: color.green, blue: color.blue, alpha: 0.9)
    let shade = Canvas.Ink(red: 0, green: 0, blue: 0, alpha: 0.45)
    let bones = limbs.compactMap { a, b in
      figure.keypoints[a].flatMap { start in figure.keypoints[b].map { (start, $0) } }
    }
    // A dark rim keeps the lines visible on any background.
    for (start, end) in bones { canvas.line(from: start, to: end, width: 2.6 * unit, shade) }
    for (start, end) in bones { canvas.line(from: start, to: end, width: 1.6 * unit, ink) }
    for point in figure.keypoints {
      guard let point else { continue }
      canvas.circle(at: point, radius: 2.1 * unit, shade)
      canvas.circle(at: point, radius: 1.5 * unit, Canvas.Ink(red: 255, green: 255, blue: 255, alpha: 0.95))
    }
    let box = figure.box
    canvas.rectangle(
      x: box.x, y: box.y, width: box.width, height: box.height, lineWidth: 0.8 * unit,
      Canvas.Ink(red: color.red, green: color.green, blue: color.blue, alpha: 0.55))

    let label = "\(figure.id) \(Self.twoDigits(figure.score))"
    let height = 6.5 * unit
    let (width, padding) = (Canvas.width(of: label, height: height), 2.5 * unit)
    let (left, top) = (max(0, box.x), max(0, box.y - height - 2 * padding))
    canvas.plate(
      x: left, y: top, width: width + 2 * padding, height: height + 2 * padding, corner: 1.5 * unit,
      Canvas.Ink(red: color.red, green: color.green, blue: color.blue, alpha: 0.85))
    canvas.text(label, x: left + padding, y: top + padding, height: height, Canvas.Ink(red: 0, green: 0, blue: 0))
  }

  private static func twoDigits(_ score: Float) -> String {
    let hundredths = Int((min(1, max(0, score)) * 100).rounded())
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
  }
}
