/// Turns a composed screen into the bytes that change the terminal from what it shows to that screen.
///
/// Only changed cells are sent, colours only where they differ from the last ones sent, and the screen is never cleared,
/// so nothing flickers. A cell of the picture counts as changed when a channel moved by more than `tolerance` from what
/// is *shown*: the noise of a camera stays at home, and the error can not add up. The codes are those of ECMA-48.
struct FrameEncoder: Sendable {
  let colors: ColorLevel
  var synchronizes: Bool
  /// Largest invisible change of a picture cell's channel.
  var tolerance = 7

  private var shown: CellGrid?
  private var ink = ColorLevel.standardCode
  private var paper = ColorLevel.standardCode
  private var style: CellStyle = []

  init(colors: ColorLevel, synchronizes: Bool) {
    self.colors = colors
    self.synchronizes = synchronizes
  }

  /// Forgets what the terminal shows, after a resize or a stop: the next screen is sent whole.
  mutating func forget() { shown = nil }

  /// Appends what leads to `grid`; nothing when it is already shown.
  /// - Parameters:
  ///   - area: where a picture of real pixels lies, around the characters that are not blank.
  ///   - erases: characters erase the picture, blanks too: they are left to the picture, which is drawn around the others.
  ///   - picture: appends the picture with the cursor at its corner, or nothing where it is already shown.
  mutating func encode(
    _ grid: CellGrid, around area: CellRect = CellRect(), erases: Bool = false, into bytes: inout [UInt8],
    picture: (_ state: PictureState, _ bytes: inout [UInt8]) -> Void = { _, _ in }
  ) {
    let isWhole = shown?.width != grid.width || shown?.height != grid.height
    var before = isWhole ? CellGrid(width: grid.width, height: grid.height) : (shown ?? grid)
    shown = nil  // so that `before` is not shared and is updated in place
    let start = bytes.count
    var (cursorX, cursorY) = (-1, -1)
    var state = PictureState(isLost: isWhole)
    grid.cells.withUnsafeBufferPointer { cells in
      before.cells.withUnsafeMutableBufferPointer { before in
        for y in 0..<grid.height {
          for x in 0..<grid.width {
            let index = y * grid.width + x
            let cell = cells[index]
            if erases, area.contains(x, y) {
              if cell == Cell() {
                if before[index] != cell { state.uncovered.append(CellRect(x: x, y: y, width: 1, height: 1)) }
                before[index] = cell
                continue
              }
              state.covered.append(CellRect(x: x, y: y, width: 1, height: 1))
            }
            if cell.scalar == 0 || (!isWhole && isSame(cell, before[index])) { continue }
            if bytes.count == start { begin(&bytes) }
            if cursorY != y || cursorX != x { move(to: x, y, from: cursorX, cursorY, &bytes) }
            put(cell, x: x, y: y, &bytes)
            before[index] = cell
            (cursorX, cursorY) = (x + 1, y)
            if x + 1 < grid.width, cells[index + 1].scalar == 0 {
              before[index + 1] = cells[index + 1]
              cursorX += 1
            }
          }
        }
      }
    }
    if !area.isEmpty {
      let before = bytes.count
      if bytes.count == start { begin(&bytes) }
      move(to: area.x, area.y, from: -1, -1, &bytes)
      let corner = bytes.count
      picture(state, &bytes)
      if bytes.count == corner { bytes.removeSubrange(before...) }
    }
    if bytes.count > start, synchronizes { bytes.append(contentsOf: "\u{1B}[?2026l".utf8) }
    shown = before
  }

  /// Appends the rows as lines of text from where the cursor is, without what is blank at their ends.
  mutating func encodeLines(_ grid: CellGrid, into bytes: inout [UInt8]) {
    for y in 0..<grid.height {
      let row = grid.cells[y * grid.width..<(y + 1) * grid.width]
      let end: Int =
        row.lastIndex { $0.scalar != 0x20 || $0.style.contains(.reversed) }.map { $0 + 1 } ?? row.startIndex
      for (x, cell) in row[..<end].enumerated() where cell.scalar != 0 { put(cell, x: x, y: y, &bytes) }
      if (ink, paper, style) != (ColorLevel.standardCode, ColorLevel.standardCode, []) {
        bytes.append(contentsOf: "\u{1B}[0m".utf8)
        (ink, paper, style) = (ColorLevel.standardCode, ColorLevel.standardCode, [])
      }
      bytes.append(UInt8(ascii: "\n"))
    }
  }

  private func isSame(_ a: Cell, _ b: Cell) -> Bool {
    if a == b { return true }
    guard a.style.contains(.picture), a.scalar == b.scalar, a.style == b.style else { return false }
    return a.ink.distance(to: b.ink) <= tolerance && a.paper.distance(to: b.paper) <= tolerance
  }

  private mutating func begin(_ bytes: inout [UInt8]) {
    if synchronizes { bytes.append(contentsOf: "\u{1B}[?2026h".utf8) }
    bytes.append(contentsOf: "\u{1B}[0m".utf8)
    (ink, paper, style) = (ColorLevel.standardCode, ColorLevel.standardCode, [])
  }

