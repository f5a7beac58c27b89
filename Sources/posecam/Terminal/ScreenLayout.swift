/// Where everything lies on a screen of a given size, for frames of a given aspect.
///
/// A title row, a progress row and a row of keys; between them the picture with panels beside it or below it, or without
/// any where there is no room.
struct ScreenLayout: Equatable, Sendable {
  enum Panel: CaseIterable, Sendable {
    case rates, stages, load, people, events

    /// The key that shows and hides it.
    var key: Unicode.Scalar {
      switch self {
      case .rates: "R"
      case .stages: "S"
      case .load: "L"
      case .people: "P"
      case .events: "E"
      }
    }
  }

  static let smallest = (columns: 40, rows: 12)

  let columns: Int
  let rows: Int
  /// Below `smallest` there is only room for a sentence.
  let isTooSmall: Bool
  var title = CellRect()
  var progress = CellRect()
  var keys = CellRect()
  /// Where the picture goes, of its exact size.
  var picture = CellRect()
  var panels: [Panel: CellRect] = [:]
  /// Height of a cell by its width.
  let cellAspect: Double
  /// Columns of pictures where there are several.
  var tileColumns = 1
  /// Rows of the load panel that its cores take.
  private let coreRows: Int

  /// `cellAspect` is the height of a cell by its width, 2 for most fonts; without panels the picture has all the room.
  init(
    columns: Int, rows: Int, frameWidth: Int, frameHeight: Int, cellAspect: Double = 2,
    panels wanted: Set<Panel> = Set(Panel.allCases), cores: Int = 2
  ) {
    self.columns = max(0, columns)
    self.rows = max(0, rows)
    self.cellAspect = cellAspect
    coreRows = cores <= 4 ? max(1, cores) : 2
    isTooSmall = columns < Self.smallest.columns || rows < Self.smallest.rows
    if isTooSmall { return }
    title = CellRect(x: 0, y: 0, width: columns, height: 1)
    progress = CellRect(x: 0, y: rows - 2, width: columns, height: 1)
    keys = CellRect(x: 0, y: rows - 1, width: columns, height: 1)
    let main = CellRect(x: 0, y: 1, width: columns, height: rows - 3)
    let fit = PictureFit(frameWidth: frameWidth, frameHeight: frameHeight, cellAspect: cellAspect)

    let order = Panel.allCases.filter(wanted.contains)
    let hasSide = !order.isEmpty && columns >= 70 && rows >= 14
    let hasBottom = !order.isEmpty && columns >= 80 && rows >= 26
    let side = hasSide ? fit.cells(in: main.width - Self.sideWidth - 1, main.height) : (0, 0)
    let bottom = hasBottom ? fit.cells(in: main.width, main.height - Self.bottomHeight) : (0, 0)
    // Beside the picture more can be told: worth a third of its size, no more.
    if hasSide, 3 * side.0 * side.1 >= 2 * bottom.0 * bottom.1 {
      placeBeside(side, order, main)
    } else if hasBottom {
      place(bottom, in: CellRect(x: 0, y: main.y, width: main.width, height: main.height - Self.bottomHeight))
      line(
        order, in: CellRect(x: 0, y: main.bottom - Self.bottomHeight, width: main.width, height: Self.bottomHeight))
    } else {
      place(fit.cells(in: main.width, main.height), in: main)
    }
  }

  /// Narrowest column of panels.
  private static let sideWidth = 32
  private static let bottomHeight = 9

  private mutating func place(_ size: (width: Int, height: Int), in area: CellRect) {
    picture = CellRect(
      x: area.x + (area.width - size.width) / 2, y: area.y + (area.height - size.height) / 2, width: size.width,
      height: size.height)
  }

  /// What the picture leaves beside it and, where it is wide, below it.
  private mutating func placeBeside(_ size: (width: Int, height: Int), _ order: [Panel], _ main: CellRect) {
    let room = main.width - size.width - 1
    // What a narrow picture leaves, the panels take, in one column or two, up to where their lines are full.
    let isDouble = room >= 2 * Self.sideWidth + 2 && order.count > 2
    let width = max(Self.sideWidth, min(isDouble ? 90 : 48, room))
    let column = CellRect(x: main.right - width, y: main.y, width: width, height: main.height)
    var left = CellRect(x: 0, y: main.y, width: main.width - width - 1, height: main.height)
    let below = order.filter { $0 == .rates || $0 == .events }
    let spare = main.height - size.height
    if !isDouble, spare >= 7, left.width >= 48, !below.isEmpty, order.count > 2 {
      // Graphs and sentences like to be wide.
      let inStrip = left.width >= 72 ? below : [below[0]]
      line(inStrip, in: CellRect(x: 0, y: main.bottom - spare, width: left.width, height: spare))
      left.height = size.height
      stack(order.filter { !inStrip.contains($0) }, in: column)
    } else if isDouble {
      let half = width / 2
      let first = order.filter { $0 == .rates || $0 == .people }
      var (one, two) = (column, column)
      one.width = half
      (two.x, two.width) = (column.x + half + 1, width - half - 1)
      stack(first.isEmpty ? Array(order.prefix(1)) : first, in: one)
      stack(first.isEmpty ? Array(order.dropFirst()) : order.filter { !first.contains($0) }, in: two)
    } else {
      stack(order, in: column)
    }
    place(size, in: left)
  }

