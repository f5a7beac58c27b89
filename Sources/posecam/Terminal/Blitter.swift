import Video

/// The two characters that make two square pixels of a cell.
enum HalfBlock {
  static let upper: UInt32 = 0x2580
  static let lower: UInt32 = 0x2584
}

/// A way to show pixels on a terminal.
enum Blitter: String, CaseIterable, Sendable {
  /// Upper half in ink, lower half in paper: exact.
  case half
  /// 2 × 2 and 2 × 3 pixels in two colours.
  case quadrant, sextant
  /// 2 × 4 dots in one colour.
  case braille
  /// The mean as the colour of a space: for terminals without the half blocks.
  case space
  /// A character as bright as the mean: for terminals without colours.
  case ascii
  /// Real pixels, where the terminal says that it shows them.
  case sixel, kitty

  /// What is used unless something else is asked for.
  static func standard(for traits: TerminalTraits) -> Blitter {
    traits.colors == .mono ? .ascii : traits.glyphs == .ascii ? .space : .half
  }

  /// Those of characters that a terminal can show, plainest first.
  static func characters(for traits: TerminalTraits) -> [Blitter] {
    let coarse: [Blitter] = traits.colors == .mono ? [.ascii] : [.space, .ascii]
    return switch (traits.glyphs, traits.colors) {
    case (.full, .mono): [.ascii, .braille]
    case (.full, _): [.half, .quadrant, .sextant, .braille, .ascii]
    case (.console, .mono), (.ascii, _): coarse
    case (.console, _): [.half] + coarse
    }
  }

  var isGraphics: Bool { self == .sixel || self == .kitty }

  /// Pixels per cell; `cell` is the size of a cell of the terminal in its own pixels.
  func density(cell: (width: Int, height: Int)) -> (x: Int, y: Int) {
    switch self {
    case .half, .space, .ascii: (1, 2)
    case .quadrant: (2, 2)
    case .sextant: (2, 3)
    case .braille: (2, 4)
    case .sixel: (cell.width, cell.height)
    // The terminal enlarges the picture, which is sent whole in every frame: half the pixels are enough.
    case .kitty: (max(1, cell.width / 2), max(1, cell.height / 2))
    }
  }

  /// Draws the picture by characters in the middle of `rect`, cropped where it is larger.
  func draw(_ picture: Bitmap, in rect: CellRect, of grid: inout CellGrid) {
    guard !isGraphics else { return }
    let (dx, dy) = density(cell: (1, 1))
    let (columns, rows) = ((picture.width + dx - 1) / dx, (picture.height + dy - 1) / dy)
    let origin = (x: rect.x + max(0, rect.width - columns) / 2, y: rect.y + max(0, rect.height - rows) / 2)
    for row in 0..<max(0, min(rect.height, rows)) {
      for column in 0..<max(0, min(rect.width, columns)) {
        grid[origin.x + column, origin.y + row] = cell(picture, x: column * dx, y: row * dy)
      }
    }
  }

  private func cell(_ picture: Bitmap, x: Int, y: Int) -> Cell {
    switch self {
    case .half:
      return Cell(
        scalar: HalfBlock.upper, ink: picture.color(x, y), paper: picture.color(x, y + 1), style: .picture)
    case .space:
      return Cell(scalar: 0x20, paper: .mean([picture.color(x, y), picture.color(x, y + 1)]), style: .picture)
    case .ascii:
      let color = Color.mean([picture.color(x, y), picture.color(x, y + 1)])
      return Cell(
        scalar: Self.ramp[color.luma * (Self.ramp.count - 1) / 255], ink: color.brightened, style: .picture)
    case .quadrant: return Mosaic.cell(picture, x, y, rows: 2)
    case .sextant: return Mosaic.cell(picture, x, y, rows: 3)
    case .braille: return Mosaic.braille(picture, x, y)
    case .sixel, .kitty: return Cell()
    }
  }

  /// Darkest first; the steps are about even in the fonts of terminals.
  static let ramp = Array(" .:-=+*#%@".utf8).map(UInt32.init)
}

/// Cells of several pixels in two colours, or in one.
enum Mosaic {
  /// Differences of brightness below this are not worth a pattern, which noise would change in every frame.
  private static let leastContrast = 14

