import Tracker

/// The boxes beside the picture.
struct Panels {
  let view: LiveView
  let glyphs: GlyphSet
  /// Screens left out because the terminal had not taken the one before.
  let skipped: Int

  func draw(_ panel: ScreenLayout.Panel, in rect: CellRect, of grid: inout CellGrid) {
    switch panel {
    case .rates: rates(rect, &grid)
    case .stages: stages(rect, &grid)
    case .load: load(rect, &grid)
    case .people: people(rect, &grid)
    case .events: events(rect, &grid)
    }
  }

  private func frame(
    _ panel: ScreenLayout.Panel, _ title: String, _ headings: String = "", _ rect: CellRect, _ grid: inout CellGrid
  ) -> CellRect {
    grid.box(rect, title: title, headings: headings, accent: Theme.accent(of: panel), glyphs: glyphs)
    return rect.inset(2, 1)
  }

  // MARK: - Rates

  private func rates(_ rect: CellRect, _ grid: inout CellGrid) {
    let inner = frame(.rates, "Rates", " fps ", rect, &grid)
    var facts = inner
    var graphs = CellRect()
    if inner.width >= 54 {
      facts.width = 26
      graphs = CellRect(x: inner.x + 28, y: inner.y, width: inner.width - 28, height: inner.height)
    } else if inner.height >= 8 {
      facts.height = 5
      graphs = CellRect(x: inner.x, y: inner.y + 6, width: inner.width, height: inner.height - 6)
    }
    let top = max(view.capturedRate, view.processedRate, view.shownRate, 1)
    let rows = [("captured", view.capturedRate), ("processed", view.processedRate), ("shown", view.shownRate)]
    for (row, (name, rate)) in rows.enumerated() where row < facts.height {
      let y = facts.y + row
      grid.write(name, x: facts.x, y: y, limit: 10, ink: Theme.label, style: .faint)
      // The eye finds a number at the same place in every row: the bar is between name and number.
      grid.bar(
        x: facts.x + 10, y: y, width: facts.width - 10 - 7, share: rate / top, ink: Theme.accent(of: .rates),
        glyphs: glyphs)
      grid.write(Figure.decimal(rate, width: 6), x: facts.right - 6, y: y, style: .bold)
    }
    if facts.height > 3 { delay(facts, facts.y + 3, &grid) }
    if facts.height > 4 { drops(facts, facts.y + 4, &grid) }
    graph(graphs, &grid)
  }

  /// The course of the rate that people see and, of a live source, of the latency.
  private func graph(_ rect: CellRect, _ grid: inout CellGrid) {
    guard !rect.isEmpty, rect.height >= 2 else { return }
    var upper = rect
    if !view.history.latency.isEmpty, rect.height >= 4 {
      upper.height = (rect.height - 1) / 2
      var lower = rect
      (lower.y, lower.height) = (upper.bottom + 1, rect.height - upper.height - 1)
      let top = max(20, view.history.latency.suffix(2 * rect.width).max() ?? 0)
      grid.graph(view.history.latency, in: lower, top: top * 1.1, ink: Theme.accent(of: .events), glyphs: glyphs)
      caption("latency, to \(Figure.decimal(Double(top), digits: 0)) ms", lower, &grid)
    }
    let values = view.history.processed
    let top = max(1, values.suffix(2 * rect.width).max() ?? 0)
    grid.graph(values, in: upper, top: top * 1.1, ink: Theme.accent(of: .rates), glyphs: glyphs)
    caption("processed, to \(Figure.decimal(Double(top), digits: 0)) fps", upper, &grid)
  }

  private func caption(_ text: String, _ rect: CellRect, _ grid: inout CellGrid) {
    grid.write(text, x: rect.x, y: rect.y, limit: rect.width, glyphs: glyphs, ink: Theme.label, style: .faint)
  }

  /// Capture to screen of a live source; of a file, the time left.
  private func delay(_ inner: CellRect, _ y: Int, _ grid: inout CellGrid) {
    grid.write(view.isLive ? "latency" : "left", x: inner.x, y: y, ink: Theme.label, style: .faint)
    guard let latency = view.latency else {
      let left = view.isLive ? "-" : view.duration.map { Figure.time(max(0, $0 - view.time)) } ?? "-"
      grid.write(left, x: inner.right - left.count, y: y, style: .bold)
      return
    }
    let now = "\(Figure.decimal(latency.lastMilliseconds, digits: 0)) ms"
    let spread = "p95 \(Figure.decimal(latency.p95Milliseconds, digits: 0))  "
    if inner.width >= 10 + spread.count + now.count {
      grid.write(
        spread, x: inner.right - now.count - spread.count, y: y, ink: Theme.label, style: .faint)
    }
    let ink = latency.lastMilliseconds < 100 ? Theme.good : latency.lastMilliseconds < 250 ? Theme.warning : Theme.bad
    grid.write(now, x: inner.right - now.count, y: y, ink: ink, style: .bold)
  }

