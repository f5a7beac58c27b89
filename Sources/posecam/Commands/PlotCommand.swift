import ArgumentParser
import CNcurses
import Foundation
import Train

/// `posecam plot`: the curves of training runs.
struct PlotCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "plot",
    abstract: "Draws the curves of training runs in the terminal, or as SVG, PNG or JPEG.",
    discussion: """
      posecam plot RUN                              loss, learning rate and AP of a run, also of one that still goes on
      posecam plot RUN1 RUN2 --output curves.svg    several runs, a colour each
      """)

  @Argument(help: "Folders of runs, or their log.jsonl.", completion: .file()) var runs: [String]
  @Option(
    name: .customLong("curve"),
    help: ArgumentHelp("Draw this curve only, such as loss, learning_rate or AP; may be repeated.", valueName: "name"))
  var chosen: [String] = []
  @Option(
    help: ArgumentHelp(
      "Smoothing of the loss curves: 0 for none, near 1 for much (default: 0.6 for long runs).", valueName: "0...1"))
  var smooth: Double?
  @Option(
    name: [.short, .long], help: ArgumentHelp("Picture to write: .svg, .png or .jpg.", valueName: "file"),
    completion: .file())
  var output: String?
  @Option(help: "Colours.")
  var colors = ColorChoice.auto

  func validate() throws {
    guard !runs.isEmpty else { throw ValidationError("Name a run's folder.") }
    if let smooth, !(0..<1).contains(smooth) { throw ValidationError("--smooth takes 0 to below 1.") }
  }

  func run() throws {
    let logs = try runs.map { try RunLog(contentsOf: $0) }
    for (log, path) in zip(logs, runs) where log.damagedLines > 0 {
      // The last line of a run that is being written is no news.
      if log.damagedLines > 1 {
        StandardError.line("\(path): \(log.damagedLines) lines are no entries and were left out")
      }
    }
    let charts = try self.charts(logs)
    if let output {
      try OutputNames.check([output], inputs: runs.flatMap { [$0, "\($0)/log.jsonl"] })
      try OutputNames.checkWritable(output)
      return try ChartSheet(charts: charts).write(to: output)
    }
    show(charts)
  }

  // MARK: - Which curves

  private func charts(_ logs: [RunLog]) throws(PosecamError) -> [Chart] {
    let names = Self.names(of: logs)
    var known: Set<String> = []
    for log in logs { known.formUnion(log.curves.keys) }
    if let unknown = chosen.first(where: { !known.contains($0) }) {
      throw PosecamError("there is no curve '\(unknown)'; there are \(known.sorted().joined(separator: ", "))")
    }
    let steps = logs.flatMap { $0.curves.values.flatMap { [$0[0].step, $0[$0.count - 1].step] } }
    let range = Double(steps.min() ?? 0)...Double(steps.max() ?? 1)
    func chart(_ title: String, _ curves: [(log: Int, curve: String, name: String)]) -> Chart {
      var series: [Chart.Series] = []
      for (index, item) in curves.enumerated() {
        guard let points = logs[item.log].curves[item.curve] else { continue }
        let isLoss = item.curve == "loss" || item.curve.hasPrefix("stage")
        let color = Chart.color(curves.count == 1 || logs.count > 1 ? item.log : index)
        func line(_ points: [RunLog.Point], isBackground: Bool) -> Chart.Series {
          Chart.Series(
            name: item.name, color: color, points: points.map { SIMD2(Double($0.step), $0.value) },
            isBackground: isBackground)
        }
        let smoothing = isLoss ? smooth ?? (points.count >= 100 ? 0.6 : 0) : 0
        if smoothing > 0 {
          series.append(line(points, isBackground: true))
          series.append(line(points.smoothed(smoothing), isBackground: false))
        } else {
          series.append(line(points, isBackground: false))
        }
      }
      return Chart(title, series, startsAtZero: Self.shares.contains(curves[0].curve), range: range)
    }
    func across(_ curve: String) -> Chart {
      chart(Self.title(curve), logs.indices.map { ($0, curve, logs.count > 1 ? names[$0] : "") })
    }
    if !chosen.isEmpty { return chosen.map(across) }
    var charts = [across("loss")]
    let outputs = Set(logs.flatMap(\.outputs)).sorted()
    if logs.count > 1 {
      charts += outputs.map(across)
    } else if !outputs.isEmpty {
      charts.append(
        chart("loss of each output", outputs.map { (0, $0, $0.replacingOccurrences(of: "_", with: " ")) }))
    }
    charts += ["learning_rate", "AP"].filter(known.contains).map(across)
    return charts
  }

  private static let shares: Set = [
    "AP", "AP50", "AP75", "APM", "APL", "AR", "AR50", "AR75", "ARM", "ARL", "false_people", "learning_rate",
    "images_per_second",
  ]

  private static func title(_ curve: String) -> String {
    curve == "AP" ? "validation AP" : curve.replacingOccurrences(of: "_", with: " ")
  }

  /// Runs of one name are told apart by their folders.
  private static func names(of logs: [RunLog]) -> [String] {
    logs.enumerated().map { index, log in
      logs.count { $0.name == log.name } > 1 ? "\(log.name) \(index + 1)" : log.name
    }
  }

  // MARK: - On the terminal

  private func show(_ charts: [Chart]) {
    let environment = ProcessInfo.processInfo.environment
    let isTerminal = isatty(STDOUT_FILENO) == 1
    var size = winsize()
    let measured = ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : nil
    let width = max(40, min(400, measured ?? environment["COLUMNS"].flatMap { Int($0) } ?? 80))
    let columns = width >= 120 && charts.count > 1 ? 2 : 1
    let (cell, rows) = (width / columns, 14)
    var grid = CellGrid(width: width, height: (charts.count + columns - 1) / columns * rows)
    let traits =
      (isTerminal ? Terminal.traits(colors, environment: environment) : nil)
      ?? TerminalTraits(
        choice: colors == .auto ? .mono : colors, environment: [:], isUTF8: nc_locale_is_utf8(), terminfoColors: 0,
        terminfoDirect: false)
    for (index, chart) in charts.enumerated() {
      let rect = CellRect(x: index % columns * cell, y: index / columns * rows, width: cell, height: rows)
      grid.chart(chart, in: rect, glyphs: traits.glyphs)
    }
    // What goes to a file or a pipe is plain text unless colours are asked for.
    guard isTerminal || colors != .auto else { return print(grid.text) }
    var bytes: [UInt8] = []
    var encoder = FrameEncoder(colors: traits.colors, synchronizes: false)
    encoder.encodeLines(grid, into: &bytes)
    print(String(decoding: bytes, as: UTF8.self), terminator: "")
  }
}
