/// Bits of a cell's appearance beside its colours.
struct CellStyle: OptionSet, Sendable, Hashable {
  let rawValue: UInt8
  static let bold = CellStyle(rawValue: 1)
  /// Sent only where there are too few colours for a grey.
  static let faint = CellStyle(rawValue: 2)
  static let reversed = CellStyle(rawValue: 4)
  /// Part of the picture: dithered, and repainted only when the change can be seen.
  static let picture = CellStyle(rawValue: 8)
}

/// One character position. A scalar of 0 is the right half of the wide character before it.
struct Cell: Equatable, Sendable {
  var scalar: UInt32 = 0x20
  var ink = Color.standard
  var paper = Color.standard
  var style: CellStyle = []
}

/// A rectangle of cells.
struct CellRect: Equatable, Sendable {
  var x = 0
  var y = 0
  var width = 0
  var height = 0

  var isEmpty: Bool { width <= 0 || height <= 0 }
  var right: Int { x + width }
  var bottom: Int { y + height }

  func inset(_ dx: Int, _ dy: Int) -> CellRect {
    CellRect(x: x + dx, y: y + dy, width: max(0, width - 2 * dx), height: max(0, height - 2 * dy))
  }

  func contains(_ x: Int, _ y: Int) -> Bool { x >= self.x && x < right && y >= self.y && y < bottom }

  func overlaps(_ other: CellRect) -> Bool {
    !isEmpty && !other.isEmpty && x < other.right && other.x < right && y < other.bottom && other.y < bottom
  }
}

/// A screen being composed; nothing outside it is ever written.
struct CellGrid: Equatable, Sendable {
  let width: Int
  let height: Int
  /// height × width, row-major.
  var cells: [Cell]

  init(width: Int, height: Int) {
    (self.width, self.height) = (max(0, width), max(0, height))
    cells = [Cell](repeating: Cell(), count: self.width * self.height)
  }

  mutating func clear() {
    for index in cells.indices { cells[index] = Cell() }
  }

  subscript(x: Int, y: Int) -> Cell {
    get { x >= 0 && y >= 0 && x < width && y < height ? cells[y * width + x] : Cell() }
    set { if x >= 0 && y >= 0 && x < width && y < height { cells[y * width + x] = newValue } }
  }

  mutating func fill(_ rect: CellRect, _ cell: Cell) {
    for y in max(0, rect.y)..<max(0, rect.y, min(height, rect.bottom)) {
      for x in max(0, rect.x)..<max(0, rect.x, min(width, rect.right)) { self[x, y] = cell }
    }
  }

  /// Writes text from (x, y) over at most `limit` columns, shortened with "…" (or "~" in ASCII) when it is longer;
  /// returns the columns used. `paper` nil keeps what is below.
  @discardableResult
  mutating func write(
    _ text: String, x: Int, y: Int, limit: Int = .max, glyphs: GlyphSet = .full, ink: Color = .standard,
    paper: Color? = nil, style: CellStyle = []
  ) -> Int {
    let room = min(limit, width - x)
    guard y >= 0, y < height, room > 0 else { return 0 }
    let needsCut = text.unicodeScalars.count > room / 2 && text.columns(in: glyphs) > room
    let last = needsCut ? room - 1 : room
    var column = 0
    func cell(_ scalar: UInt32, _ old: Cell) -> Cell {
      Cell(scalar: scalar, ink: ink, paper: paper ?? old.paper, style: style)
    }
    for scalar in text.unicodeScalars {
      let safe = scalar.shown(in: glyphs)
      let columns = safe.columns
      if columns == 0 { continue }
      if column + columns > last { break }
      self[x + column, y] = cell(safe.value, self[x + column, y])
      if columns == 2 { self[x + column + 1, y] = cell(0, self[x + column + 1, y]) }
      column += columns
    }
    if needsCut {
      self[x + column, y] = cell(glyphs == .full ? 0x2026 : 0x7E, self[x + column, y])
      column += 1
    }
    return column
  }

  /// The characters alone, a line per row, for tests and snapshots.
  var text: String {
    (0..<height).map { y in
      var line = String.UnicodeScalarView()
      for x in 0..<width {
        let value = cells[y * width + x].scalar
        if value != 0 { line.append(Unicode.Scalar(value) ?? " ") }
      }
      var trimmed = String(line)
      while trimmed.last == " " { trimmed.removeLast() }
      return trimmed
    }.joined(separator: "\n")
  }
}

extension String {
  /// Columns taken on a terminal.
  func columns(in glyphs: GlyphSet) -> Int { unicodeScalars.reduce(0) { $0 + $1.shown(in: glyphs).columns } }
}

extension Unicode.Scalar {
  /// The scalar itself, or a stand-in when it is a control character (names of files reach the screen) or beyond the
  /// terminal's character set.
  fileprivate func shown(in glyphs: GlyphSet) -> Unicode.Scalar {
    if value >= 0x20 && value < 0x7F { return self }
    if value < 0xA0 || properties.generalCategory == .lineSeparator { return "?" }
    if glyphs != .ascii { return self }
    return switch self {
    case "×": "x"
    case "·", "–", "—", "─", "━": "-"
    case "←": "<"
    case "→": ">"
    case "↑": "^"
    case "↓": "v"
    case "…": "~"
    default: "?"
    }
  }

  /// 0 for marks that join the character before, 2 for wide East Asian characters and emoji, else 1.
  fileprivate var columns: Int {
    if value < 0x300 { return 1 }
    switch properties.generalCategory {
    case .nonspacingMark, .enclosingMark, .format, .spacingMark, .control, .paragraphSeparator: return 0
    default: break
    }
    switch value {
    case 0x1100...0x115F, 0x2E80...0xA4CF, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE30...0xFE6F, 0xFF00...0xFF60,
      0xFFE0...0xFFE6, 0x20000...0x3FFFD:
      return 2
    default: return properties.isEmojiPresentation ? 2 : 1
    }
  }
}
