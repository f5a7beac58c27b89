import Tracker
import Video

/// Skeletons over a picture of the screen: anti-aliased lines and dots, about as wide as a limb should look at that size.
struct PoseOverlay: Sendable {
  /// Picture pixels per frame pixel.
  let scaleX: Float
  let scaleY: Float
  /// The identity that stands out; the others fade.
  var selected: Int?

  /// - Parameter width, height: of the picture that covers the whole frame, in its pixels, which need not be square.
  init(width: Int, height: Int, frameWidth: Int, frameHeight: Int, selected: Int? = nil) {
    scaleX = Float(width) / Float(max(1, frameWidth))
    scaleY = Float(height) / Float(max(1, frameHeight))
    self.selected = selected
  }

  private func strength(of person: Person) -> Float { selected == nil || selected == person.id ? 1 : 0.4 }

  func draw(_ people: [Person], on picture: inout Bitmap) {
    let height = Float(picture.height)
    let width = max(1.1, min(2.4, height / 60), height / 200)
    let pen = Pen(aspect: scaleX > 0 ? scaleY / scaleX : 1)
    for person in people {
      let color = IdentityColor.color(for: person.id)
      let strength = strength(of: person)
      for limb in Skeleton.drawnLimbs {
        guard let a = point(person.pose, limb.a), let b = point(person.pose, limb.b) else { continue }
        pen.line(from: a, to: b, width: width, color: color, strength, on: &picture)
      }
      guard picture.height >= 60 else { continue }
      // The points of the face lie too close for dots.
      for index in person.pose.keypoints.indices.prefix(14) {
        guard let a = point(person.pose, index) else { continue }
        pen.line(from: a, to: a, width: width * 1.6, color: IdentityColor.bright(color), strength, on: &picture)
      }
    }
  }

  /// Thin lines, for a canvas that covers the whole frame.
  func draw(_ people: [Person], on canvas: inout BrailleCanvas) {
    for person in people {
      let color = IdentityColor.color(for: person.id)
      let ink = strength(of: person) < 1 ? IdentityColor.faded(color) : color
      for limb in Skeleton.drawnLimbs {
        guard let a = point(person.pose, limb.a), let b = point(person.pose, limb.b) else { continue }
        canvas.line(from: a, to: b, ink)
      }
      for index in person.pose.keypoints.indices.prefix(14) {
        guard let joint = point(person.pose, index) else { continue }
        for (dx, dy) in [(-1, 0), (1, 0), (0, -1), (0, 1)] {
          canvas.set(Int(joint.x) + dx, Int(joint.y) + dy, ink)
        }
      }
    }
  }

  /// Without colours: bold strokes of `-`, `\`, `|` and `/` along the limbs, an `o` at the joints. The picture has 1 × 2
  /// pixels per cell.
  func drawStrokes(_ people: [Person], within area: CellRect, of grid: inout CellGrid) {
    func put(_ character: Character, _ x: Float, _ y: Float) {
      let (column, row) = (area.x + Int(x.rounded(.down)), area.y + Int((y / 2).rounded(.down)))
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

  /// The person at a place of the picture: of those whose box, a little widened, holds it, the one whose middle is nearest.
  func person(at x: Float, _ y: Float, among people: [Person]) -> Person? {
    var best: (person: Person, distance: Float)?
    for person in people {
      let found = person.pose.keypoints.indices.compactMap { point(person.pose, $0) }
      guard let left = found.map(\.x).min(), let right = found.map(\.x).max(), let top = found.map(\.y).min(),
        let bottom = found.map(\.y).max()
      else { continue }
      let (marginX, marginY) = (max(2, 0.2 * (right - left)), max(2, 0.15 * (bottom - top)))
      guard x >= left - marginX, x <= right + marginX, y >= top - marginY, y <= bottom + marginY else { continue }
      let (dx, dy) = ((x - (left + right) / 2) / max(1, right - left), (y - (top + bottom) / 2) / max(1, bottom - top))
      let distance = dx * dx + dy * dy
      if best.map({ distance < $0.distance }) ?? true { best = (person, distance) }
    }
    return best?.person
  }

  /// A key point in picture pixels; nil when it was not found or is no number.
  private func point(_ pose: Pose, _ index: Int) -> (x: Float, y: Float)? {
    guard index < pose.keypoints.count, let found = pose.keypoints[index] else { return nil }
    let (x, y) = (found.x * scaleX, found.y * scaleY)
    return x.magnitude < 1e5 && y.magnitude < 1e5 ? (x, y) : nil
  }
}

/// Draws on a bitmap whose pixels need not be square; widths are in pixel heights.
private struct Pen {
  /// Width of a pixel by its height.
  let aspect: Float

  /// A line with round ends; a pixel is covered by how far it lies within the line's edge.
  func line(
    from a: (x: Float, y: Float), to b: (x: Float, y: Float), width: Float, color: Color, _ strength: Float,
    on picture: inout Bitmap
  ) {
    let reach = width / 2 + 0.5
    let reachX = reach / max(0.1, aspect)
    let columns = clamp(min(a.x, b.x) - reachX, max(a.x, b.x) + reachX, picture.width)
    let rows = clamp(min(a.y, b.y) - reach, max(a.y, b.y) + reach, picture.height)
    let (dx, dy) = ((b.x - a.x) * aspect, b.y - a.y)
    let lengthSquared = dx * dx + dy * dy
    let (red, green, blue) = (Float(color.red), Float(color.green), Float(color.blue))
    let stride = picture.width * 3
    picture.pixels.withUnsafeMutableBufferPointer { pixels in
      for y in rows {
        for x in columns {
          let (px, py) = ((Float(x) + 0.5 - a.x) * aspect, Float(y) + 0.5 - a.y)
          let along = lengthSquared > 0 ? max(0, min(1, (px * dx + py * dy) / lengthSquared)) : 0
          let (ex, ey) = (px - along * dx, py - along * dy)
          let cover = min(1, reach - (ex * ex + ey * ey).squareRoot()) * strength
          if cover <= 0 { continue }
          let offset = y * stride + x * 3
          blend(&pixels[offset], red, cover)
          blend(&pixels[offset + 1], green, cover)
          blend(&pixels[offset + 2], blue, cover)
        }
      }
    }
  }

  private func clamp(_ low: Float, _ high: Float, _ count: Int) -> Range<Int> {
    let first = max(0, min(count, Int(low.rounded(.down))))
    return first..<max(first, min(count, Int(high.rounded(.up)) + 1))
  }

  private func blend(_ value: inout UInt8, _ to: Float, _ share: Float) {
    value = UInt8(Float(value) + (to - Float(value)) * share)
  }
}
