import Testing
import Tracker
import Video

@testable import posecam

struct FrameEncoderTests {
  private func encode(_ encoder: inout FrameEncoder, _ grid: CellGrid) -> [UInt8] {
    var bytes: [UInt8] = []
    encoder.encode(grid, into: &bytes)
    return bytes
  }

  @Test func anIdenticalScreenSendsNothing() {
    for level in ColorLevel.allCases {
      var encoder = FrameEncoder(colors: level, synchronizes: true)
      let grid = TerminalSamples.grid(100, 30, TerminalSamples.traits(level))
      #expect(encode(&encoder, grid).count > 3000)
      #expect(encode(&encoder, grid).isEmpty)
    }
  }

  @Test func theTerminalShowsWhatWasComposed() {
    var encoder = FrameEncoder(colors: .direct, synchronizes: true)
    encoder.tolerance = 0
    var terminal = TinyTerminal(columns: 120, rows: 40)
    let layout = ScreenLayout(columns: 120, rows: 40, frameWidth: 640, frameHeight: 480)
    var grid = CellGrid(width: 120, height: 40)
    for frame in 0..<4 {
      var view = TerminalSamples.view(layout, noise: 12, seed: frame)
      view.frameIndex = frame * 997
      Composer(TerminalSamples.traits())
        .draw(view, layout: layout, showsHelp: frame == 2, skipped: 0, into: &grid)
      terminal.obey(encode(&encoder, grid))
      #expect(terminal.unknown == [])
      for y in 0..<40 {
        for x in 0..<120 {
          #expect(look(terminal.grid[x, y]) == look(grid[x, y]), "\(x), \(y) of frame \(frame)")
        }
      }
    }
  }

  /// What a cell looks like, whichever half block tells it: upper and lower colour, or character and colours.
  private func look(_ cell: Cell) -> [UInt32] {
    switch cell.scalar {
    case 0x20: [cell.paper.raw, cell.paper.raw]
    case HalfBlock.upper: [cell.ink.raw, cell.paper.raw]
    case HalfBlock.lower: [cell.paper.raw, cell.ink.raw]
    default: [cell.scalar, cell.ink.raw, cell.paper.raw]
    }
  }

  @Test func oneChangedCellCostsAFewBytes() {
    var encoder = FrameEncoder(colors: .direct, synchronizes: false)
    var grid = TerminalSamples.grid(100, 30)
    _ = encode(&encoder, grid)
    grid.write("7", x: 50, y: 29)
    #expect(String(decoding: encode(&encoder, grid), as: UTF8.self) == "\u{1B}[0m\u{1B}[30;51H7")
  }

  @Test func noiseStaysAtHomeAndMotionDoesNot() {
    let layout = ScreenLayout(columns: 120, rows: 40, frameWidth: 640, frameHeight: 480)
    func send(noise: Int) -> (whole: Int, next: Int) {
      var encoder = FrameEncoder(colors: .direct, synchronizes: true)
      var grid = CellGrid(width: 120, height: 40)
      var sizes: [Int] = []
      for seed in 0..<2 {
        Composer(TerminalSamples.traits()).draw(
          TerminalSamples.view(layout, noise: noise, seed: seed), layout: layout, showsHelp: false, skipped: 0,
          into: &grid)
        sizes.append(encode(&encoder, grid).count)
      }
      return (sizes[0], sizes[1])
    }
    let quiet = send(noise: 3)
    #expect(quiet.next * 50 < quiet.whole)
    let loud = send(noise: 40)
    #expect(loud.next * 2 > loud.whole)
  }

  @Test func errorsOfSkippedChangesDoNotAddUp() {
    var encoder = FrameEncoder(colors: .direct, synchronizes: false)
    var terminal = TinyTerminal(columns: 4, rows: 1)
    for level in 0..<200 {
      var grid = CellGrid(width: 4, height: 1)
      let color = Color(UInt8(level), UInt8(level), UInt8(level))
      grid.fill(CellRect(x: 0, y: 0, width: 4, height: 1), Cell(paper: color, style: .picture))
      terminal.obey(encode(&encoder, grid))
      #expect(terminal.grid[3, 0].paper.distance(to: color) <= encoder.tolerance)
    }
  }

  @Test func aResizeAndForgettingRepaintWithoutClearing() {
    var encoder = FrameEncoder(colors: .indexed, synchronizes: true)
    let traits = TerminalSamples.traits(.indexed)
    let whole = encode(&encoder, TerminalSamples.grid(80, 24, traits))
    #expect(encode(&encoder, TerminalSamples.grid(100, 30, traits)).count > 3000)
    #expect(encode(&encoder, TerminalSamples.grid(80, 24, traits)) == whole)
    encoder.forget()
    #expect(encode(&encoder, TerminalSamples.grid(80, 24, traits)) == whole)
    #expect(!String(decoding: whole, as: UTF8.self).contains("\u{1B}[2J"))
  }

  @Test func fewColorsUseShortCodes() {
    func code(_ level: ColorLevel, _ ink: Color) -> String {
      var encoder = FrameEncoder(colors: level, synchronizes: false)
      var grid = CellGrid(width: 1, height: 1)
      grid.write("x", x: 0, y: 0, ink: ink, style: [.bold, .faint])
      return String(decoding: encode(&encoder, grid).dropFirst(10), as: UTF8.self)
    }
    #expect(code(.direct, Color(1, 20, 255)) == "\u{1B}[0;1;38;2;1;20;255mx")
    #expect(code(.indexed, Color(255, 0, 0)) == "\u{1B}[0;1;38;5;196mx")
    #expect(code(.ansi16, Color(255, 0, 0)) == "\u{1B}[0;1;91mx")
    #expect(code(.ansi8, Color(255, 0, 0)) == "\u{1B}[0;1;2;31mx")
    #expect(code(.mono, Color(255, 0, 0)) == "\u{1B}[0;1;2mx")
  }
}
