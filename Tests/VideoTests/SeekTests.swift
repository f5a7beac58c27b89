import Foundation
import Testing

@testable import Video

@Suite(.enabled(if: FFmpegTool.isPresent, "ffmpeg and ffprobe are needed")) struct SeekTests {
  /// Key frames lie a second apart, the places asked for between them.
  @Test(arguments: [("mp4", "-bf", "2"), ("mkv", "-bf", "0"), ("mov", "-bf", "1")])
  func theFrameAskedForComes(kind: String, option: String, value: String) throws {
    let scratch = try Scratch()
    let path = scratch("a.\(kind)")
    try clip(path, "testsrc2=size=64x48:rate=25:duration=4", "-c:v", "mpeg4", "-g", "25", option, value)
    let (info, frames, _) = try play(path)
    #expect(frames.count == 100)
    let source = try openSource(path)
    #expect(source.canSeek)
    for seconds in [0, 1.98, 0.5, 3.2, 3.21, 0, 2] {
      try source.seek(to: seconds)
      let expected = try #require(frames.first { $0.timestamp.seconds - info.startTime >= seconds - 1e-6 })
      for offset in 0..<3 where expected.index + offset < frames.count {
        let frame = try #require(try source.next())
        let same = frames[expected.index + offset]
        #expect(frame.timestamp.ticks == same.timestamp.ticks && frame.index == same.index, "\(kind) at \(seconds)")
        let isSame = brightness(of: frame) == brightness(of: same)
        #expect(isSame, "\(kind) at \(seconds) + \(offset)")
      }
    }
    // To the end, beyond it, and back again.
    while try source.next() != nil {}
    try source.seek(to: 100)
    #expect(try source.next()?.index == 99)
    #expect(try source.next() == nil)
    try source.seek(to: 0)
    #expect(try source.next()?.index == 0)
  }

  @Test func aPictureComesAgain() throws {
    let scratch = try Scratch()
    try clip(scratch("a.png"), "testsrc2=size=64x48:rate=1:duration=1", "-frames:v", "1")
    for specifier in [scratch("a.png"), scratch.path] {
      let source = try openSource(specifier)
      for seconds in [1.0, 0, 0] {
        try source.seek(to: seconds)
        let frame = try #require(try source.next())
        #expect(frame.index == 0 && frame.timestamp.seconds == 0)
        #expect(try source.next() == nil)
      }
    }
  }

  @Test func picturesOfAFolderAreGoneThrough() throws {
    let scratch = try Scratch()
    try clip(scratch("p%d.png"), "testsrc2=size=64x48:rate=1:duration=4", "-start_number", "0")
    try Data("no picture".utf8).write(to: URL(fileURLWithPath: scratch("p1x.png")))
    let source = try openSource(scratch.path)
    var all: [Frame] = []
    while let frame = try source.next() { all.append(frame) }
    #expect(all.map(\.name) == ["p0.png", "p1.png", "p2.png", "p3.png"])
    // Another opening, which does not know yet what can be read.
    for (again, seconds) in [(source, [2.0, 0.5, 3, 0]), (try openSource(scratch.path), [2.0, 3, 0, 1])] {
      for seconds in seconds {
        try again.seek(to: seconds)
        let frame = try #require(try again.next())
        let wanted = all[Int(seconds.rounded(.up))]
        #expect(frame.name == wanted.name && frame.index == wanted.index, "\(seconds)")
        #expect(brightness(of: frame) == brightness(of: wanted))
      }
    }
  }
}
