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

  private func rates(_ rect: CellRect, _ grid: inout CellGrid) {
    let inner = frame(.rates, "rates", " fps ", rect, &grid)
    let top = max(view.capturedRate, view.processedRate, view.shownRate, 1)
    let rows = [("captured", view.capturedRate), ("processed", view.processedRate), ("shown", view.shownRate)]
    for (row, (name, rate)) in rows.enumerated() where row < inner.height {
      let y = inner.y + row
      grid.write(name, x: inner.x, y: y, limit: 10, ink: Theme.label, style: .faint)
      // The eye finds a number at the same place in every row: the bar is between name and number.
      let barWidth = inner.width - 10 - 7
      if barWidth >= 4 {
        grid.bar(
          x: inner.x + 10, y: y, width: barWidth, share: rate / top, ink: Theme.accent(of: .rates), glyphs: glyphs)
      }
      grid.write(Figure.decimal(rate, width: 6), x: inner.right - 6, y: y, style: .bold)
    }
    if inner.height > 3 { delay(inner, inner.y + 3, &grid) }
    if inner.height > 4 { drops(inner, inner.y + 4, &grid) }
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

  private func stages(_ rect: CellRect, _ grid: inout CellGrid) {
    let inner = frame(.stages, "stage ms", " last  med  p95 ", rect, &grid)
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

  private func people(_ rect: CellRect, _ grid: inout CellGrid) {
    let inner = frame(.people, "people \(view.people.count)", " score  points ", rect, &grid)
    let people = view.people.sorted { $0.id < $1.id }
    // The last row tells how many more there are.
    let shown = people.count > inner.height ? max(0, inner.height - 1) : people.count
    for (row, person) in people.prefix(shown).enumerated() {
      let y = inner.y + row
      let color = IdentityColor.color(for: person.id)
      grid[inner.x, y] = Cell(scalar: Ornaments(glyphs).swatch, ink: color)
      grid.write(Figure.pad("\(person.id)", 3), x: inner.x + 2, y: y, limit: 6, style: .bold)
      let points = "\(person.pose.count)/\(Skeleton.keypointCount)"
      let figures = "\(Figure.decimal(Double(person.pose.score), digits: 2, width: 5))\(Figure.pad(points, 7))"
      let barWidth = inner.width - 6 - figures.count - 1
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

  private func events(_ rect: CellRect, _ grid: inout CellGrid) {
    let inner = frame(.events, "events", "", rect, &grid)
    let notices = view.notices.suffix(max(0, inner.height))
    for (row, notice) in notices.enumerated() {
      let isNewest = row == notices.count - 1
      grid.write(
        notice, x: inner.x, y: inner.y + row, limit: inner.width, glyphs: glyphs,
        ink: isNewest ? .standard : Theme.label, style: isNewest ? [] : .faint)
    }
  }
}
