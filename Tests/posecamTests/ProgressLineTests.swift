import Foundation
import Testing

@testable import posecam

struct ProgressLineTests {
  private let half = ProgressLine.State(done: 150, total: 300, rate: 31.25, people: 3)

  @Test func showsShareRateTimeLeftAndPeople() {
    #expect(
      ProgressLine.line(half, elapsed: 5, width: 120)
        == "━━━━━━━━━━────────── 50 %  frame 150/300  31.2 fps  0:05 left  3 people")
    #expect(
      ProgressLine.line(half, elapsed: 5, width: 120, isUTF8: false)
        == "##########---------- 50 %  frame 150/300  31.2 fps  0:05 left  3 people")
  }

  @Test func beginningAndEnd() {
    #expect(
      ProgressLine.line(ProgressLine.State(total: 300), elapsed: 0, width: 120, isUTF8: false)
        == "-------------------- 0 %  frame 0/300  0 people")
    // Two that came out at once.
    let few = ProgressLine.State(done: 2, total: 2, rate: 7510)
    #expect(
      ProgressLine.line(few, elapsed: 4, width: 120, isUTF8: false)
        == "#################### 100 %  frame 2/2  0.5 fps  0 people")
    let whole = ProgressLine.State(done: 300, total: 300, rate: 30, people: 1)
    #expect(
      ProgressLine.line(whole, elapsed: 10, width: 120, isUTF8: false)
        == "#################### 100 %  frame 300/300  30.0 fps  1 person")
    // Containers round their frame counts.
    let more = ProgressLine.State(done: 303, total: 300, rate: 30)
    #expect(
      ProgressLine.line(more, elapsed: 10, width: 120, isUTF8: false)
        == "#################### 100 %  frame 303/300  30.0 fps  0 people")
  }

  @Test(arguments: [nil, 0])
  func sourcesWithoutAnEnd(total: Int?) {
    let live = ProgressLine.State(
      done: 40, total: total, rate: 29.97, people: 2, dropped: 5, latencyMilliseconds: 41.6)
    #expect(
      ProgressLine.line(live, elapsed: 2, width: 120) == "frame 40  30.0 fps  latency 42 ms  5 dropped  2 people")
  }

  @Test func neverWiderThanTheTerminal() {
    let whole = ProgressLine.line(half, elapsed: 5, width: 120)
    for width in 0...120 {
      let line = ProgressLine.line(half, elapsed: 5, width: width)
      #expect(line == String(whole.prefix(width)))
    }
    #expect(ProgressLine.line(half, elapsed: 5, width: -1) == "")
  }

  @Test(arguments: [
    (0, "0:00"), (0.4, "0:00"), (59.6, "1:00"), (61, "1:01"), (3599.4, "59:59"), (3600, "1:00:00"),
    (36_061, "10:01:01"), (Double.infinity, "?"), (Double.nan, "?"), (1e12, "?"),
  ])
  func durations(seconds: Double, text: String) {
    #expect(ProgressLine.duration(seconds) == text)
  }

  /// What a progress line sends to a pipe or, with `columns`, to a terminal.
  private func sent(
    columns: UInt16? = nil, terminal: String = "xterm", _ body: (inout ProgressLine) -> Void
  ) throws -> String {
    var (ours, theirs) = (Int32(0), Int32(0))
    if let columns {
      // Rows, columns and their pixels, as the system lays them out.
      var size: [UInt16] = [24, columns, 0, 0]
      try #require(openpty(&ours, &theirs, nil, nil, nil) == 0 && ioctl(ours, UInt(TIOCSWINSZ), &size) == 0)
    } else {
      var ends: [Int32] = [0, 0]
      try #require(pipe(&ends) == 0)
      (ours, theirs) = (ends[0], ends[1])
    }
    defer { close(ours) }
    var line = ProgressLine(descriptor: theirs, environment: ["TERM": terminal])
    body(&line)
    // A terminal passes on what is written when it likes, so the last byte is marked.
    var (bytes, byte) = ([UInt8](), UInt8(0))
    try #require(write(theirs, "\0", 1) == 1)
    while read(ours, &byte, 1) == 1 && byte != 0 { bytes.append(byte) }
    close(theirs)
    return String(decoding: bytes, as: UTF8.self).replacing("\r\n", with: "\n")
  }

  @Test func isRewrittenInPlaceOnATerminal() throws {
    let text = try sent(columns: 12) { line in
      line.update(half)
      line.note("a word of its own")
      line.finish(half)
    }
    let bar = ProgressLine.line(half, elapsed: 0, width: 11, isUTF8: text.contains("━"))
    #expect(text == "\r\(bar)\u{1B}[K\r\u{1B}[Ka word of its own\n\r\(bar)\u{1B}[K\n")
  }

  /// Ten states in a moment: the first is shown, the others wait for their time.
  @Test(arguments: [nil, 80])
  func isShownNowAndThen(columns: UInt16?) throws {
    let text = try sent(columns: columns) { line in
      for done in 1...10 { line.update(ProgressLine.State(done: done)) }
    }
    #expect(text.split(separator: "frame ").filter { $0.contains("people") }.count == 1)
    #expect(text.contains("frame 1 "))
  }

  @Test(arguments: [(nil, "xterm"), (80, "dumb")] as [(UInt16?, String)])
  func elsewhereEveryStateIsALine(columns: UInt16?, terminal: String) throws {
    let text = try sent(columns: columns, terminal: terminal) { line in
      line.update(ProgressLine.State(done: 1, people: 1))
      line.note("a word of its own")
      line.finish(ProgressLine.State(done: 2))
    }
    #expect(text == "frame 1  1 person\na word of its own\nframe 2  0 people\n")
  }

  /// A container's count is often an estimate; at the end of the video it is known.
  @Test func theEndIsTheEnd() throws {
    let last = ProgressLine.State(done: 267, total: 270)
    #expect(try sent { $0.finish(last, isComplete: true) }.contains("100 %  frame 267/267"))
    #expect(try sent { $0.finish(last) }.contains("98 %  frame 267/270"))
    #expect(try sent { $0.finish(ProgressLine.State(done: 5), isComplete: true) }.hasPrefix("frame 5  "))
  }

  @Test func nobodyListening() throws {
    for descriptor in [open("/dev/full", O_WRONLY), -1] {
      var line = ProgressLine(descriptor: descriptor)
      line.update(half)
      line.note("unheard")
      line.finish(half)
      if descriptor >= 0 { close(descriptor) }
    }
  }
}