  private func drops(_ inner: CellRect, _ y: Int, _ grid: inout CellGrid) {
    grid.write("dropped", x: inner.x, y: y, ink: Theme.label, style: .faint)
    let dropped = "\(view.dropped)"
    let screens = skipped > 0 ? "screens \(skipped)  " : ""
    if inner.width >= 10 + screens.count + dropped.count {
      grid.write(
        screens, x: inner.right - dropped.count - screens.count, y: y, ink: Theme.warning)
    }
    grid.write(
      dropped, x: inner.right - dropped.count, y: y, ink: view.dropped > 0 ? Theme.warning : .standard, style: .bold)
  }

  // MARK: - Stages

  private func stages(_ rect: CellRect, _ grid: inout CellGrid) {
    let inner = frame(.stages, "Stage ms", " last  med  p95 ", rect, &grid)
    let slowest = max(0.001, view.stages.map(\.medianMilliseconds).max() ?? 0)
    // Where not all fit, those that take least are left out.
    var stages = view.stages
    while stages.count > max(0, inner.height),
      let least = stages.indices.min(by: { stages[$0].medianMilliseconds < stages[$1].medianMilliseconds })
    {
      stages.remove(at: least)
    }
    for (row, stage) in stages.enumerated() {
      let y = inner.y + row
      let barWidth = inner.width - 11 - 15 - 1
      grid.write(stage.name, x: inner.x, y: y, limit: 10, glyphs: glyphs, ink: Theme.label, style: .faint)
      if barWidth >= 4 {
        grid.bar(
          x: inner.x + 11, y: y, width: barWidth, share: stage.medianMilliseconds / slowest,
          ink: Theme.accent(of: .stages), glyphs: glyphs)
      }
      let x = inner.right - 15
      grid.write(Figure.milliseconds(stage.lastMilliseconds, width: 5), x: x, y: y)
      grid.write(Figure.milliseconds(stage.medianMilliseconds, width: 5), x: x + 5, y: y, style: .bold)
      grid.write(
        Figure.milliseconds(stage.p95Milliseconds, width: 5), x: x + 10, y: y, ink: Theme.label, style: .faint)
    }
  }

  // MARK: - Load

  private func load(_ rect: CellRect, _ grid: inout CellGrid) {
    let inner = frame(.load, "Load", "", rect, &grid)
    guard let load = view.load else {
      grid.write("not told by this system", x: inner.x, y: inner.y, limit: inner.width, ink: Theme.label, style: .faint)
      return
    }
    let rows = cores(load.cores, inner, &grid)
    let queues = view.queues.map { "\($0.name) \($0.depth)" }.joined(separator: "  ")
    let facts = [
      ("posecam", "\(Figure.decimal(load.process)) cores", Color.standard),
      ("memory", Figure.bytes(load.memory), .standard), ("waiting", queues, .standard),
    ]
    for (row, (name, figure, ink)) in facts.enumerated() where rows + row < inner.height {
      let y = inner.y + rows + row
      grid.write(name, x: inner.x, y: y, limit: 10, ink: Theme.label, style: .faint)
      grid.write(figure, x: inner.right - figure.count, y: y, glyphs: glyphs, ink: ink, style: .bold)
      let peak = "peak \(Figure.bytes(load.peakMemory))  "
      if name == "memory", inner.width >= 10 + figure.count + peak.count {
        grid.write(peak, x: inner.right - figure.count - peak.count, y: y, ink: Theme.label, style: .faint)
      }
    }
  }

