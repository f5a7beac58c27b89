import Train

/// Everything that the screen of a training run shows.
struct TrainView: Sendable {
  /// The run's folder, its network and its data, for people.
  var facts: [String] = []
  var step = 0
  var steps = 1
  /// By name, as in the log.
  var curves: [String: [RunLog.Point]] = [:]
  /// Of the last steps; 0 while unknown.
  var imagesPerSecond = 0.0
  /// Seconds since the run was started or continued, and until its end; infinite while unknown.
  var seconds = 0.0
  var secondsLeft = Double.infinity
  var isStopping = false
  var isValidating = false

  /// Adds what an interval of the log says.
  mutating func add(_ progress: TrainProgress, outputs: [String]) {
    func add(_ name: String, _ value: Double) {
      guard value.isFinite else { return }
      curves[name, default: []].append(.init(step: progress.step, value: value))
    }
    add("loss", progress.loss)
    for (name, loss) in zip(outputs, progress.losses) { add(name, loss) }
    add("learning_rate", progress.learningRate)
    for (name, value) in progress.validation?.values ?? [:] { add(name, value) }
  }
}

/// Draws a `TrainView` as cells.
struct TrainComposer: Sendable {
  let glyphs: GlyphSet

  func draw(_ view: TrainView, showsHelp: Bool, into grid: inout CellGrid) {
    grid.clear()
    guard grid.width >= ScreenLayout.smallest.columns, grid.height >= ScreenLayout.smallest.rows else {
      grid.write("step \(view.step)/\(view.steps)", x: 0, y: 0, glyphs: glyphs)
      grid.write("q: save and stop", x: 0, y: 1, glyphs: glyphs)
      return
    }
    title(view, &grid)
    var area = CellRect(x: 0, y: 1, width: grid.width, height: grid.height - 3)
    if area.width >= 76 {
      figures(view, in: CellRect(x: area.right - 30, y: area.y, width: 30, height: area.height), &grid)
      area.width -= 30
    }
    charts(view, in: area, &grid)
    progress(view, y: grid.height - 2, &grid)
    keys(y: grid.height - 1, &grid)
    if showsHelp { help(&grid) }
  }

  private func title(_ view: TrainView, _ grid: inout CellGrid) {
    let ornaments = Ornaments(glyphs)
    let word =
      view.isValidating
      ? view.isStopping ? "stopping after validation" : "validating"
      : view.isStopping ? "saving and stopping" : "training"
    let ink = view.isStopping ? Theme.warning : Theme.good
    let state = "\(view.isStopping ? ornaments.paused : ornaments.playing) \(word) "
    let room = grid.width - state.columns(in: glyphs) - 1
    var x = grid.write(" posecam ", x: 0, y: 0, limit: room, ink: Theme.title, style: .bold)
    x += grid.write(view.facts.joined(separator: " · "), x: x, y: 0, limit: room - x, glyphs: glyphs)
    grid.write(state, x: room + 1, y: 0, glyphs: glyphs, ink: ink, style: .bold)
  }

  /// The loss above, learning rate and AP below, where there is room for them.
  private func charts(_ view: TrainView, in area: CellRect, _ grid: inout CellGrid) {
    let isTall = area.height >= 18
    var upper = area
    if isTall { upper.height = area.height * 3 / 5 }
    let outputs = view.curves.keys.filter { $0.hasPrefix("stage") }.sorted()
    let colors = Dictionary(uniqueKeysWithValues: outputs.enumerated().map { ($1, Chart.color($0 + 1)) })
    let losses = chart(view, "loss", ["loss"] + outputs, colors)
    grid.chart(losses, in: upper, accent: Theme.accent(of: .stages), glyphs: glyphs)
    guard isTall else { return }
    let half = area.width / 2
    let lower = CellRect(x: area.x, y: upper.bottom, width: half, height: area.bottom - upper.bottom)
    grid.chart(
      chart(view, "learning rate", ["learning_rate"], [:], startsAtZero: true), in: lower,
      accent: Theme.accent(of: .people), glyphs: glyphs)
    let right = CellRect(x: half, y: lower.y, width: area.width - half, height: lower.height)
    grid.chart(
      chart(view, "validation AP", ["AP"], [:], startsAtZero: true), in: right,
      accent: Theme.accent(of: .rates), glyphs: glyphs)
  }

