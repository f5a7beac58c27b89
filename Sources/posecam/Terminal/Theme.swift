/// The colours of the panels: quiet greys around, one accent per panel, warnings in amber. The terminal's own background
/// stays, so that light themes and transparent windows work.
enum Theme {
  static let frame = Color(92, 99, 112)
  static let label = Color(128, 134, 146)
  static let track = Color(70, 76, 88)
  static let good = Color(126, 200, 120)
  static let warning = Color(229, 176, 84)
  static let bad = Color(224, 108, 117)
  static let title = Color(97, 175, 239)

  static func accent(of panel: ScreenLayout.Panel) -> Color {
    switch panel {
    case .rates: Color(126, 200, 120)
    case .stages: Color(97, 175, 239)
    case .load: Color(86, 182, 194)
    case .people: Color(198, 120, 221)
    case .events: Color(229, 176, 84)
    }
  }

  /// Of a busy share, 0...1.
  static func load(_ share: Double) -> Color {
    share < 0.6 ? accent(of: .load) : share < 0.9 ? warning : bad
  }
}

/// Characters of boxes and bars in one glyph set.
struct Ornaments: Sendable {
  let topLeft, topRight, bottomLeft, bottomRight, horizontal, vertical: UInt32
  /// The filled and the empty part of a bar.
  let filled, empty: UInt32
  let swatch: UInt32
  /// From an empty column of one cell to a full one.
  let levels: [UInt32]
  let playing, paused, live, recording, over: String

  init(_ glyphs: GlyphSet) {
    switch glyphs {
    case .full:
      (topLeft, topRight, bottomLeft, bottomRight) = (0x256D, 0x256E, 0x2570, 0x256F)
      (horizontal, vertical, filled, empty, swatch) = (0x2500, 0x2502, 0x2501, 0x2500, 0x25CF)
      levels = Array(0x2581...0x2588)
      (playing, paused, live, recording, over) = ("▶", "‖", "●", "●", "■")
    case .console:
      (topLeft, topRight, bottomLeft, bottomRight) = (0x250C, 0x2510, 0x2514, 0x2518)
      (horizontal, vertical, filled, empty, swatch) = (0x2500, 0x2502, 0x2550, 0x2500, 0x25A0)
      levels = [0x5F, 0x2584, 0x2588]
      (playing, paused, live, recording, over) = ("►", "║", "■", "■", "■")
    case .ascii:
      (topLeft, topRight, bottomLeft, bottomRight) = (0x2B, 0x2B, 0x2B, 0x2B)
      (horizontal, vertical, filled, empty, swatch) = (0x2D, 0x7C, 0x23, 0x2D, 0x2A)
      levels = Array("_.:-=+*#".utf8).map(UInt32.init)
      (playing, paused, live, recording, over) = (">", "=", "*", "*", "#")
    }
  }

  /// A column as high as `share` 0...1.
  func level(_ share: Double) -> UInt32 {
    levels[Int((max(0, min(1, share.isFinite ? share : 0)) * Double(levels.count - 1)).rounded())]
  }
}

extension CellGrid {
  /// An empty box with a title in its upper edge and, where they fit, headings at its right end.
  mutating func box(_ rect: CellRect, title: String, headings: String = "", accent: Color, glyphs: GlyphSet) {
    guard rect.width >= 2, rect.height >= 2 else { return }
    let ornaments = Ornaments(glyphs)
    func edge(_ scalar: UInt32) -> Cell { Cell(scalar: scalar, ink: Theme.frame, style: .faint) }
    fill(rect, Cell())
    for x in rect.x..<rect.right {
      self[x, rect.y] = edge(ornaments.horizontal)
      self[x, rect.bottom - 1] = edge(ornaments.horizontal)
    }
    for y in rect.y..<rect.bottom {
      self[rect.x, y] = edge(ornaments.vertical)
      self[rect.right - 1, y] = edge(ornaments.vertical)
    }
    self[rect.x, rect.y] = edge(ornaments.topLeft)
    self[rect.right - 1, rect.y] = edge(ornaments.topRight)
    self[rect.x, rect.bottom - 1] = edge(ornaments.bottomLeft)
    self[rect.right - 1, rect.bottom - 1] = edge(ornaments.bottomRight)
    let used = write(
      " \(title) ", x: rect.x + 2, y: rect.y, limit: rect.width - 4, glyphs: glyphs, ink: accent, style: .bold)
    if !headings.isEmpty, used + headings.count + 4 <= rect.width {
      write(
        headings, x: rect.right - 1 - headings.count, y: rect.y, glyphs: glyphs, ink: Theme.label, style: .faint)
    }
  }