  private func move(to x: Int, _ y: Int, from oldX: Int, _ oldY: Int, _ bytes: inout [UInt8]) {
    bytes.append(contentsOf: [0x1B, 0x5B])
    if y == oldY, x > oldX, oldX >= 0 {
      if x - oldX > 1 { append(UInt32(x - oldX), &bytes) }
      bytes.append(UInt8(ascii: "C"))
    } else {
      append(UInt32(y + 1), &bytes)
      bytes.append(UInt8(ascii: ";"))
      append(UInt32(x + 1), &bytes)
      bytes.append(UInt8(ascii: "H"))
    }
  }

  private mutating func put(_ cell: Cell, x: Int, y: Int, _ bytes: inout [UInt8]) {
    let isPicture = cell.style.contains(.picture)
    var scalar = cell.scalar
    var ink = colors.code(for: cell.ink, dither: isPicture ? (x, 2 * y) : nil)
    var paper = colors.code(for: cell.paper, dither: isPicture ? (x, 2 * y + 1) : nil)
    if scalar == HalfBlock.upper {
      // The same picture can be told by the other half, or by a space: take what changes fewest colours.
      if ink == paper {
        (scalar, ink) = (0x20, self.ink)
      } else if cost(paper, ink) < cost(ink, paper) {
        (scalar, ink, paper) = (HalfBlock.lower, paper, ink)
      }
    } else if scalar == 0x20, !cell.style.contains(.reversed) {
      ink = self.ink
    }
    attributes(ink, paper, cell.style.subtracting(.picture), &bytes)
    append(scalar: scalar, &bytes)
  }

  private func cost(_ ink: UInt32, _ paper: UInt32) -> Int { (ink != self.ink ? 1 : 0) + (paper != self.paper ? 1 : 0) }

  /// One SGR for all that differs from the last one.
  private mutating func attributes(_ ink: UInt32, _ paper: UInt32, _ style: CellStyle, _ bytes: inout [UInt8]) {
    var wanted = style
    if colors >= .ansi16 { wanted.remove(.faint) }
    if ink == self.ink, paper == self.paper, wanted == self.style { return }
    bytes.append(contentsOf: [0x1B, 0x5B])
    let start = bytes.count
    if wanted != self.style {
      // Taking a bit away alone is not known everywhere: reset, then set what stays.
      bytes.append(UInt8(ascii: "0"))
      if wanted.contains(.bold) { bytes.append(contentsOf: ";1".utf8) }
      if wanted.contains(.faint) { bytes.append(contentsOf: ";2".utf8) }
      if wanted.contains(.reversed) { bytes.append(contentsOf: ";7".utf8) }
      (self.ink, self.paper, self.style) = (ColorLevel.standardCode, ColorLevel.standardCode, wanted)
    }
    if ink != self.ink { color(ink, base: 30, after: start, &bytes) }
    if paper != self.paper { color(paper, base: 40, after: start, &bytes) }
    bytes.append(UInt8(ascii: "m"))
    (self.ink, self.paper) = (ink, paper)
  }

  private func color(_ code: UInt32, base: UInt32, after start: Int, _ bytes: inout [UInt8]) {
    if bytes.count > start { bytes.append(UInt8(ascii: ";")) }
    if code == ColorLevel.standardCode {
      append(base + 9, &bytes)
    } else if colors == .direct {
      append(base + 8, &bytes)
      bytes.append(contentsOf: [0x3B, 0x32, 0x3B])
      append(code >> 16 & 255, &bytes)
      bytes.append(0x3B)
      append(code >> 8 & 255, &bytes)
      bytes.append(0x3B)
      append(code & 255, &bytes)
    } else if colors == .indexed {
      append(base + 8, &bytes)
      bytes.append(contentsOf: [0x3B, 0x35, 0x3B])
      append(code, &bytes)
    } else {
      append(code < 8 ? base + code : base + 52 + code, &bytes)
    }
  }

  private func append(_ number: UInt32, _ bytes: inout [UInt8]) {
    if number >= 100 { bytes.append(48 + UInt8(number / 100 % 10)) }
    if number >= 10 { bytes.append(48 + UInt8(number / 10 % 10)) }
    bytes.append(48 + UInt8(number % 10))
  }

  private func append(scalar value: UInt32, _ bytes: inout [UInt8]) {
    if value < 0x80 {
      bytes.append(UInt8(value))
    } else if value == HalfBlock.upper || value == HalfBlock.lower {
      bytes.append(contentsOf: [0xE2, 0x96, value == HalfBlock.upper ? 0x80 : 0x84])
    } else if let scalar = Unicode.Scalar(value) {
      bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
    }
  }
}

/// What became of the picture that a terminal shows.
struct PictureState {
  /// Nothing of it can be relied on.
  var isLost = false
  /// Cells that characters cover now.
  var covered: [CellRect] = []
  /// Cells that characters covered until now.
  var uncovered: [CellRect] = []
}
