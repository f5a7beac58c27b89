import Testing

@testable import Video

struct FramePartTests {
  @Test func aPartShowsWhatIsThere() throws {
    let source = try DemoSource("demo:size=320x240,seconds=1,people=2", isLive: false)
    let frame = try #require(try source.next())
    let scaler = Scaler(order: .rgb)
    let whole = try scaler.bitmap(frame, width: 320, height: 240)
    for (x, y, width, height) in [(0, 0, 320, 240), (64, 30, 102, 78), (318, 238, 2, 2), (2, 2, 30, 200)] {
      let part = try frame.part(x: x, y: y, width: width, height: height)
      #expect((part.width, part.height) == (width, height) && part.timestamp == frame.timestamp)
      let cut = try Scaler(order: .rgb).bitmap(part, width: width, height: height)
      var most = 0
      // At its edges, colour in the whole picture is interpolated from beyond.
      for row in 2..<max(2, height - 2) {
        for byte in 6..<max(6, 3 * width - 6) {
          let there = whole.pixels[((y + row) * 320 + x) * 3 + byte]
          most = max(most, abs(Int(cut.pixels[row * width * 3 + byte]) - Int(there)))
        }
      }
      #expect(most <= 3, "\(x),\(y) \(width)x\(height)")
    }
    #expect(frame.width == 320 && frame.height == 240, "the whole one stays")
  }

  @Test func whatIsNotInTheFrameIsRefused() throws {
    let source = try DemoSource("demo:size=64x48,seconds=1", isLive: false)
    let frame = try #require(try source.next())
    let wrong = [(1, 0, 8, 8), (0, 1, 8, 8), (-2, 0, 8, 8), (0, 0, 65, 8), (60, 0, 8, 8), (0, 48, 8, 1), (0, 0, 0, 8)]
    for (x, y, width, height) in wrong + [(2, 0, Int.max, 8)] {
      #expect(throws: VideoError.self) { try frame.part(x: x, y: y, width: width, height: height) }
    }
  }
}
