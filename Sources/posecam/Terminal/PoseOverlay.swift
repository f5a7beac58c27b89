import Tracker
import Video

/// Skeletons over a small picture: anti-aliased lines and dots, about as wide as a limb should look at that size.
struct PoseOverlay: Sendable {
  /// Picture pixels per frame pixel.
  let scaleX: Float
  let scaleY: Float

  init(picture: Bitmap, frameWidth: Int, frameHeight: Int) {
    scaleX = Float(picture.width) / Float(max(1, frameWidth))
    scaleY = Float(picture.height) / Float(max(1, frameHeight))
  }

  func draw(_ people: [Person], on picture: inout Bitmap) {
    let width = max(1.1, min(2.4, Float(picture.height) / 60))
    for person in people {
      let color = IdentityColor.color(for: person.id)
      for limb in Skeleton.drawnLimbs {
        guard let a = point(person.pose, limb.a), let b = point(person.pose, limb.b) else { continue }
        Self.line(from: a, to: b, width: width, color: color, on: &picture)
      }
      guard picture.height >= 60 else { continue }
      // The points of the face lie too close for dots.
      for index in person.pose.keypoints.indices.prefix(14) {
        guard let a = point(person.pose, index) else { continue }
        Self.line(from: a, to: a, width: width * 1.6, color: IdentityColor.bright(color), on: &picture)
      }
    }
  }

  /// Without colours: bold strokes of `-`, `\`, `|` and `/` along the limbs, an `o` at the joints.
  func drawStrokes(
    _ people: [Person], at origin: (x: Int, y: Int), within area: CellRect, of grid: inout CellGrid
  ) {
    func put(_ character: Character, _ x: Float, _ y: Float) {
      let (column, row) = (origin.x + Int(x.rounded(.down)), origin.y + Int((y / 2).rounded(.down)))
      guard column >= area.x, column < area.right, row >= area.y, row < area.bottom else { return }
      grid[column, row] = Cell(scalar: character.unicodeScalars.first?.value ?? 0x20, style: .bold)
    }
    for person in people {
      for limb in Skeleton.drawnLimbs.prefix(13) {
        guard let a = point(person.pose, limb.a), let b = point(person.pose, limb.b) else { continue }
        let (dx, dy) = (b.x - a.x, b.y - a.y)
        let stroke: Character =
          dx.magnitude > 2.4 * dy.magnitude ? "-" : dy.magnitude > 2.4 * dx.magnitude ? "|" : dx * dy > 0 ? "\\" : "/"
        // The loop is as long as the picture is large, wherever the points are.
        let steps = min(1000, max(1, Int(max(dx.magnitude, dy.magnitude / 2))))
        for step in 0...steps {
          let share = Float(step) / Float(steps)
          put(stroke, a.x + share * dx, a.y + share * dy)
        }
      }
      for index in person.pose.keypoints.indices.prefix(14) {
        if let joint = point(person.pose, index) { put("o", joint.x, joint.y) }
      }
    }
  }

  /// The head's place for a label, in picture pixels: the middle of the key points of the head, above the highest of all.
  func labelAnchor(of person: Person) -> (x: Float, y: Float)? {
    let found = person.pose.keypoints.indices.compactMap { point(person.pose, $0) }
    guard let top = found.map(\.y).min() else { return nil }
    let head = [0, 14, 15, 16, 17].compactMap { point(person.pose, $0) }
    let about = head.isEmpty ? found : head
    return (about.reduce(0) { $0 + $1.x } / Float(about.count), top)
  }

  /// A key point in picture pixels; nil when it was not found or is no number.
  private func point(_ pose: Pose, _ index: Int) -> (x: Float, y: Float)? {
    guard index < pose.keypoints.count, let found = pose.keypoints[index] else { return nil }
    let (x, y) = (found.x * scaleX, found.y * scaleY)
    return x.magnitude < 1e5 && y.magnitude < 1e5 ? (x, y) : nil
  }

  /// A line with round ends; a pixel is covered by how far it lies within the line's edge.
  private static func line(
    from a: (x: Float, y: Float), to b: (x: Float, y: Float), width: Float, color: Color, on picture: inout Bitmap
  ) {
    let reach = width / 2 + 0.5
    let columns = clamp(min(a.x, b.x) - reach, max(a.x, b.x) + reach, picture.width)
    let rows = clamp(min(a.y, b.y) - reach, max(a.y, b.y) + reach, picture.height)
    let (dx, dy) = (b.x - a.x, b.y - a.y)
    let lengthSquared = dx * dx + dy * dy
    for y in rows {
      for x in columns {
        let (px, py) = (Float(x) + 0.5 - a.x, Float(y) + 0.5 - a.y)
        let along = lengthSquared > 0 ? max(0, min(1, (px * dx + py * dy) / lengthSquared)) : 0
        let (ex, ey) = (px - along * dx, py - along * dy)
        let cover = min(1, reach - (ex * ex + ey * ey).squareRoot())
        if cover <= 0 { continue }
        let offset = (y * picture.width + x) * 3
        blend(&picture.pixels[offset], color.red, cover)
        blend(&picture.pixels[offset + 1], color.green, cover)
        blend(&picture.pixels[offset + 2], color.blue, cover)
      }
    }
  }

  private static func clamp(_ low: Float, _ high: Float, _ count: Int) -> Range<Int> {
    let first = max(0, min(count, Int(low.rounded(.down))))
    return first..<max(first, min(count, Int(high.rounded(.up)) + 1))
  }

  private static func blend(_ value: inout UInt8, _ to: Int, _ share: Float) {
    value = UInt8(Float(value) + (Float(to) - Float(value)) * share)
  }
}
