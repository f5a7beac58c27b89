import Foundation
import Testing

@testable import Video

@Suite struct SelectedSourceTests {
  private func frames(_ specifier: String, _ change: (inout SourceOptions) -> Void) throws -> (SourceInfo, [Frame]) {
    var options = SourceOptions()
    options.isDemoLive = false
    change(&options)
    let source = try openSource(specifier, options: options)
    var frames: [Frame] = []
    while frames.count < 200, let frame = try source.next() { frames.append(frame) }
    return (source.info, frames)
  }

  private let demo = "demo:size=32x16,rate=10,seconds=3,people=1"

  @Test func aPartKeepsItsTimesAndNumbers() throws {
    let (info, frames) = try frames(demo) {
      ($0.selection.start, $0.selection.end, $0.selection.every) = (0.5, 1.5, 3)
    }
    #expect(frames.map(\.index) == [5, 8, 11, 14])
    #expect(frames.map(\.timestamp.seconds) == [0.5, 0.8, 1.1, 1.4])
    #expect(info.frameCount == 4 && abs(info.nominalRate - 10.0 / 3) < 1e-9)
  }

  @Test(.enabled(if: FFmpegTool.isPresent, "ffmpeg and ffprobe are needed"))
  func everyNthStaysTheSameWhereOneGoesThroughIt() throws {
    let scratch = try Scratch()
    try clip(scratch("a.mp4"), "testsrc2=size=64x48:rate=10:duration=4", "-c:v", "mpeg4", "-g", "10")
    var options = SourceOptions()
    (options.selection.start, options.selection.end, options.selection.every) = (0.3, 2, 4)
    let source = try openSource(scratch("a.mp4"), options: options)
    #expect(source.info.duration == 2)
    #expect(try source.next()?.index == 3)
    for (seconds, index) in [(1.0, 11), (0, 3), (1.2, 15), (50, 19)] {
      try source.seek(to: seconds)
      #expect(try source.next()?.index == index, "\(seconds)")
    }
    #expect(try source.next() == nil)
  }

  @Test func aBeginningAfterTheEndIsRefused() {
    #expect {
      _ = try frames(demo) { $0.selection.start = 3 }
    } throws: { "\($0)".contains("lasts 3.0 seconds and cannot begin at 3.0") }
  }

  /// With key frames far apart: the ones before the beginning are decoded, not given out.
  @Test(.enabled(if: FFmpegTool.isPresent, "ffmpeg and ffprobe are needed"), arguments: ["mp4", "mkv", "ts"])
  func filesAreSoughtIn(kind: String) throws {
    let scratch = try Scratch()
    try clip(scratch("a.\(kind)"), "testsrc2=size=64x48:rate=25:duration=4", "-c:v", "libx264", "-g", "40")
    let (_, whole) = try frames(scratch("a.\(kind)")) { _ in }
    let (_, part) = try frames(scratch("a.\(kind)")) { ($0.selection.start, $0.selection.end) = (2.1, 3) }
    #expect(part.map(\.timestamp) == whole[53..<75].map(\.timestamp))
    #expect(part.map(\.index) == Array(53..<75))
    for (mine, theirs) in zip(part, whole[53...]) { #expect(brightness(of: mine) == brightness(of: theirs)) }
  }

  /// The container's list of frames tells the number of each, whatever the rate.
  @Test(.enabled(if: FFmpegTool.isPresent, "ffmpeg and ffprobe are needed"))
  func numbersHoldWhereTheRateVaries() throws {
    let scratch = try Scratch()
    try clip(
      scratch("a.mp4"), "testsrc2=size=64x64:rate=30:duration=4", "-vf", "select=lt(n\\,60)+not(mod(n\\,5))",
      "-fps_mode", "vfr", "-c:v", "libx264", "-g", "10")
    let (_, whole) = try frames(scratch("a.mp4")) { _ in }
    let (_, part) = try frames(scratch("a.mp4")) { $0.selection.start = 2.75 }
    #expect(part.count > 5 && part.map(\.timestamp) == whole.suffix(part.count).map(\.timestamp))
    #expect(part.map(\.index) == whole.suffix(part.count).map(\.index))
  }

  /// Where each corner of a picture goes, for all quarters and both hands.
  @Test(arguments: [0, 1, 2, 3], [false, true]) func turnedAndMirrored(quarters: Int, isFlipped: Bool) throws {
    let scratch = try Scratch()
    var corners = painted(8, 4) { x, y in
      let value: UInt8 = [[50, 100], [150, 200]][y / 2][x / 4]
      return (value, value, value)
    }
    let path = scratch("a.ppm")
    try (Data("P6 8 4 255\n".utf8) + Data(corners.pixels)).write(to: URL(fileURLWithPath: path))
    let (info, frames) = try frames(path) {
      ($0.selection.quarterTurns, $0.selection.isFlipped) = (quarters, isFlipped)
    }
    let frame = try #require(frames.first)
    for _ in 0..<quarters {
      let before = corners
      corners = painted(before.height, before.width) { x, y in
        let value = before.pixels[3 * ((before.height - 1 - x) * before.width + y)]
        return (value, value, value)
      }
    }
    #expect((frame.width, frame.height) == (corners.width, corners.height))
    #expect((info.width, info.height) == (corners.width, corners.height))
    let seen = brightness(of: frame)
    for (x, y) in [(0, 0), (corners.width - 1, 0), (0, corners.height - 1), (corners.width - 1, corners.height - 1)] {
      let column = isFlipped ? corners.width - 1 - x : x
      let expected = 16 + Double(corners.pixels[3 * (y * corners.width + column)]) * 219 / 255
      #expect(abs(Double(seen[y * corners.width + x]) - expected) < 4)
    }
  }

  @Test func everyOrientationCombinesWithEveryOther() {
    let all = (0..<8).map { Orientation.turned($0).then($0 < 4 ? .upright : .mirrored) }
    for first in all {
      for second in all {
        // Where the corner (1, 0) of a square around the middle goes, by steps and at once.
        func move(_ point: (Int, Int), _ orientation: Orientation) -> (Int, Int) {
          var point = orientation.isMirrored ? (-point.0, point.1) : point
          for _ in 0..<orientation.quarterTurns { point = (-point.1, point.0) }
          return point
        }
        for corner in [(1, 0), (0, 1)] {
          #expect(move(move(corner, first), second) == move(corner, first.then(second)))
        }
      }
    }
  }

  @Test func pictureNamesStay() throws {
    let scratch = try Scratch()
    for name in ["b.ppm", "a.ppm"] {
      try (Data("P6 4 2 255\n".utf8) + Data(count: 24)).write(to: URL(fileURLWithPath: scratch(name)))
    }
    let (_, frames) = try frames(scratch.path) { $0.selection.quarterTurns = 1 }
    #expect(frames.map(\.name) == ["a.ppm", "b.ppm"] && frames.map(\.width) == [2, 2])
  }
}

