import Foundation
import Testing
import Video

@testable import posecam

struct SixelTests {
  /// Draws sixels as a terminal does; nil where nothing was drawn yet.
  private struct Canvas {
    let width: Int
    var pixels: [Int: (Int, Int, Int)] = [:]

    mutating func obey(_ bytes: [UInt8]) throws {
      let text = String(decoding: bytes, as: UTF8.self)
      #expect(text.hasPrefix("\u{1B}P0;1;0q\"1;1;") && text.hasSuffix("\u{1B}\\"))
      var palette: [Int: (Int, Int, Int)] = [:]
      var (color, x, top, count) = (0, 0, 0, 1)
      var rest = text.dropFirst("\u{1B}P0;1;0q".count).dropLast(2)
      func numbers() -> [Int] {
        let list = rest.prefix { $0.isNumber || $0 == ";" }
        rest = rest.dropFirst(list.count)
        return list.split(separator: ";").compactMap { Int($0) }
      }
      while let character = rest.popFirst() {
        switch character {
        case "\"": _ = numbers()
        case "#":
          let list = numbers()
          if list.count == 5 { palette[list[0]] = (list[2], list[3], list[4]) } else { color = list[0] }
        case "!": count = numbers()[0]
        case "$": x = 0
        case "-": (x, top) = (0, top + 6)
        default:
          let bits = try #require(character.asciiValue) - 0x3F
          for _ in 0..<count {
            for row in 0..<6 where bits >> UInt8(row) & 1 == 1 {
              #expect(x < width)
              let ink: (Int, Int, Int) = try #require(palette[color])
              pixels[(top + row) * width + x] = ink
            }
            x += 1
          }
          count = 1
        }
      }
    }
  }

  private func picture(_ width: Int, _ height: Int) -> Bitmap {
    var picture = Bitmap(width: width, height: height)
    for index in picture.pixels.indices {
      let (x, y) = (index / 3 % width, index / 3 / width)
      picture.pixels[index] = UInt8(clamping: [x * 255 / width, y * 255 / height, (x + y) * 2][index % 3])
    }
    return picture
  }

  @Test(arguments: [(60, 36, 6, 3), (41, 37, 4, 2), (1, 1, 1, 1)])
  func theTerminalShowsThePicture(width: Int, height: Int, columns: Int, rows: Int) throws {
    let picture = picture(width, height)
    var (sixel, canvas, bytes) = (Sixel(), Canvas(width: width), [UInt8]())
    sixel.encode(picture, columns: columns, rows: rows, PictureState(isLost: true), into: &bytes)
    try canvas.obey(bytes)
    #expect(canvas.pixels.count == width * height)
    // The dither keeps the mean; no pixel is farther than a step of the palette.
    var sums = (0, 0)
    for (place, color) in canvas.pixels {
      for (channel, percent) in [color.0, color.1, color.2].enumerated() {
        let wanted = Int(picture.pixels[3 * place + channel])
        #expect(abs(percent * 255 / 100 - wanted) <= 53)
        sums = (sums.0 + percent * 255 / 100, sums.1 + wanted)
      }
    }
    if width > 1 { #expect(abs(sums.0 - sums.1) / (3 * width * height) <= 4) }
    bytes.removeAll()
    sixel.encode(picture, columns: columns, rows: rows, PictureState(), into: &bytes)
    #expect(bytes.isEmpty, "it is already shown")
  }

  @Test func onlyWhatChangedIsDrawn() throws {
    var picture = picture(60, 36)
    var (sixel, bytes) = (Sixel(), [UInt8]())
    sixel.encode(picture, columns: 6, rows: 3, PictureState(isLost: true), into: &bytes)
    let whole = bytes.count
    for index in 0..<3 { picture.pixels[3 * (20 * 60 + 30) + index] ^= 0x80 }
    picture.pixels[0] += 5  // cannot be seen
    bytes.removeAll()
    sixel.encode(picture, columns: 6, rows: 3, PictureState(), into: &bytes)
    var canvas = Canvas(width: 60)
    try canvas.obey(bytes)
    #expect(Array(canvas.pixels.keys) == [20 * 60 + 30])
    #expect(bytes.count < whole)
  }

  @Test func charactersAreDrawnAround() throws {
    let picture = picture(60, 36)
    let cell = CellRect(x: 2, y: 1, width: 1, height: 1)
    let inside = Set((12..<24).flatMap { y in (20..<30).map { y * 60 + $0 } })
    var (sixel, canvas, bytes) = (Sixel(), Canvas(width: 60), [UInt8]())
    sixel.encode(picture, columns: 6, rows: 3, PictureState(isLost: true, covered: [cell]), into: &bytes)
    try canvas.obey(bytes)
    #expect(canvas.pixels.count == 60 * 36 - 120 && inside.isDisjoint(with: canvas.pixels.keys))
    bytes.removeAll()
    canvas.pixels.removeAll()
    sixel.encode(picture, columns: 6, rows: 3, PictureState(uncovered: [cell]), into: &bytes)
    try canvas.obey(bytes)
    #expect(Set(canvas.pixels.keys) == inside)
  }
}

struct KittyGraphicsTests {
  @Test func base64IsFoundations() {
    for count in 0..<20 {
      let bytes = (0..<count).map { UInt8(($0 * 89 + 7) % 256) }
      var encoded: [UInt8] = []
      KittyGraphics.appendBase64(bytes[...], to: &encoded)
      #expect(String(decoding: encoded, as: UTF8.self) == Data(bytes).base64EncodedString())
    }
  }