  /// 2 × `rows` pixels (2 or 3): the brighter ones in ink, the others in paper, each the mean of its pixels.
  static func cell(_ picture: Bitmap, _ x: Int, _ y: Int, rows: Int) -> Cell {
    let colors = (0..<2 * rows).map { picture.color(x + $0 % 2, y + $0 / 2) }
    let lumas = colors.map(\.luma)
    let (darkest, brightest) = (lumas.min() ?? 0, lumas.max() ?? 0)
    guard brightest - darkest >= leastContrast else { return Cell(paper: .mean(colors), style: .picture) }
    let threshold = (darkest + brightest + 1) / 2
    var bits = 0
    for (index, luma) in lumas.enumerated() where luma >= threshold { bits |= 1 << index }
    return Cell(
      scalar: rows == 2 ? quadrants[bits] : sextant(bits), ink: .mean(colors, where: bits),
      paper: .mean(colors, where: ~bits), style: .picture)
  }

  /// 2 × 4 dots, as many as the place is bright, in the colour of those that are lit.
  static func braille(_ picture: Bitmap, _ x: Int, _ y: Int) -> Cell {
    let colors = (0..<8).map { picture.color(x + $0 % 2, y + $0 / 2) }
    var lit = 0
    var dots: UInt8 = 0
    for (index, color) in colors.enumerated() where color.luma * 16 > thresholds[index] * 255 {
      lit |= 1 << index
      dots |= BrailleCanvas.bit(index % 2, index / 2)
    }
    guard dots != 0 else { return Cell(style: .picture) }
    return Cell(scalar: BrailleCanvas.scalar(dots), ink: Color.mean(colors, where: lit).brightened, style: .picture)
  }

  /// An ordered dither of 2 × 4, in sixteenths.
  private static let thresholds = [1, 9, 13, 5, 3, 11, 15, 7]

  /// Bits: upper left, upper right, lower left, lower right.
  static let quadrants: [UInt32] = [
    0x20, 0x2598, 0x259D, 0x2580, 0x2596, 0x258C, 0x259E, 0x259B, 0x2597, 0x259A, 0x2590, 0x259C, 0x2584, 0x2599,
    0x259F, 0x2588,
  ]

  /// Bits row by row. Unicode's 60 sextants leave out the space, both halves and the full block, which it had before.
  static func sextant(_ bits: Int) -> UInt32 {
    switch bits {
    case 0: 0x20
    case 0b010101: 0x258C
    case 0b101010: 0x2590
    case 0b111111: 0x2588
    default: UInt32(0x1FB00 + bits - 1 - (bits > 0b010101 ? 1 : 0) - (bits > 0b101010 ? 1 : 0))
    }
  }
}

extension Bitmap {
  /// A pixel; black outside.
  func color(_ x: Int, _ y: Int) -> Color {
    guard x >= 0, y >= 0, x < width, y < height else { return Color(0, 0, 0) }
    let offset = (y * width + x) * 3
    return Color(pixels[offset], pixels[offset + 1], pixels[offset + 2])
  }

  /// Leaves the brightest tones to what is drawn over the picture.
  mutating func dim(to eighths: Int) {
    for index in pixels.indices { pixels[index] = UInt8(Int(pixels[index]) * eighths / 8) }
  }
}

extension Color {
  /// The mean of those whose bit is set; black of none.
  static func mean(_ colors: [Color], where bits: Int = -1) -> Color {
    var (red, green, blue, count) = (0, 0, 0, 0)
    for (index, color) in colors.enumerated() where bits >> index & 1 != 0 {
      red += color.red
      green += color.green
      blue += color.blue
      count += 1
    }
    guard count > 0 else { return Color(0, 0, 0) }
    return Color(UInt8(red / count), UInt8(green / count), UInt8(blue / count))
  }

  /// The same hue as bright as it can be shown: a character covers only part of its cell.
  fileprivate var brightened: Color {
    let high = max(red, green, blue, 1)
    let scale = { (value: Int) in UInt8(min(255, value * max(160, min(255, high * 3 / 2)) / high)) }
    return Color(scale(red), scale(green), scale(blue))
  }
}
