import Foundation
import Testing

@testable import Video

@Suite(.enabled(if: FFmpegTool.isPresent, "ffmpeg is needed")) struct PictureWriterTests {
  @Test(arguments: ["a.png", "a.JPG"]) func whatIsWrittenReadsBack(name: String) throws {
    let scratch = try Scratch()
    let start = Timestamp(ticks: 0, numerator: 1, denominator: 25)
    let frame = try Frame(bitmap: painted(31, 17) { _, _ in (200, 100, 30) }, index: 0, timestamp: start)
    try PictureWriter.write(frame, to: scratch(name))
    #expect(scratch.names == [name])
    try FFmpegTool.run("ffmpeg", "-i", scratch(name), "-f", "rawvideo", "-pix_fmt", "rgb24", scratch("raw"))
    let pixels = try Data(contentsOf: URL(fileURLWithPath: scratch("raw")))
    #expect(pixels.count == 31 * 17 * 3)
    for (value, expected) in zip(pixels.dropFirst((8 * 31 + 15) * 3), [200, 100, 30]) {
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
