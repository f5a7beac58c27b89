import Testing
import Tracker
import Video

@testable import posecam

struct ComposerTests {
  private static let shapes = [(80, 24), (100, 40), (200, 50), (45, 14), (30, 8)]

  /// The words of a screen, half blocks left out: they are tested by colour elsewhere.
  private func words(_ grid: CellGrid) -> String {
    grid.text.replacing("▀", with: "█")
  }

  @Test(arguments: shapes) func theScreenIsAsKept(columns: Int, rows: Int) throws {
    try TerminalSamples.expect(words(TerminalSamples.grid(columns, rows)), matches: "screen-\(columns)x\(rows)")
  }

  @Test func otherScreensAreAsKept() throws {
    try TerminalSamples.expect(words(TerminalSamples.grid(80, 24, help: true)), matches: "help-80x24")
    let ascii = TerminalSamples.grid(80, 24, TerminalSamples.traits(.mono, .ascii))
    try TerminalSamples.expect(words(ascii), matches: "ascii-80x24")
    #expect(ascii.cells.allSatisfy { $0.scalar < 0x7F })
  }

  @Test func everySizeIsDrawn() {
    for columns in [1, 2, 5, 39, 40, 70, 80, 133, 500] {
      for rows in [1, 2, 11, 12, 14, 26, 60, 200] {
        let grid = TerminalSamples.grid(columns, rows, help: true)
        #expect(grid.text.contains { !$0.isWhitespace })
      }
    }
  }

  @Test func anamorphicVideoIsAsWideAsPlayersShowIt() {
    var view = LiveView()
    (view.frameWidth, view.frameHeight) = (720, 576)
    func aspect() -> Double {
      let picture = Composer.layout(columns: 200, rows: 60, view, panels: []).picture
      return Double(picture.width) / Double(2 * picture.height)
    }
    #expect(abs(aspect() - 1.25) < 0.02)
    view.pixelAspect = 64.0 / 45
    #expect(abs(aspect() - 16.0 / 9) < 0.02)
  }

  @Test func peopleThatAreNowhereDoNoHarm() {
    let layout = ScreenLayout(columns: 100, rows: 30, frameWidth: 640, frameHeight: 480)
    for level in [ColorLevel.direct, .mono] {
      var view = TerminalSamples.view(layout)
      let odd: [Float] = [.nan, .infinity, -.infinity, 1e30, -1e30, -5000, 5000, 0]
      let keypoints = (0..<18).map { Keypoint(x: odd[$0 % 8], y: odd[$0 / 3 % 8], score: .nan) }
      view.people = [
        Person(id: .max, pose: Pose(keypoints: keypoints, totalScore: .nan)),
        Person(id: -3, pose: Pose(keypoints: [], totalScore: 0)),
      ]
      view.stages[0].medianMilliseconds = .nan
      view.duration = .infinity
      view.time = -.infinity
      (view.frameWidth, view.frameHeight) = (0, 0)
      var grid = CellGrid(width: 100, height: 30)
      Composer(TerminalSamples.traits(level)).draw(view, layout: layout, showsHelp: false, skipped: 3, into: &grid)
      #expect(grid.text.contains("People 2"))
      #expect(grid.text.contains("screens 3"))
    }
  }

  @Test func namesOfFilesCanNotControlTheTerminal() {
    var grid = CellGrid(width: 20, height: 1)
    #expect(grid.write("a\u{1B}[2Jb\n\u{9B}c", x: 0, y: 0) == 9)
    #expect(grid.text == "a?[2Jb??c")
    #expect(grid.cells.allSatisfy { ($0.scalar >= 0x20 && $0.scalar < 0x7F) || $0.scalar >= 0xA0 })
  }

  @Test func wideAndJoiningCharactersKeepTheirPlaces() {
    var grid = CellGrid(width: 10, height: 1)
    #expect(grid.write("日本e\u{301}x", x: 0, y: 0) == 6)
    #expect(grid.text == "日本ex")
    #expect(grid[1, 0].scalar == 0 && grid[3, 0].scalar == 0)
    #expect(grid.write("日本日本日本", x: 0, y: 0) == 9)
    #expect(grid.text == "日本日本…")
    #expect(grid.write("日本", x: 0, y: 0, glyphs: .ascii) == 2)
    #expect(grid.text.hasPrefix("??"))
  }

  @Test func figuresHaveFourDigits() {
    #expect(
      [0.123, 9.99, 9.996, 99.96, 1234.5].map { Figure.milliseconds($0) } == ["0.12", "9.99", "10.0", "100", "1235"])
    #expect(
      Figure.decimal(-0.04) == "0.0" && Figure.decimal(-1.26) == "-1.3" && Figure.decimal(.nan, width: 3) == "  -")
    #expect(Figure.time(0) == "0:00.0" && Figure.time(61.25) == "1:01.2" && Figure.time(3_661) == "1:01:01.0")
    #expect(Figure.time(.nan) == "-:--")
  }
}

struct PoseOverlayTests {
  @Test func aLineCoversItsWidth() {
    var picture = Bitmap(width: 64, height: 48)
    let keypoints: [Keypoint?] = (0..<18).map {
      $0 == 1 ? Keypoint(x: 100, y: 240, score: 1) : $0 == 2 ? Keypoint(x: 500, y: 240, score: 1) : nil
    }
    let person = Person(id: 4, pose: Pose(keypoints: keypoints, totalScore: 2))
    let overlay = PoseOverlay(width: 64, height: 48, frameWidth: 640, frameHeight: 480)
    overlay.draw([person], on: &picture)
    let color = IdentityColor.color(for: 4)
    var covered = 0.0
    for x in 20..<40 {
      for y in 0..<48 { covered += Double(picture.pixels[(y * 64 + x) * 3]) / Double(color.red) }
    }
    #expect(abs(covered / 20 - 1.1) < 0.1)
    #expect(picture.pixels[(24 * 64 + 5) * 3] == 0 && picture.pixels[(24 * 64 + 56) * 3] == 0)
  }

  @Test func neighbouringIdentitiesLookDifferent() {
    for id in 0..<200 {
      for other in 1...2 {
        #expect(IdentityColor.color(for: id).distance(to: IdentityColor.color(for: id + other)) > 50)
      }
    }
  }
}
