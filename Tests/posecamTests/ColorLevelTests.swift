import Testing

@testable import posecam

struct ColorLevelTests {
  /// Red, green and blue of one of the 256, above the first 16.
  private func rgb(_ index: UInt32) -> (Int, Int, Int) {
    if index >= 232 { return (8 + 10 * (Int(index) - 232), 8 + 10 * (Int(index) - 232), 8 + 10 * (Int(index) - 232)) }
    let (levels, cube) = ([0, 95, 135, 175, 215, 255], Int(index) - 16)
    return (levels[cube / 36], levels[cube / 6 % 6], levels[cube % 6])
  }

  @Test func directColorsAreExact() {
    #expect(ColorLevel.direct.code(for: Color(1, 128, 255)) == 0x0180FF)
    #expect(ColorLevel.direct.code(for: .standard) == ColorLevel.standardCode)
    #expect(ColorLevel.mono.code(for: Color(1, 128, 255)) == ColorLevel.standardCode)
  }

  @Test func indexedColorsThatExistAreTakenAsTheyAre() {
    for index in UInt32(16)...255 {
      let (r, g, b) = rgb(index)
      let code = ColorLevel.indexed.code(for: Color(UInt8(r), UInt8(g), UInt8(b)))
      #expect(rgb(code) == (r, g, b), "\(index) became \(code)")
    }
  }

  @Test func everyCodeIsInRangeAndThemesAreAvoided() {
    for red in stride(from: 0, through: 255, by: 15) {
      for green in stride(from: 0, through: 255, by: 17) {
        for blue in stride(from: 0, through: 255, by: 51) {
          let color = Color(UInt8(red), UInt8(green), UInt8(blue))
          for dither in [nil, (x: red, y: blue)] {
            #expect((16...255).contains(ColorLevel.indexed.code(for: color, dither: dither)))
            #expect((0...15).contains(ColorLevel.ansi16.code(for: color, dither: dither)))
            let eight = ColorLevel.ansi8.code(for: color, dither: dither)
            #expect(eight < 8 || (dither == nil && eight == ColorLevel.standardCode))
          }
        }
      }
    }
  }

  /// Over an area, a dithered grey between black and white has both, and more white the brighter it is.
  @Test func ditherKeepsBrightnessOnAverage() {
    func meanLuma(_ grey: UInt8) -> Double {
      var sum = 0
      for y in 0..<8 {
        for x in 0..<8 {
          let code = ColorLevel.ansi16.code(for: Color(grey, grey, grey), dither: (x, y))
          sum += ColorLevel.ansi[Int(code)].luma
        }
      }
      return Double(sum) / 64
    }
    let steps = [0, 40, 70, 100, 127, 150, 180, 210, 255].map { meanLuma(UInt8($0)) }
    #expect(steps == steps.sorted())
    #expect(Set(steps).count >= 6)
    #expect(steps.first == 0 && steps.last == 255)
  }

  @Test func textKeepsItsHueInFewColors() {
    #expect(ColorLevel.ansi8.code(for: Theme.label) == ColorLevel.standardCode)
    #expect(ColorLevel.ansi16.code(for: Theme.label) == 8)
    #expect([2, 10].contains(ColorLevel.ansi16.code(for: Theme.good)))
    #expect([1, 9].contains(ColorLevel.ansi16.code(for: Theme.bad)))
    #expect([3, 11].contains(ColorLevel.ansi16.code(for: Theme.warning)))
  }
}

struct TerminalTraitsTests {
  private func traits(
    _ environment: [String: String], choice: ColorChoice = .auto, colors: Int = 256, direct: Bool = false,
    isUTF8: Bool = true
  ) -> TerminalTraits {
    TerminalTraits(
      choice: choice, environment: environment, isUTF8: isUTF8, terminfoColors: colors, terminfoDirect: direct)
  }

  @Test func theStrongestWordWins() {
    #expect(traits(["TERM": "xterm", "NO_COLOR": "1", "COLORTERM": "truecolor"], choice: .indexed).colors == .indexed)
    #expect(traits(["TERM": "xterm", "NO_COLOR": "1", "COLORTERM": "truecolor"]).colors == .mono)
    #expect(traits(["TERM": "xterm", "NO_COLOR": "", "COLORTERM": "truecolor"]).colors == .direct)
    #expect(traits(["TERM": "xterm-256color", "COLORTERM": "24bit"]).colors == .direct)
    #expect(traits(["TERM": "xterm-256color"]).colors == .indexed)
    #expect(traits(["TERM": "xterm-256color"], direct: true).colors == .direct)
    #expect(traits(["TERM": "xterm-16color"], colors: 16).colors == .ansi16)
    #expect(traits(["TERM": "xterm"], colors: 8).colors == .ansi8)
    #expect(traits(["TERM": "vt100"], colors: -1).colors == .mono)
  }

  @Test func screenDoesNotShowWhatItInherits() {
    #expect(traits(["TERM": "screen-256color", "COLORTERM": "truecolor", "STY": "1.pts"]).colors == .indexed)
    #expect(traits(["TERM": "screen-256color", "COLORTERM": "truecolor", "TMUX": "/tmp"]).colors == .direct)
  }

  @Test func glyphsFollowLocaleAndTerminal() {
    #expect(traits(["TERM": "xterm"]).glyphs == .full)
    #expect(traits(["TERM": "xterm"], isUTF8: false).glyphs == .ascii)
    #expect(traits(["TERM": "linux"], colors: 8).glyphs == .console)
    #expect(traits(["TERM": "vt100"], colors: -1).glyphs == .ascii)
    #expect(traits(["TERM": "xterm"]).synchronizes)
    #expect(!traits(["TERM": "linux"]).synchronizes)
  }
}
