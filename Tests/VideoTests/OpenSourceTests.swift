import Foundation
import Testing

@testable import Video

struct OpenSourceTests {
  @Test func whatIsNotThereIsNamed() throws {
    expectRefusal("/nowhere/a.mp4", "no such file")
    expectRefusal("/nowhere/*.png", "no file has such a name")
    expectRefusal("/dev/video987", "no camera")
    expectRefusal("gopher://example.org/a", "not supported")
  }

  @Test func filesThatAreNoVideoAreRefused() throws {
    let scratch = try Scratch()
    try Data().write(to: URL(fileURLWithPath: scratch("empty.mp4")))
    expectRefusal(scratch("empty.mp4"), "empty")
    try Data("a poem, not a video\n".utf8).write(to: URL(fileURLWithPath: scratch("text.mp4")))
    expectRefusal(scratch("text.mp4"), "not a video")
    try Data("a poem, not a picture\n".utf8).write(to: URL(fileURLWithPath: scratch("poem.txt")))
    expectRefusal(scratch("poem.txt"), "not a video")
    var state: UInt64 = 1
    let noise = (0..<100_000).map { _ in
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return UInt8(truncatingIfNeeded: state >> 56)
    }
    try Data(noise).write(to: URL(fileURLWithPath: scratch("noise.mp4")))
    expectRefusal(scratch("noise.mp4"), "not a video")
    expectRefusal(scratch.path, "no pictures")
  }

  @Test(arguments: [
    ("rtsp://user:secret@camera:554/live?a=b@c", "rtsp://camera:554/live?a=b@c"),
    ("http://me@host/x@y.mp4", "http://host/x@y.mp4"), ("http://a:p@ss@host", "http://host"),
    ("rtsp://admin:p#ss@camera/live", "rtsp://camera/live"), ("http://host:80/a@b", "http://host:80/a@b"),
    ("http://[::1]/a", "http://[::1]/a"), ("http://[fe80::1]:80/a@b", "http://[fe80::1]:80/a@b"),
    ("http://host/a@b", "http://host/a@b"), ("clip@home.mp4", "clip@home.mp4"),
  ])
  func passwordsAreNotShown(url: String, shown: String) {
    #expect(withoutCredentials(url) == shown)
  }

  @Test(.enabled(if: FFmpegTool.isPresent, "ffmpeg is needed")) func aNameWithAColonIsAFile() throws {
    let scratch = try Scratch()
    try clip(scratch("a:b %d.mkv"), "testsrc2=size=64x64:rate=5:duration=1", "-c:v", "ffv1")
    #expect(try play(scratch("a:b %d.mkv")).frames.count == 5)
    // One that could be a pattern of names.
    try clip(scratch("b1.png"), "color=gray:size=20x20:duration=1:rate=1", "-frames:v", "1")
    try FileManager.default.moveItem(atPath: scratch("b1.png"), toPath: scratch("b%d.png"))
    try clip(scratch("b1.png"), "color=gray:size=30x30:duration=1:rate=1", "-frames:v", "1")
    #expect(try play(scratch("b%d.png")).frames.map(\.width) == [20])
  }
}

