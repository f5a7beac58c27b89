/// Where everything lies on a screen of a given size, for frames of a given aspect.
///
/// A title row, a progress row and a row of keys; between them the picture with panels beside it or below it, whichever
/// leaves the picture larger, or without any where there is no room.
struct ScreenLayout: Equatable, Sendable {
  enum Panel: CaseIterable, Sendable { case rates, stages, people, events }

  static let smallest = (columns: 40, rows: 12)

  let columns: Int
  let rows: Int
  /// Below `smallest` there is only room for a sentence.
  let isTooSmall: Bool
  var title = CellRect()
  var progress = CellRect()
  var keys = CellRect()
  /// Where the picture goes, of its exact size in cells.
  var picture = CellRect()
  /// The picture in picture pixels, 1 × 2 per cell.
  var pictureWidth = 0
  var pictureHeight = 0
  var panels: [Panel: CellRect] = [:]

  /// `cellAspect` is the height of a cell by its width, 2 for most fonts; without panels the picture has all the room.
  init(
    columns: Int, rows: Int, frameWidth: Int, frameHeight: Int, cellAspect: Double = 2, hasPanels: Bool = true
  ) {
    self.columns = max(0, columns)
    self.rows = max(0, rows)
    isTooSmall = columns < Self.smallest.columns || rows < Self.smallest.rows
    if isTooSmall { return }
    title = CellRect(x: 0, y: 0, width: columns, height: 1)
    progress = CellRect(x: 0, y: rows - 2, width: columns, height: 1)
    keys = CellRect(x: 0, y: rows - 1, width: columns, height: 1)
    let main = CellRect(x: 0, y: 1, width: columns, height: rows - 3)
    let fit = PictureFit(frameWidth: frameWidth, frameHeight: frameHeight, cellAspect: cellAspect)

    let sideWidth = 30
    let hasSide = hasPanels && columns >= 70 && rows >= 14
    let hasBottom = hasPanels && columns >= 80 && rows >= 26
    let side = hasSide ? fit.size(in: main.width - sideWidth - 1, main.height) : (0, 0)
    let bottom = hasBottom ? fit.size(in: main.width, main.height - 8) : (0, 0)
    if hasSide, side.0 * side.1 >= bottom.0 * bottom.1 {
      // What a narrow picture leaves, the panels take, up to where their lines are full.
      let used = min(main.width - sideWidth - 1, side.0)
      let width = max(sideWidth, min(52, main.width - used - 1))
      place(side, in: CellRect(x: 0, y: main.y, width: main.width - width - 1, height: main.height))
      stack(in: CellRect(x: columns - width, y: main.y, width: width, height: main.height))
    } else if hasBottom {
      place(bottom, in: CellRect(x: 0, y: main.y, width: main.width, height: main.height - 8))
      line(in: CellRect(x: 0, y: main.bottom - 8, width: main.width, height: 8))
    } else {
      place(fit.size(in: main.width, main.height), in: main)
    }
  }

  private mutating func place(_ size: (width: Int, height: Int), in area: CellRect) {
    (pictureWidth, pictureHeight) = size
    let height = (size.height + 1) / 2
    picture = CellRect(
      x: area.x + (area.width - size.width) / 2, y: area.y + (area.height - height) / 2, width: size.width,
      height: height)
  }

  /// Panels one below the other; when rows are few, the stages go first.
  private mutating func stack(in area: CellRect) {
    var left = area
    func take(_ height: Int) -> CellRect {
      defer {
        left.y += height
        left.height -= height
      }
      return CellRect(x: left.x, y: left.y, width: left.width, height: height)
    }
    panels[.rates] = take(7)
    if left.height >= 8 + 4 { panels[.stages] = take(8) }
    if left.height >= 14 {
      panels[.people] = take(left.height - max(5, left.height / 3))
      panels[.events] = take(left.height)
    } else if left.height >= 3 {
      panels[.people] = take(left.height)
    }
  }

  /// Panels side by side.
  private mutating func line(in area: CellRect) {
    let share = [(Panel.rates, 24), (.stages, 30), (.people, 24), (.events, 30)]
    var fitting = share
    while fitting.count > 1, fitting.reduce(0, { $0 + $1.1 }) > area.width { fitting.removeLast() }
    var x = area.x
    var spare = area.width - fitting.reduce(0) { $0 + $1.1 }
    for (index, (panel, width)) in fitting.enumerated() {
      let extra = index == fitting.count - 1 ? spare : min(spare / (fitting.count - index), 20)
      panels[panel] = CellRect(x: x, y: area.y, width: width + extra, height: area.height)
      x += width + extra
      spare -= extra
    }
  }
}

/// The largest picture of a frame's aspect.
struct PictureFit: Sendable {
  let frameWidth: Int
  let frameHeight: Int
  let cellAspect: Double

  /// Picture pixels (1 × 2 per cell) for an area in cells; at least 1 × 1 where there is a cell at all.
  func size(in columns: Int, _ rows: Int) -> (width: Int, height: Int) {
    guard columns > 0, rows > 0, frameWidth > 0, frameHeight > 0 else { return (max(0, columns), max(0, 2 * rows)) }
    // A picture pixel is one cell wide and half a cell high.
    let aspect = Double(frameWidth) / Double(frameHeight) * min(4, max(1, cellAspect)) / 2
    let (width, height) = (Double(columns), Double(2 * rows))
    let fitted = width / height > aspect ? (height * aspect, height) : (width, width / aspect)
    return (
      max(1, min(columns, Int(fitted.0.rounded()))), max(1, min(2 * rows, Int(fitted.1.rounded())))
    )
  }
}
