/// Paints people: limbs, joints, box and label in the colour of the identity.
public struct SkeletonPainter: Sendable {
  public struct Figure {
    /// In pixels of the canvas, whole numbers at their centres, like the box.
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

  public enum Coloring: String, Sendable, CaseIterable {
    /// Everyone in the colour of the identity.
    case person
    /// Every limb in its own colour, the same on everyone.
    case limb
  }

  public struct Style: Sendable {
    /// Width of limbs in pixels; `nil` for one that suits the picture's size.
    public var lineWidth: Float?
    /// Radius of key points in pixels, 0 for none; `nil` for one that suits the picture's size.
    public var keypointRadius: Float?
    public var coloring = Coloring.person
    public var hasBoxes = true
    /// Identity and score above the box.
    public var hasLabels = true

    public init() {}
  }

  private let limbs: [(Int, Int)]
  private let style: Style

  /// - Parameter limbs: pairs of key points to join.
  public init(limbs: [(Int, Int)], style: Style = Style()) {
    self.limbs = limbs
    self.style = style
  }

  /// - Parameter frameHeight: the frame's shorter side in pixels, by which lines and letters are as thick.
  public func paint(_ figures: [Figure], on canvas: borrowing Canvas, frameHeight: Int) {
    for figure in figures { paint(figure, on: canvas, unit: max(1, Float(frameHeight) / 360)) }
  }

  /// - Parameter unit: pixels of a thin line.
  private func paint(_ figure: Figure, on canvas: borrowing Canvas, unit: Float) {
    let color = IdentityPalette.color(of: figure.id)
    let shade = Canvas.Ink(red: 0, green: 0, blue: 0, alpha: 0.45)
    let width = style.lineWidth ?? 1.6 * unit
    // A dark rim keeps the lines visible on any background.
    for case let (start?, end?) in limbs.map({ (figure.keypoints[$0], figure.keypoints[$1]) }) {
      canvas.line(from: start, to: end, width: width + unit, shade)
    }
    for (index, limb) in limbs.enumerated() {
      guard let start = figure.keypoints[limb.0], let end = figure.keypoints[limb.1] else { continue }
      let color = style.coloring == .person ? color : IdentityPalette.color(ofLimb: index, of: limbs.count)
      canvas.line(
        from: start, to: end, width: width, Canvas.Ink(red: color.red, green: color.green, blue: color.blue, alpha: 0.9)
      )
    }
    let radius = style.keypointRadius ?? 1.5 * unit
    for case let point? in figure.keypoints where radius > 0 {
      canvas.circle(at: point, radius: radius + 0.6 * unit, shade)
      canvas.circle(at: point, radius: radius, Canvas.Ink(red: 255, green: 255, blue: 255, alpha: 0.95))
    }
    let box = figure.box
    if style.hasBoxes {
      canvas.rectangle(
        x: box.x, y: box.y, width: box.width, height: box.height, lineWidth: 0.8 * unit,
        Canvas.Ink(red: color.red, green: color.green, blue: color.blue, alpha: 0.55))
    }
    guard style.hasLabels else { return }
    let label = "\(figure.id) \(Self.twoDigits(figure.score))"
    let height = 6.5 * unit
    let (labelWidth, padding) = (Canvas.width(of: label, height: height), 2.5 * unit)
    // The box begins at the eyes; the label keeps clear of the head.
    let (left, top) = (max(0, box.x), max(0, box.y - height - 2 * padding - 0.05 * box.height))
    canvas.plate(
      x: left, y: top, width: labelWidth + 2 * padding, height: height + 2 * padding, corner: 1.5 * unit,
      Canvas.Ink(red: color.red, green: color.green, blue: color.blue, alpha: 0.85))
    canvas.text(label, x: left + padding, y: top + padding, height: height, Canvas.Ink(red: 0, green: 0, blue: 0))
  }

  private static func twoDigits(_ score: Float) -> String {
    let hundredths = Int((min(1, max(0, score)) * 100).rounded())
    return "\(hundredths / 100).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
  }
}