  private func chart(
    _ view: TrainView, _ title: String, _ names: [String], _ colors: [String: Color], startsAtZero: Bool = false
  ) -> Chart {
    let series = names.compactMap { name -> Chart.Series? in
      guard let points = view.curves[name] else { return nil }
      let label =
        name == "loss" ? "all" : name.replacing("_heatmaps", with: " maps").replacing("_pafs", with: " fields")
      return Chart.Series(
        name: names.count > 1 ? label : "", color: colors[name] ?? Chart.color(0),
        points: points.map { SIMD2(Double($0.step), $0.value) })
    }
    return Chart(title, series, startsAtZero: startsAtZero, range: 0...Double(max(1, view.step)))
  }

  private func figures(_ view: TrainView, in rect: CellRect, _ grid: inout CellGrid) {
    grid.box(rect, title: "run", accent: Theme.accent(of: .events), glyphs: glyphs)
    let inner = rect.inset(2, 1)
    func last(_ name: String, digits: Int) -> String {
      view.curves[name]?.last.map { Figure.decimal($0.value, digits: digits) } ?? "-"
    }
    let best = view.curves["AP"]?.map(\.value).max()
    let rows: [(String, String)?] = [
      ("step", "\(view.step)"), ("of", "\(view.steps)"),
      ("images/s", view.imagesPerSecond > 0 ? Figure.decimal(view.imagesPerSecond) : "-"),
      ("running", ProgressLine.duration(view.seconds)), ("left", ProgressLine.duration(view.secondsLeft)), nil,
      ("loss", last("loss", digits: 2)),
      ("rate", view.curves["learning_rate"]?.last.map { Axis.label($0.value) } ?? "-"), nil,
      ("AP", last("AP", digits: 4)), ("best AP", best.map { Figure.decimal($0, digits: 4) } ?? "-"),
      ("AR", last("AR", digits: 4)), ("false people", last("false_people", digits: 3)),
    ]
    for (row, item) in rows.enumerated() where row < inner.height {
      guard let (name, value) = item else { continue }
      grid.write(name, x: inner.x, y: inner.y + row, limit: inner.width, ink: Theme.label, style: .faint)
      grid.write(value, x: inner.right - value.count, y: inner.y + row, style: .bold)
    }
  }

  private func progress(_ view: TrainView, y: Int, _ grid: inout CellGrid) {
    let share = Double(view.step) / Double(max(1, view.steps))
    let right = " \(Figure.decimal(100 * share)) %  \(ProgressLine.duration(view.secondsLeft)) left "
    let width = grid.width - right.count - 1
    grid.bar(x: 1, y: y, width: width, share: share, ink: Theme.title, glyphs: glyphs)
    grid.write(right, x: grid.width - right.count, y: y, ink: Theme.label, style: .faint)
  }

  private func keys(y: Int, _ grid: inout CellGrid) {
    var x = 1
    for (key, meaning) in [("q", "save and stop"), ("h", "help")] {
      x += grid.write(key, x: x, y: y, ink: Theme.title, style: .bold) + 1
      x += grid.write(meaning, x: x, y: y, ink: Theme.label, style: .faint) + 2
    }
  }

  private func help(_ grid: inout CellGrid) {
    let lines = [
      ("q", "save, stop; --resume goes on"), ("Ctrl-C", "the same; twice: stop at once"),
      ("h  ?", "this page on and off"),
      ("Ctrl-L", "paint the screen anew"), ("Ctrl-Z", "halt; fg goes on"),
    ]
    let (width, height) = (min(grid.width, 46), lines.count + 2)
    let rect = CellRect(x: (grid.width - width) / 2, y: (grid.height - height) / 2, width: width, height: height)
    grid.box(rect, title: "keys", accent: Theme.title, glyphs: glyphs)
    for (row, line) in lines.enumerated() {
      grid.write(line.0, x: rect.x + 3, y: rect.y + 1 + row, ink: Theme.title, style: .bold)
      grid.write(line.1, x: rect.x + 13, y: rect.y + 1 + row, limit: width - 15)
    }
  }
}