@Suite(.enabled(if: FFmpegTool.isPresent, "ffmpeg and ffprobe are needed")) struct PictureSourceTests {
  @Test func picturesComeAsPeopleCountThem() throws {
    let scratch = try Scratch()
    for (number, name) in [(0, "p1.png"), (1, "p2.jpg"), (2, "P10.bmp")] {
      try clip(
        scratch(name), "color=gray:size=\(20 + 2 * number)x\(30 - 2 * number):duration=1:rate=1", "-frames:v", "1")
    }
    try Data("no picture".utf8).write(to: URL(fileURLWithPath: scratch("p3.png")))
    let (info, frames, notices) = try play(scratch.path)
    #expect(frames.map(\.width) == [20, 22, 24] && frames.map(\.height) == [30, 28, 26])
    #expect((info.width, info.height) == (20, 30))
    #expect(frames.map(\.index) == [0, 1, 2] && frames.map(\.timestamp.seconds) == [0, 1, 2])
    #expect(notices.count == 1 && notices[0].contains("p3.png"))
    #expect(try play(scratch("p*.jpg")).frames.map(\.width) == [22])
  }

  @Test func picturesMayBeTheFramesOfAVideo() throws {
    let scratch = try Scratch()
    for name in ["f1.png", "f2.png", "f10.png"] {
      try clip(scratch(name), "color=gray:size=20x20:duration=1:rate=1", "-frames:v", "1")
    }
    var options = SourceOptions()
    options.pictureRate = 29.97
    let source = try openSource(scratch.path, options: options)
    #expect(!source.info.isStill && source.info.nominalRate == 29.97 && source.info.frameCount == 3)
    var times: [Double] = []
    while let frame = try source.next() {
      #expect(frame.name == nil)
      times.append(frame.timestamp.seconds)
    }
    #expect(zip(times, [0, 1 / 29.97, 2 / 29.97]).allSatisfy { abs($0 - $1) < 1e-9 } && times.count == 3)
    try source.seek(to: 1 / 29.97)
    #expect(try source.next()?.index == 1)
    #expect {
      try openSource(scratch("f1.png"), options: options)
    } throws: { "\($0)".contains("has its own rate") }
  }

  /// Half a picture is shown, and told; one in which nothing can be seen is left out, and told.
  @Test func damagedPicturesAreTold() throws {
    let scratch = try Scratch()
    for name in ["1.jpg", "2.png", "3.jpg", "4.jpg"] {
      try clip(scratch(name), "testsrc2=size=160x120:duration=1:rate=1", "-frames:v", "1")
    }
    for (name, share) in [("2.png", 2), ("3.jpg", 2)] {
      let data = try Data(contentsOf: URL(fileURLWithPath: scratch(name)))
      try data.prefix(data.count / share).write(to: URL(fileURLWithPath: scratch(name)))
    }
    let (_, frames, notices) = try play(scratch.path)
    for name in ["2.png", "3.jpg"] { #expect(notices.contains { $0.contains(name) }, "\(notices)") }
    #expect(frames.count >= 3 && notices.count == 2)
    #expect(try play(scratch("3.jpg")).notices.count == 1 && play(scratch("1.jpg")).notices == [])
  }

  @Test func unreadablePicturesAloneAreAnError() throws {
    let scratch = try Scratch()
    try Data("no picture".utf8).write(to: URL(fileURLWithPath: scratch("a.png")))
    expectRefusal(scratch.path, "no readable picture")
  }

  /// One picture in each of the eight ways a camera may be held (EXIF 1 to 8), made by writing the tag into the file.
  @Test(arguments: 1...8) func exifOrientationIsHonoured(orientation: Int) throws {
    let scratch = try Scratch()
    let boxes = [(0, 0, "0x404040"), (32, 0, "0x808080"), (0, 16, "0xB0B0B0"), (32, 16, "0xE0E0E0")]
      .map { "drawbox=x=\($0):y=\($1):w=32:h=16:color=\($2):t=fill" }.joined(separator: ",")
    try clip(
      scratch("a.jpg"), "color=black:size=64x32:rate=1:duration=1", "-vf", boxes, "-frames:v", "1", "-q:v", "2")
    var data = try Data(contentsOf: URL(fileURLWithPath: scratch("a.jpg")))
    // APP1, its length, "Exif", a TIFF header and one entry: tag 0x0112, one SHORT.
    let exif: [UInt8] =
      [0xFF, 0xE1, 0, 34] + Array("Exif\0\0MM\0*".utf8) + [0, 0, 0, 8, 0, 1, 1, 0x12, 0, 3, 0, 0, 0, 1]
      + [0, UInt8(orientation), 0, 0, 0, 0, 0, 0]
    data.insert(contentsOf: exif, at: 2)
    try data.write(to: URL(fileURLWithPath: scratch("b.jpg")))
    let (info, frames, _) = try play(scratch("b.jpg"))
    let frame = try #require(frames.first)
    let isTurned = orientation >= 5
    #expect((frame.width, frame.height) == (isTurned ? (32, 64) : (64, 32)))
    #expect((info.width, info.height) == (frame.width, frame.height))
    let (grey, width, height) = (brightness(of: frame), frame.width, frame.height)
    // Stored corners: 0 top left, 1 top right, 2 bottom left, 3 bottom right; where each is to be seen.
    let seen = [
      (width / 4, height / 4), (3 * width / 4, height / 4), (width / 4, 3 * height / 4),
      (3 * width / 4, 3 * height / 4),
    ].map { grey[$0.1 * width + $0.0] }
    let order = seen.sorted()
    let ranks = seen.map { value in order.firstIndex(of: value) ?? -1 }
    let expected: [Int: [Int]] = [
      1: [0, 1, 2, 3], 2: [1, 0, 3, 2], 3: [3, 2, 1, 0], 4: [2, 3, 0, 1], 5: [0, 2, 1, 3], 6: [2, 0, 3, 1],
      7: [3, 1, 2, 0], 8: [1, 3, 0, 2],
    ]
    #expect(ranks == expected[orientation])
  }
}
