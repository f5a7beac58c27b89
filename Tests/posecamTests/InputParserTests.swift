import Testing

@testable import posecam

struct InputParserTests {
  private func parse(_ text: String) -> [Input] {
    var parser = InputParser()
    return parser.feed(Array(text.utf8))
  }

  private static let sequences: [(String, [Input])] = [
    ("q", [.character("q")]), ("é", [.character("é")]), ("\u{1B}[A", [.key(.up)]), ("\u{1B}OB", [.key(.down)]),
    ("\u{1B}[1;5C", [.key(.right)]), ("\u{1B}OD", [.key(.left)]),
    ("\u{1B}[5~\u{1B}[6~", [.key(.pageUp), .key(.pageDown)]),
    ("\u{1B}[H\u{1B}[4~", [.key(.home), .key(.end)]),
    ("\u{1B}[<0;12;3M", [.mouse(Mouse(button: .left, x: 11, y: 2))]),
    ("\u{1B}[<0;12;3m", []), ("\u{1B}[<64;1;1M", [.mouse(Mouse(button: .wheelUp, x: 0, y: 0))]),
    ("\u{1B}[?62;4;22c", [.reply(.attributes([62, 4, 22]))]),
    ("\u{1B}[?2026;2$y", [.reply(.mode(2026, state: 2))]),
    ("\u{1B}[6;20;10t", [.reply(.cellSize(width: 10, height: 20))]),
    ("\u{1B}_Gi=31;OK\u{1B}\\", [.reply(.graphics(id: 31, isDone: true))]),
    ("\u{1B}_Gi=31;ENOTSUP:no\u{1B}\\", [.reply(.graphics(id: 31, isDone: false))]),
    // What nobody asked for is taken whole.
    ("\u{1B}]11;rgb:0/0/0\u{7}x", [.character("x")]), ("\u{1B}P>|term\u{1B}\\x", [.character("x")]),
    ("\u{1B}[>0;95;0cx", [.character("x")]), ("\u{1B}xq", [.character("q")]),
    ("\u{1B}\u{1B}[A", [.key(.escape), .key(.up)]),
  ]

  @Test func sequencesAreTakenWhole() {
    for (text, inputs) in Self.sequences { #expect(parse(text) == inputs, "\(text.debugDescription)") }
    #expect(parse(Self.sequences.map(\.0).joined()) == Self.sequences.flatMap(\.1))
  }

  /// Over a slow line every byte can come alone.
  @Test func piecesAreJoined() {
    var parser = InputParser()
    var inputs: [Input] = []
    for byte in Self.sequences.map(\.0).joined().utf8 { inputs += parser.feed([byte]) }
    #expect(inputs == Self.sequences.flatMap(\.1))
    #expect(!parser.isWaiting)
  }

  @Test func aLoneEscapeIsAKeyAfterAWhile() {
    var parser = InputParser()
    #expect(parser.feed([0x1B]).isEmpty && parser.isWaiting)
    #expect(parser.expire() == .key(.escape))
    #expect(parser.feed(Array("\u{1B}[1;".utf8)).isEmpty)
    #expect(parser.expire() == nil && !parser.isWaiting)
    #expect(parser.feed(Array("q".utf8)) == [.character("q")])
  }

  /// A clipboard that the terminal tells (OSC 52) may be of any length, and full of keys.
  @Test func longStringsAreSkippedWhole() {
    for end in ["\u{7}", "\u{1B}\\"] {
      #expect(parse("\u{1B}]52;c;" + String(repeating: "q", count: 5000) + end + "x") == [.character("x")])
      var parser = InputParser()
      var inputs: [Input] = []
      for byte in ("\u{1B}]52;c;" + String(repeating: "q", count: 3000) + end + "x").utf8 {
        inputs += parser.feed([byte])
      }
      #expect(inputs == [.character("x")])
    }
  }

  @Test func aStringThatPausesIsStillOne() {
    var parser = InputParser()
    #expect(parser.feed(Array("\u{1B}]11;rgb".utf8)).isEmpty && parser.expire() == nil && parser.isWaiting)
    #expect(parser.feed(Array(":qq\u{7}x".utf8)) == [.character("x")] && !parser.isWaiting)
    // Whose end does not come at all.
    #expect(parser.feed(Array("\u{1B}]11;rgb".utf8)).isEmpty && parser.expire() == nil && parser.expire() == nil)
    #expect(parser.feed(Array("q".utf8)) == [.character("q")])
    // Alt-P is a key, not the beginning of a string.
    #expect(parser.feed(Array("\u{1B}P".utf8)).isEmpty && parser.expire() == nil && !parser.isWaiting)
    #expect(parser.feed(Array("q".utf8)) == [.character("q")])
  }

  @Test func rubbishDoesNoHarm() {
    var state: UInt32 = 1
    var parser = InputParser()
    for _ in 0..<20_000 {
      state = state &* 1_664_525 &+ 1_013_904_223
      // Mostly what begins and ends sequences.
      let byte =
        state >> 24 < 128 ? Array("\u{1B}[?<;_PO]\\9".utf8)[Int(state >> 16 & 255) % 11] : UInt8(state >> 16 & 255)
      _ = parser.feed([byte])
    }
    _ = parser.feed([UInt8](repeating: UInt8(ascii: "1"), count: 100_000))
    _ = parser.expire()
    #expect(parser.feed(Array("q".utf8)) == [.character("q")])
    #expect(parse("\u{1B}[<0;99999999999999999999;1Mq").last == .character("q"))
  }

  @Test func keysMeanWhatPeopleKnow() {
    func meaning(_ character: Unicode.Scalar) -> KeyMeaning? { KeyMeaning(.character(character)) }
    #expect(meaning("q") == .command(.quit) && meaning("\u{3}") == .command(.quit))
    #expect(meaning(" ") == .command(.pause) && meaning(".") == .command(.step) && meaning(",") == .command(.stepBack))
    #expect(meaning("h") == .help && meaning("?") == .help && KeyMeaning(.key(.escape)) == .escape)
    #expect(meaning("1") == .command(.view(.video)) && meaning("5") == .command(.view(.split)) && meaning("6") == nil)
    #expect(meaning("r") == .command(.record) && meaning("R") == .panel(.rates))
    #expect(meaning("+") == .command(.score(1)) && meaning("]") == .command(.networkSize(1)))
    #expect(KeyMeaning(.key(.left)) == .command(.seek(-5)) && meaning("x") == nil)
    // Every key of a panel is free for it.
    for panel in ScreenLayout.Panel.allCases { #expect(meaning(panel.key) == .panel(panel)) }
  }
}