  @Test func picturesComeInPiecesAndReplaceTheOneBefore() throws {
    var (kitty, bytes) = (KittyGraphics(), [UInt8]())
    var picture = Bitmap(width: 50, height: 40)
    for index in picture.pixels.indices { picture.pixels[index] = UInt8(index % 251) }
    kitty.encode(picture, columns: 12, rows: 5, into: &bytes)
    let commands = String(decoding: bytes, as: UTF8.self).components(separatedBy: "\u{1B}\\").dropLast()
    #expect(commands.allSatisfy { $0.hasPrefix("\u{1B}_G") && $0.count < 4300 })
    let parts = commands.map { $0.dropFirst(3).split(separator: ";", maxSplits: 1) }
    let first = try #require(parts.first?.first)
    for setting in ["a=T", "q=2", "C=1", "s=50", "v=40", "c=12", "r=5", "m=1"] {
      #expect(first.split(separator: ",").contains(Substring(setting)), "\(setting)")
    }
    let payload = parts.filter { $0.count == 2 }.map { $0[1] }.joined()
    #expect(Data(base64Encoded: payload).map(Array.init) == picture.pixels)
    let last = try #require(commands.last)
    #expect(last.hasPrefix("\u{1B}_Ga=d,d=I"))
    // The image that goes is the one that comes next.
    let gone = try #require(last.firstMatch(of: #/i=(\d+)/#)?.1)
    bytes.removeAll()
    kitty.encode(picture, columns: 12, rows: 5, into: &bytes)
    #expect(String(decoding: bytes, as: UTF8.self).contains("i=\(gone),p=1"))
  }
}

struct GraphicsTerminalTests {
  private func terminal(_ wanted: Blitter?, _ environment: [String: String] = ["TERM": "xterm"]) -> GraphicsTerminal {
    GraphicsTerminal(TerminalSamples.traits(), environment: environment, wanted: wanted)
  }

  @Test func onlyWhatIsOfferedIsUsed() {
    var one = terminal(.sixel)
    #expect(one.blitter == .half && one.verdict() == nil && one.blitter == .half)
    one.hear(.attributes([62, 22]))
    _ = one.verdict()
    #expect(one.blitter == .half)
    one.hear(.attributes([62, 4]))
    #expect(one.verdict() == nil && one.blitter == .sixel)

    var other = terminal(.kitty)
    other.hear(.graphics(id: 31, isDone: false))
    _ = other.verdict()
    #expect(other.blitter == .half)
    other.hear(.graphics(id: 31, isDone: true))
    _ = other.verdict()
    #expect(other.blitter == .kitty)
    #expect(terminal(.quadrant).blitter == .quadrant)
  }

  @Test func theKeyGoesThroughWhatThereIs() {
    var terminal = terminal(nil)
    terminal.hear(.graphics(id: 31, isDone: true))
    var seen: [Blitter] = []
    for _ in 0..<6 {
      terminal.choose(after: terminal.blitter)
      seen.append(terminal.blitter)
    }
    #expect(seen == [.quadrant, .sextant, .braille, .ascii, .kitty, .half])
  }

  @Test func questionsSuitTheTerminal() {
    func text(_ terminal: GraphicsTerminal) -> String { String(decoding: terminal.questions, as: UTF8.self) }
    #expect(text(terminal(nil)).contains("_Gi=31") && text(terminal(nil)).hasSuffix("\u{1B}[c"))
    // tmux would take the question for a title.
    for environment in [["TERM": "tmux-256color"], ["TERM": "xterm", "TMUX": "x"], ["TERM": "screen", "STY": "x"]] {
      #expect(
        !text(terminal(nil, environment)).contains("_G") && text(terminal(nil, environment)).hasSuffix("\u{1B}[c"))
    }
    var plain = TerminalSamples.traits()
    plain.synchronizes = false
    #expect(GraphicsTerminal(plain, environment: [:], wanted: nil).questions.isEmpty)
  }

  @Test func cellsAndModesAreHeard() {
    var terminal = terminal(nil)
    terminal.hear(.cellSize(width: 9, height: 18))
    #expect(terminal.cellSize == (9, 18))
    terminal.hear(.cellSize(width: 0, height: 100_000))
    #expect(terminal.cellSize == (9, 18))
    #expect(!terminal.refusesSynchronizing)
    terminal.hear(.mode(2026, state: 2))
    #expect(!terminal.refusesSynchronizing)
    terminal.hear(.mode(2026, state: 0))
    #expect(terminal.refusesSynchronizing)
  }
}