  private func leastHeight(of panel: Panel) -> Int {
    switch panel {
    case .rates: 7
    case .stages: 9
    case .load: 5 + coreRows
    case .people, .events: 4
    }
  }

  /// What is shown first where not all fit.
  private static let importance: [Panel] = [.rates, .people, .stages, .events, .load]

  /// Panels one below the other.
  private mutating func stack(_ order: [Panel], in area: CellRect) {
    var spare = area.height
    var shown: Set<Panel> = []
    for panel in Self.importance where order.contains(panel) && leastHeight(of: panel) <= spare {
      shown.insert(panel)
      spare -= leastHeight(of: panel)
    }
    let fitting = order.filter(shown.contains)
    var heights = fitting.map(leastHeight)
    func grow(_ panel: Panel, by rows: Int) {
      guard let index = fitting.firstIndex(of: panel), rows > 0 else { return }
      heights[index] += min(rows, spare)
      spare -= min(rows, spare)
    }
    // A few people, graphs of a few rows, then people and events as the column is long.
    grow(.people, by: 3)
    grow(.rates, by: spare >= 5 ? 6 : 0)
    grow(.people, by: shown.contains(.events) ? (2 * spare + 2) / 3 : spare)
    grow(.events, by: spare)
    if let last = fitting.last, spare > 0 { grow(shown.contains(.rates) ? .rates : last, by: spare) }
    var y = area.y
    for (panel, height) in zip(fitting, heights) {
      panels[panel] = CellRect(x: area.x, y: y, width: area.width, height: height)
      y += height
    }
  }

  /// Panels side by side.
  private mutating func line(_ order: [Panel], in area: CellRect) {
    func least(_ panel: Panel) -> Int {
      switch panel {
      case .rates: 30
      case .stages: 32
      case .load: 26
      case .people: 30
      case .events: 26
      }
    }
    var spare = area.width
    var shown: Set<Panel> = []
    for panel in Self.importance where order.contains(panel) && least(panel) <= spare {
      shown.insert(panel)
      spare -= least(panel)
    }
    let fitting = order.filter(shown.contains)
    var x = area.x
    for (index, panel) in fitting.enumerated() {
      let left = fitting.count - index
      let extra = left == 1 ? spare : panel == .stages || panel == .load ? min(spare / left, 8) : spare / left
      panels[panel] = CellRect(x: x, y: area.y, width: least(panel) + extra, height: area.height)
      x += least(panel) + extra
      spare -= extra
    }
  }
}

/// The largest picture of a frame's aspect.
struct PictureFit: Sendable {
  let frameWidth: Int
  let frameHeight: Int
  /// Height of a cell by its width.
  let cellAspect: Double

  /// Whole cells within an area in cells; at least one where there is a cell at all.
  func cells(in columns: Int, _ rows: Int) -> (width: Int, height: Int) {
    guard columns > 0, rows > 0, frameWidth > 0, frameHeight > 0 else { return (max(0, columns), max(0, rows)) }
    let aspect = Double(frameWidth) / Double(frameHeight) * min(4, max(1, cellAspect))
    let (width, height) = (Double(columns), Double(rows))
    let fitted = width / height > aspect ? (height * aspect, height) : (width, width / aspect)
    return (max(1, min(columns, Int(fitted.0.rounded()))), max(1, min(rows, Int(fitted.1.rounded()))))
  }
}

/// Several pictures side by side.
enum TileGrid {
  /// The columns with which `count` pictures of one aspect are largest in an area.
  static func columns(_ count: Int, in columns: Int, _ rows: Int, _ fit: PictureFit) -> Int {
    func size(_ across: Int) -> Int {
      let down = (count + across - 1) / across
      let (width, height) = fit.cells(in: columns / across, rows / down)
      return width * height
    }
    return (1...max(1, count)).max { size($0) < size($1) } ?? 1
  }

  /// The place of each picture in an area.
  static func places(_ count: Int, columns: Int, in area: CellRect) -> [CellRect] {
    let rows = (count + columns - 1) / max(1, columns)
    return (0..<count).map { index in
      let (column, row) = (index % columns, index / columns)
      let (x, y) = (area.x + column * area.width / columns, area.y + row * area.height / rows)
      return CellRect(
        x: x, y: y, width: area.x + (column + 1) * area.width / columns - x,
        height: area.y + (row + 1) * area.height / rows - y)
    }
  }
}