  /// A bar for each core where they are few, else a column of one cell for each; returns the rows taken.
  private func cores(_ cores: [Double], _ inner: CellRect, _ grid: inout CellGrid) -> Int {
    guard cores.count > 4 else {
      for (core, share) in cores.enumerated() where core < inner.height {
        let y = inner.y + core
        grid.write("core \(core)", x: inner.x, y: y, limit: 10, ink: Theme.label, style: .faint)
        grid.bar(
          x: inner.x + 10, y: y, width: inner.width - 17, share: share, ink: Theme.load(share), glyphs: glyphs)
        grid.write(
          "\(Figure.decimal(100 * share, digits: 0, width: 4)) %", x: inner.right - 6, y: y, style: .bold)
      }
      return min(inner.height, max(1, cores.count))
    }
    grid.write("cores", x: inner.x, y: inner.y, limit: 10, ink: Theme.label, style: .faint)
    let busy = "\(Figure.decimal(cores.reduce(0, +))) of \(cores.count) busy"
    grid.write(busy, x: inner.right - busy.count, y: inner.y, style: .bold)
    // More cores than columns share them.
    let columns = max(1, min(inner.width, cores.count))
    for column in 0..<columns {
      let range = cores[column * cores.count / columns..<max(column + 1, (column + 1) * cores.count / columns)]
      let share = range.reduce(0, +) / Double(range.count)
      grid[inner.x + column, inner.y + 1] = Cell(
        scalar: Ornaments(glyphs).level(share), ink: Theme.load(share), style: share < 0.02 ? .faint : [])
    }
    return 2
  }

  // MARK: - People

  /// The people in the order of the table.
  static func table(_ people: [Person]) -> [Person] { people.sorted { $0.id < $1.id } }

  private func people(_ rect: CellRect, _ grid: inout CellGrid) {
    let inner = frame(.people, "People \(view.people.count)", " score seen px/s ", rect, &grid)
    let people = Self.table(view.people)
    // The last row tells how many more there are.
    let shown = people.count > inner.height ? max(0, inner.height - 1) : people.count
    for (row, person) in people.prefix(shown).enumerated() {
      let y = inner.y + row
      let color = IdentityColor.color(for: person.id)
      let style: CellStyle = person.id == view.selected ? [.bold, .reversed] : .bold
      grid[inner.x, y] = Cell(scalar: Ornaments(glyphs).swatch, ink: color)
      grid.write(Figure.pad("\(person.id)", 3), x: inner.x + 2, y: y, limit: 6, style: style)
      let sighting = view.sightings[person.id]
      let figures =
        Figure.decimal(Double(person.pose.score), digits: 2, width: 5)
        + Figure.pad(sighting.map { "\(Figure.decimal($0.seconds, digits: 0))s" } ?? "-", 5)
        + Figure.decimal(sighting?.speed ?? .nan, digits: 0, width: 5)
      let barWidth = inner.width - 7 - figures.count - 1
      if barWidth >= 4 {
        grid.bar(
          x: inner.x + 7, y: y, width: barWidth, share: Double(person.pose.score), ink: color, glyphs: glyphs)
      }
      grid.write(figures, x: inner.right - figures.count, y: y, limit: inner.width - 6)
    }
    if shown < people.count, inner.height > 0 {
      grid.write(
        "and \(people.count - shown) more", x: inner.x, y: inner.y + shown, limit: inner.width, ink: Theme.label,
        style: .faint)
    }
  }

  // MARK: - Events

  private func events(_ rect: CellRect, _ grid: inout CellGrid) {
    let inner = frame(.events, "Events", "", rect, &grid)
    // The newest ones, as many as fit, long ones on several lines.
    var lines: [(time: String, text: String, isNewest: Bool)] = []
    for (index, event) in view.events.enumerated().reversed() where lines.count < inner.height {
      var wrapped = event.text.wrapped(to: max(10, inner.width - 7))
      if lines.isEmpty, wrapped.count > inner.height, inner.height > 0 {
        // Of the newest one, the beginning.
        wrapped = Array(wrapped.prefix(inner.height))
        wrapped[inner.height - 1] = wrapped[inner.height - 1].prefix(max(0, inner.width - 8)) + "…"
      }
      for (row, line) in wrapped.enumerated().reversed() {
        lines.append((row == 0 ? Figure.clock(event.time) : "", line, index == view.events.count - 1))
      }
    }
    for (row, line) in lines.prefix(max(0, inner.height)).reversed().enumerated() {
      let y = inner.y + row
      grid.write(Figure.pad(line.time, 5), x: inner.x, y: y, limit: inner.width, ink: Theme.label, style: .faint)
      grid.write(
        line.text, x: inner.x + 7, y: y, limit: inner.width - 7, glyphs: glyphs,
        ink: line.isNewest ? .standard : Theme.label, style: line.isNewest ? [] : .faint)
    }
  }
}
