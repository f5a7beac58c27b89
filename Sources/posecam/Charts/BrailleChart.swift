/// Charts in cells: two by four dots of braille each, or stars where there is no braille.
extension CellGrid {
  /// A framed chart with its title, the names of its curves, and both axes.
  mutating func chart(_ chart: Chart, in rect: CellRect, accent: Color = Theme.title, glyphs: GlyphSet) {
    guard rect.width >= 16, rect.height >= 5 else { return }
    box(rect, title: chart.title, accent: accent, glyphs: glyphs)
    legend(chart, in: rect, glyphs)
    let inner = rect.inset(1, 1)
    let ticks = chart.vertical.ticks(max(1, (inner.height - 1) / 2))
    let labelWidth = min(inner.width / 3, (ticks.map { Axis.label($0).count }.max() ?? 0) + 1)
    let area = CellRect(
      x: inner.x + labelWidth, y: inner.y, width: inner.width - labelWidth, height: inner.height - 1)
    for tick in ticks {
      let row = area.bottom - 1 - Int((chart.vertical.share(of: tick) * Double(area.height - 1)).rounded())
      let label = Axis.label(tick)
      write(
        label, x: area.x - 1 - label.count, y: row, limit: labelWidth, glyphs: glyphs, ink: Theme.label, style: .faint)
    }
    var free = area.x
    for tick in chart.horizontal.ticks(max(2, area.width / 12)) {
      let label = Axis.label(tick)
      let middle = area.x + Int((chart.horizontal.share(of: tick) * Double(area.width - 1)).rounded())
      let x = min(area.right - label.count, max(area.x, middle - label.count / 2))
      guard x >= free else { continue }
      write(label, x: x, y: area.bottom, glyphs: glyphs, ink: Theme.label, style: .faint)
      free = x + label.count + 1
    }
    var dots = DotField(width: area.width, height: area.height)
    for series in chart.series where !series.isBackground {
      dots.draw(chart.places(of: series, columns: 2 * area.width), series.color)
    }
    for y in 0..<area.height {
      for x in 0..<area.width {
        guard let (mask, color) = dots[x, y] else { continue }
        self[area.x + x, area.y + y] = Cell(scalar: glyphs == .full ? 0x2800 + UInt32(mask) : 0x2A, ink: color)
      }
    }
  }

  /// Names in the upper edge, as many as there is room for, from the right.
  private mutating func legend(_ chart: Chart, in rect: CellRect, _ glyphs: GlyphSet) {
    let named = chart.series.filter { !$0.isBackground && !$0.name.isEmpty }
    let left = rect.x + chart.title.columns(in: glyphs) + 6
    var room = rect.right - 2 - left
    let shown = named.prefix { series in
      room -= series.name.columns(in: glyphs) + 3
      return room >= 0
    }
    var x = rect.right - 2 - shown.reduce(0) { $0 + $1.name.columns(in: glyphs) + 3 }
    for series in shown {
      self[x, rect.y] = Cell()
      self[x + 1, rect.y] = Cell(scalar: Ornaments(glyphs).swatch, ink: series.color)
      x += 2
      x += write(series.name, x: x, y: rect.y, glyphs: glyphs, ink: series.color)
      self[x, rect.y] = Cell()
      x += 1
    }
  }
}

/// Braille dots on a rectangle of cells.
private struct DotField {
  let width: Int
  let height: Int
  private var masks: [UInt8]
  private var colors: [Color]

  init(width: Int, height: Int) {
    (self.width, self.height) = (max(0, width), max(0, height))
    masks = [UInt8](repeating: 0, count: self.width * self.height)
    colors = [Color](repeating: .standard, count: masks.count)
  }

  /// The dots of a cell and the colour of the last curve through it.
  subscript(x: Int, y: Int) -> (mask: UInt8, color: Color)? {
    let mask = masks[y * width + x]
    return mask == 0 ? nil : (mask, colors[y * width + x])
  }

  /// Joins places (0...1 from left and bottom) by straight lines.
  mutating func draw(_ places: [SIMD2<Double>], _ color: Color) {
    guard width > 0, height > 0 else { return }
    let dots = places.map { place in
      SIMD2(
        Int((place.x * Double(2 * width - 1)).rounded()), Int(((1 - place.y) * Double(4 * height - 1)).rounded()))
    }
    var last = dots.first
    for dot in dots {
      let from = last ?? dot
      let way = dot &- from
      let steps = max(abs(way.x), abs(way.y))
      for step in 0...steps {
        let share = steps == 0 ? 0 : Double(step) / Double(steps)
        set(from.x + Int((Double(way.x) * share).rounded()), from.y + Int((Double(way.y) * share).rounded()), color)
      }
      last = dot
    }
  }

  private static let bits: [UInt8] = [0x01, 0x08, 0x02, 0x10, 0x04, 0x20, 0x40, 0x80]

  private mutating func set(_ x: Int, _ y: Int, _ color: Color) {
    let cell = y / 4 * width + x / 2
    masks[cell] |= Self.bits[y % 4 * 2 + x % 2]
    colors[cell] = color
  }
}
