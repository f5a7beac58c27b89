/// Dots of 2 × 4 per cell, the finest a terminal draws by characters: one colour per cell.
struct BrailleCanvas: Sendable {
  /// In cells.
  let width: Int
  let height: Int
  private var dots: [UInt8]
  private var inks: [Color]

  init(width: Int, height: Int) {
    (self.width, self.height) = (max(0, width), max(0, height))
    dots = [UInt8](repeating: 0, count: self.width * self.height)
    inks = [Color](repeating: .standard, count: dots.count)
  }

  /// The bit of a dot in its cell, column 0...1, row 0...3.
  static func bit(_ column: Int, _ row: Int) -> UInt8 {
    row == 3 ? 0x40 << UInt8(column) : 1 << UInt8(row + 3 * column)
  }

  static func scalar(_ dots: UInt8) -> UInt32 { 0x2800 + UInt32(dots) }

  mutating func set(_ x: Int, _ y: Int, _ ink: Color) {
    guard x >= 0, y >= 0, x < 2 * width, y < 4 * height else { return }
    let index = y / 4 * width + x / 2
    dots[index] |= Self.bit(x % 2, y % 4)
    inks[index] = ink
  }

  /// A line one dot thick, in dots.
  mutating func line(from a: (x: Float, y: Float), to b: (x: Float, y: Float), _ ink: Color) {
    let (dx, dy) = (b.x - a.x, b.y - a.y)
    // As many steps as the canvas is large, wherever the ends are.
    let steps = min(4096, max(1, max(dx.magnitude, dy.magnitude).rounded(.up)))
    guard steps.isFinite, a.x.magnitude < 1e6, a.y.magnitude < 1e6 else { return }
    for step in 0...Int(steps) {
      let share = Float(step) / steps
      set(Int((a.x + share * dx).rounded(.down)), Int((a.y + share * dy).rounded(.down)), ink)
    }
  }

  /// Writes every cell with a dot.
  func draw(atX x: Int, y: Int, of grid: inout CellGrid) {
    for row in 0..<height {
      for column in 0..<width where dots[row * width + column] != 0 {
        grid[x + column, y + row] = Cell(
          scalar: Self.scalar(dots[row * width + column]), ink: inks[row * width + column])
      }
    }
  }
}

extension CellGrid {
  /// The course of a value over time, filled from the bottom, newest at the right: two values per column in braille, one
  /// where there is none.
  mutating func graph(_ values: [Float], in rect: CellRect, top: Float, ink: Color, glyphs: GlyphSet) {
    guard !rect.isEmpty, top > 0 else { return }
    let perColumn = glyphs == .full ? 2 : 1
    let steps = glyphs == .full ? 4 : 2
    let shown = values.suffix(rect.width * perColumn)
    var canvas = BrailleCanvas(width: rect.width, height: rect.height)
    for (index, value) in shown.enumerated() where value.isFinite {
      let column = rect.width * perColumn - shown.count + index
      let height = Int((min(1, max(0, value / top)) * Float(rect.height * steps)).rounded(.up))
      if glyphs == .full {
        for dot in 0..<max(1, height) { canvas.set(column, rect.height * 4 - 1 - dot, ink) }
        continue
      }
      for level in stride(from: 0, to: max(1, height), by: 2) {
        let isFull = level + 1 < height
        let scalar: UInt32 =
          glyphs == .console
          ? (isFull ? 0x2588 : HalfBlock.lower) : UInt32(isFull ? UInt8(ascii: "|") : UInt8(ascii: "."))
        self[rect.x + column, rect.bottom - 1 - level / 2] = Cell(scalar: scalar, ink: ink)
      }
    }
    if glyphs == .full { canvas.draw(atX: rect.x, y: rect.y, of: &self) }
  }
}