  /// A bar of `share` 0...1.
  mutating func bar(x: Int, y: Int, width: Int, share: Double, ink: Color, glyphs: GlyphSet) {
    let ornaments = Ornaments(glyphs)
    let filled = Int((Double(max(0, width)) * max(0, min(1, share.isFinite ? share : 0))).rounded())
    for column in 0..<max(0, width) {
      self[x + column, y] =
        column < filled
        ? Cell(scalar: ornaments.filled, ink: ink) : Cell(scalar: ornaments.empty, ink: Theme.track, style: .faint)
    }
  }
}

/// Numbers as the panels show them, always with a decimal point.
enum Figure {
  /// `value` with `digits` decimals, padded to `width`; "-" for what is no number.
  static func decimal(_ value: Double, digits: Int = 1, width: Int = 0) -> String {
    guard value.isFinite, value.magnitude < 1e9 else { return pad("-", width) }
    var unit = 1
    for _ in 0..<digits { unit *= 10 }
    let scaled = Int((value.magnitude * Double(unit)).rounded())
    let sign = value < 0 && scaled > 0 ? "-" : ""
    if digits == 0 { return pad("\(sign)\(scaled)", width) }
    return pad("\(sign)\(scaled / unit).\(leading(scaled % unit, digits))", width)
  }

  /// Milliseconds with as many decimals as four digits leave.
  static func milliseconds(_ value: Double, width: Int = 0) -> String {
    decimal(value, digits: value < 9.995 ? 2 : value < 99.95 ? 1 : 0, width: width)
  }

  /// `m:ss.t`, with hours where there are any.
  static func time(_ seconds: Double) -> String {
    // Rounding must not make a tenth less of what a computation gave.
    let seconds = seconds + 1e-6
    guard seconds.isFinite, seconds >= 0, seconds < 1e9 else { return "-:--" }
    let tenths = Int((seconds * 10).rounded(.down))
    let (hours, minutes, rest) = (tenths / 36000, tenths / 600 % 60, tenths % 600)
    let tail = "\(leading(rest / 10, 2)).\(rest % 10)"
    return hours > 0 ? "\(hours):\(leading(minutes, 2)):\(tail)" : "\(minutes):\(tail)"
  }

  /// `m:ss`, with hours where there are any.
  static func clock(_ seconds: Double) -> String { String(time(seconds).prefix { $0 != "." }) }

  /// Bytes in the unit that leaves up to four digits.
  static func bytes(_ count: Int) -> String {
    count < 10_000_000_000
      ? "\(decimal(Double(count) / 1e6, digits: 0)) MB" : "\(decimal(Double(count) / 1e9, digits: 1)) GB"
  }

  static func pad(_ text: String, _ width: Int) -> String {
    String(repeating: " ", count: max(0, width - text.count)) + text
  }

  private static func leading(_ value: Int, _ digits: Int) -> String {
    let text = String(value)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
  }
}

extension String {
  /// Lines of at most `width` characters, broken between words where there are any.
  func wrapped(to width: Int) -> [String] {
    var lines = [""]
    for word in split(separator: " ") {
      var rest = word[...]
      if let last = lines.last, !last.isEmpty, last.count + 1 + rest.count > width { lines.append("") }
      while rest.count > width {
        lines[lines.count - 1] += rest.prefix(width)
        rest = rest.dropFirst(width)
        lines.append("")
      }
      let last = lines.count - 1
      lines[last] += (lines[last].isEmpty ? "" : " ") + rest
    }
    return lines
  }
}
