import Video

/// The two characters that make two square pixels of a cell.
enum HalfBlock {
  static let upper: UInt32 = 0x2580
  static let lower: UInt32 = 0x2584
}

/// A way to show pixels by characters. All take 1 × 2 picture pixels per cell, so that a picture fits whichever is used.
enum Blitter: Sendable, Equatable {
  /// Upper half in ink, lower half in paper: exact.
  case half
  /// The mean of both as the colour of a space: for terminals without the half blocks.
  case space
  /// A character as bright as the mean: for terminals without colours.
  case ramp

  init(_ traits: TerminalTraits) {
    self = traits.colors == .mono ? .ramp : traits.glyphs == .ascii ? .space : .half
  }

  /// Darkest first; the steps are about even in the fonts of terminals.
  static let characters = Array(" .:-=+*#%@".utf8).map(UInt32.init)

  /// Draws the picture in the middle of `rect`, cropped where it is larger.
  func draw(_ picture: Bitmap, in rect: CellRect, of grid: inout CellGrid) {
    let origin = Self.origin(of: picture, in: rect)
    let rows = min(rect.height, (picture.height + 1) / 2)
    let columns = min(rect.width, picture.width)
    for row in 0..<max(0, rows) {
      for column in 0..<max(0, columns) {
        let top = Self.color(picture, column, 2 * row)
        let bottom = 2 * row + 1 < picture.height ? Self.color(picture, column, 2 * row + 1) : nil
        grid[origin.x + column, origin.y + row] = cell(top, bottom)
      }
    }
  }

  /// The cell of the picture's upper left corner.
  static func origin(of picture: Bitmap, in rect: CellRect) -> (x: Int, y: Int) {
    (
      rect.x + max(0, rect.width - picture.width) / 2,
      rect.y + max(0, rect.height - (picture.height + 1) / 2) / 2
    )
  }

  private func cell(_ top: Color, _ bottom: Color?) -> Cell {
    switch self {
    case .half: return Cell(scalar: HalfBlock.upper, ink: top, paper: bottom ?? .standard, style: .picture)
    case .space: return Cell(scalar: 0x20, paper: Self.mean(top, bottom ?? top), style: .picture)
    case .ramp:
      let luma = Self.mean(top, bottom ?? top).luma
      return Cell(scalar: Self.characters[luma * (Self.characters.count - 1) / 255], style: .picture)
    }
  }

  private static func color(_ picture: Bitmap, _ x: Int, _ y: Int) -> Color {
    let offset = (y * picture.width + x) * 3
    return Color(picture.pixels[offset], picture.pixels[offset + 1], picture.pixels[offset + 2])
  }

  private static func mean(_ a: Color, _ b: Color) -> Color {
    Color(UInt8((a.red + b.red) / 2), UInt8((a.green + b.green) / 2), UInt8((a.blue + b.blue) / 2))
  }
}