@Suite struct LoopingSourceTests {
  private func open(_ specifier: String) throws -> any FrameSource {
    var options = SourceOptions()
    (options.isDemoLive, options.isLooped) = (false, true)
    return try openSource(specifier, options: options)
  }

  @Test func itBeginsAnewAndTimeGoesOn() throws {
    let source = try open("demo:size=32x16,rate=10,seconds=0.4,people=1")
    let frames = try (0..<11).map { _ in try #require(try source.next()) }
    #expect(frames.map(\.index) == Array(0..<11))
    #expect(frames.map(\.timestamp.ticks) == Array(0..<11))
    #expect(brightness(of: frames[1]) == brightness(of: frames[9]))
    #expect(source.info.duration == nil && source.info.frameCount == nil)
    source.cancel()
    #expect(try source.next() == nil)
  }

  /// A jump leads to another place of the round that is played or of one before; all keep their frames and times.
  @Test func itCanBeGoneThrough() throws {
    let scratch = try Scratch()
    let path = scratch("clip.mp4")
    let scene = try DemoSource("demo:size=64x48,rate=10,seconds=1,people=1", isLive: false)
    var writer: VideoWriter?
    while let frame = try scene.next() {
      if writer == nil { writer = try VideoWriter(path: path, like: frame, settings: VideoWriter.Settings()) }
      try writer?.write(frame)
    }
    try writer?.finish()
    let source = try open(path)
    #expect(source.canSeek)
    for _ in 0..<13 { _ = try source.next() }
    // The second round, from 1 s on.
    for (place, index) in [(1.2, 12), (1.7, 17), (0.5, 5), (1.9, 9)] {
      try source.seek(to: place)
      let frame = try #require(try source.next())
      #expect(frame.index == index && abs(frame.timestamp.seconds - Double(index) / 10) < 1e-6, "\(place)")
    }
    #expect(try #require(try source.next()).index == 10)
  }

  /// Of a part the numbers stay those of the whole, and every round can be gone back to.
  @Test func aPartIsGoneThroughAsTheWhole() throws {
    var options = SourceOptions()
    (options.isDemoLive, options.isLooped, options.selection.start, options.selection.end) = (false, true, 0.5, 0.8)
    let scratch = try Scratch()
    for index in 0..<10 {
      try (Data("P6 4 2 255\n".utf8) + Data(repeating: UInt8(20 * index), count: 24)).write(
        to: URL(fileURLWithPath: scratch("\(index).ppm")))
    }
    options.pictureRate = 10
    let source = try openSource(scratch.path, options: options)
    #expect(try (0..<7).map { _ in try #require(try source.next()).index } == [5, 6, 7, 8, 9, 10, 11])
    for (place, index) in [(0.9, 9), (0.6, 6), (0.7, 7)] {
      try source.seek(to: place)
      #expect(try #require(try source.next()).index == index)
    }
  }

  @Test func whatIsReadOnceIsRefused() {
    #expect { _ = try open("-") } throws: { "\($0)".contains("standard input") }
    #expect {
      var options = SourceOptions()
      options.isLooped = true
      _ = try openSource("demo", options: options)
    } throws: { "\($0)".contains("demo: has no end") }
  }
}
