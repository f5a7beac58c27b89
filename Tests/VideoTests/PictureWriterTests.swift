import Testing

@testable import Video

@Suite struct PictureWriterTests {
  @Test(arguments: ["a.png", "a.JPG"]) func whatIsWrittenReadsBack(name: String) throws {
    let scratch = try Scratch()
    let start = Timestamp(ticks: 0, numerator: 1, denominator: 25)
    let frame = try Frame(bitmap: painted(31, 17) { _, _ in (200, 100, 30) }, index: 0, timestamp: start)
    try PictureWriter.write(frame, to: scratch(name))
    #expect(scratch.names == [name])
    let source = try MediaSource(
      MediaInput(url: "file:" + scratch(name), name: name), name: name, isLive: false, decoderThreads: 1)
    let read = try #require(try source.next())
    #expect((read.width, read.height) == (31, 17))
    let bitmap = try Scaler(order: .rgb).bitmap(read, width: 31, height: 17)
    for (value, expected) in zip(bitmap.pixels[(8 * 31 + 15) * 3..<(8 * 31 + 16) * 3], [200, 100, 30]) {
      #expect(abs(Int(value) - expected) <= 5)
    }
  }

  @Test func badPlacesAreRefusedByName() throws {
    let scratch = try Scratch()
    for name in ["a.bmp", "a", "missing/a.png"] {
      #expect { try PictureWriter.write(try grey(8, 8, 1), to: scratch(name)) } throws: { "\($0)".contains(name) }
    }
    #expect(scratch.names == [])
  }
}
