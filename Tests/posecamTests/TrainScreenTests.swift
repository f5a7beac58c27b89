import Foundation
import Testing
import Train

@testable import posecam

@Suite struct TrainScreenTests {
  private var view: TrainView {
    var view = TrainView()
    view.facts = ["run", "1000 parameters", "people.json"]
    (view.step, view.steps, view.imagesPerSecond, view.seconds, view.secondsLeft) = (500, 2000, 81.5, 95, 285)
    for step in stride(from: 10, through: 500, by: 10) {
      let loss = 200 / Double(step).squareRoot()
      view.add(
        TrainProgress(
          step: step, steps: 2000, loss: 2 * loss, losses: [loss, loss / 2], learningRate: 1e-3, imagesPerSecond: 80,
          secondsLeft: 285,
          validation: step % 250 == 0 ? Validation(score: 0.5, values: ["AP": 0.125 * Double(step / 250)]) : nil),
        outputs: ["stage0_heatmaps", "stage0_pafs"])
    }
    return view
  }

  private func screen(
    _ view: TrainView, _ columns: Int, _ rows: Int, help: Bool = false, _ glyphs: GlyphSet = .full
  ) -> String {
    var grid = CellGrid(width: columns, height: rows)
    TrainComposer(glyphs: glyphs).draw(view, showsHelp: help, into: &grid)
    return grid.text
  }

  @Test func everythingIsThere() {
    let text = screen(view, 110, 36)
    for part in [
      "run · 1000 parameters · people.json", "▶ training", "╭─ loss ─", "●all  ●stage0 maps  ●stage0 fields",
      "learning rate", "validation AP", "q save and stop", "25.0 %  4:45 left", "81.5", "1:35", "0.2500",
    ] { #expect(text.contains(part), "\(part)") }
    #expect(text.unicodeScalars.contains { (0x2801...0x28FF).contains($0.value) })
    #expect(screen(view, 110, 36, help: true).contains("save, stop; --resume goes on"))
    var stopping = view
    (stopping.isStopping, stopping.isValidating) = (true, true)
    #expect(screen(stopping, 110, 36).contains("stopping after validation"))
  }

  @Test func everySizeFits() {
    for view in [view, TrainView()] {
      for (columns, rows) in [(0, 0), (1, 1), (30, 8), (40, 12), (75, 13), (80, 24), (300, 90)] {
        for help in [false, true] {
          let lines = screen(view, columns, rows, help: help).split(separator: "\n", omittingEmptySubsequences: false)
          #expect(lines.count == max(1, rows) && lines.allSatisfy { $0.count <= columns })
        }
      }
      let plain = screen(view, 90, 30, .ascii)
      #expect(plain.unicodeScalars.allSatisfy { $0.isASCII })
    }
  }
}

/// The real program in a real terminal.
@Suite(.serialized, .enabled(if: Tmux.isPresent && Tmux.program != nil, "tmux or the built program is missing"))
struct TrainTerminalTests {
  private func start(_ folder: Folder, environment: String = "TERM=screen-256color", more: String = "") throws -> Tmux {
    try folder.writeLabelledPictures()
    let here = folder.path("")
    return try Tmux(
      columns: 100, rows: 30, environment: environment,
      command: "train --data \(here)/people.json \(Folder.quickTraining) --log-every 2 --steps 1000000",
      options: "--out \(here)/run \(more)")
  }

  @Test func stopsAtAKeyAndCanBeContinued() throws {
    let folder = try Folder()
    let tmux = try start(folder)
    try tmux.waitFor("save and stop")
    try tmux.waitUntil("the first losses") { $0.contains("●all") }
    tmux.press("h")
    try tmux.waitFor("--resume goes on")
    tmux.resize(columns: 30, rows: 8)
    try tmux.waitFor("q: save and stop")
    tmux.resize(columns: 120, rows: 32)
    try tmux.waitFor("--resume goes on")
    tmux.press("q")
    try tmux.waitFor("status=0")
    #expect(tmux.screen.contains("stopped at step") && !tmux.screen.contains("●all") && tmux.cursorIsVisible)
    let resumed = try Program.run("posecam train --resume run --time-limit 0.1", in: folder)
    #expect(resumed.status == 0 && resumed.output.contains("continued at step"), "\(resumed.errors)")
  }

  @Test(arguments: [SIGINT, SIGTERM, SIGSEGV]) func theTerminalIsRestoredAfter(signal: Int32) throws {
    let folder = try Folder()
    let tmux = try start(folder)
    try tmux.waitUntil("the first losses") { $0.contains("●all") }
    if signal == SIGINT { tmux.press("C-c") } else { try tmux.signal(signal) }
    try tmux.waitFor("status=\(128 + signal)")
    #expect(tmux.cursorIsVisible && !tmux.screen.contains("●all"))
    tmux.type("echo ec''ho")
    try tmux.waitFor("\necho")
  }

  @Test(arguments: ["TERM=dumb", "TERM=screen-256color"]) func linesWhereThereIsNoScreen(environment: String) throws {
    let folder = try Folder()
    let tmux = try start(folder, environment: environment, more: environment == "TERM=dumb" ? "" : "--plain")
    try tmux.waitFor("images/s  rate")
    tmux.press("C-c")
    try tmux.waitFor("status=130")
  }
}
