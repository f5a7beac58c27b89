import CFFmpeg
import Foundation
import TestSupport
import Testing

@testable import Video

@Suite(.enabled(if: FFmpegTool.isPresent, "ffmpeg and ffprobe are needed")) struct MediaSourceTests {
  @Test(arguments: ["mp4", "mkv", "avi", "ts"]) func everyFrameComesWithItsTime(kind: String) throws {
    let scratch = try Scratch()
    let path = scratch("a.\(kind)")
    try clip(path, "testsrc2=size=96x64:rate=25:duration=2", "-c:v", "mpeg4", "-bf", "2")
    let (info, frames, notices) = try play(path)
    let (mine, theirs) = (frames.map(\.timestamp.ticks), try presentationTimes(path))
    #expect(mine == theirs)
    #expect(frames.count == 50 && frames.map(\.index) == Array(0..<50))
    #expect((info.width, info.height) == (96, 64) && info.nominalRate == 25 && !info.isLive)
    #expect(notices == [])
    if kind != "ts" { #expect(info.frameCount == 50) }
  }

  /// A broken or hostile file may name any time: its frames come, one after the other, can be written, and come again in a loop.
  @Test(arguments: [0x7FFF_FFFF_FFFF_FF00, 0x4000_0000_0000_0000, 0x1000_0000_0000_0000, 0xFFFF_FFFF_FFFF_FFFF])
  func absurdTimesAreNoTrap(_ time: UInt64) throws {
    let scratch = try Scratch()
    try clip(scratch("a.mkv"), withSecondClusterAt: time)
    let (_, frames, _) = try play(scratch("a.mkv"))
    #expect(frames.count == 10)
    #expect(zip(frames, frames.dropFirst()).allSatisfy { $0.timestamp.ticks < $1.timestamp.ticks })
    do throws(VideoError) {
      let writer = try VideoWriter(path: scratch("b.mkv"), like: frames[0], settings: VideoWriter.Settings())
      for frame in frames { try writer.write(frame) }
      try writer.finish()
    } catch {}
    var options = SourceOptions()
    options.isLooped = true
    let loop = try openSource(scratch("a.mkv"), options: options)
    for _ in 0..<40 { #expect(try loop.next() != nil) }
  }

  @Test func variableRateIsKept() throws {
    let scratch = try Scratch()
    try clip(
      scratch("a.mp4"), "testsrc2=size=64x64:rate=30:duration=2", "-vf", "select=not(mod(n\\,3))+not(mod(n\\,7))",
      "-fps_mode", "vfr", "-c:v", "mpeg4")
    let times = try play(scratch("a.mp4")).frames.map(\.timestamp.ticks)
    #expect(times == (try presentationTimes(scratch("a.mp4"))))
    #expect(Set(zip(times, times.dropFirst()).map { $1 - $0 }).count > 1, "the clip's rate does vary")
  }

  /// What is stored in whatever form looks as FFmpeg's own conversion does.
  @Test(arguments: [
    ("yuv420p", 64, 48), ("yuv420p10le", 64, 48), ("yuv444p", 33, 17), ("gray", 31, 15), ("bgr0", 32, 24),
    ("gbrp", 1, 1), ("yuv422p", 1, 7), ("yuv420p", 63, 1),
  ]) func anyFormBecomesPlain(format: String, width: Int, height: Int) throws {
    let scratch = try Scratch()
    try clip(
      scratch("a.mkv"), "testsrc2=size=256x192:rate=5:duration=1", "-vf", "scale=\(width):\(height)", "-pix_fmt",
      format, "-c:v", "ffv1", "-level", "1")
    let (info, frames, _) = try play(scratch("a.mkv"))
    #expect((info.width, info.height) == (width, height) && frames.count == 5)
    // Grey has all values, and keeps them.
    let plain = format == "gray" ? "yuvj420p" : "yuv420p"
    let expected = try grays(of: scratch("a.mkv"), width, height, scratch("b.raw"), as: plain)
    for (frame, expected) in zip(frames, expected) {
      #expect(frame.raw.pointee.format == AV_PIX_FMT_YUV420P.rawValue)
      let (mine, theirs) = (brightness(of: frame), expected)
      let error = zip(mine, theirs).map { abs(Int($0) - Int($1)) }.max() ?? 255
      #expect(error <= 3)
    }
  }

  /// The corners tell every one of the eight orientations apart.
  @Test(arguments: [0, 90, 180, 270]) func turnedVideoStandsUpright(degrees: Int) throws {
    let scratch = try Scratch()
    try corners(scratch("plain.mp4"))
    let turned = scratch("turned.mp4")
    try DisplayMatrix.rewrite(scratch("plain.mp4"), to: turned, degrees: degrees)
    let frame = try #require(try play(turned).frames.first)
    let player = try Scratch()
    let (width, height) = degrees % 180 == 0 ? (64, 32) : (32, 64)
    #expect((frame.width, frame.height) == (width, height))
    // FFmpeg's program turns by itself.
    let expected = try #require(try grays(of: turned, width, height, player("b.raw")).first)
    let error = zip(brightness(of: frame), expected).map { abs(Int($0) - Int($1)) }.max() ?? 255
    #expect(error <= 3)
  }

  @Test func aVideoCutOffPlaysAndSaysSo() throws {
    let scratch = try Scratch()
    try clip(
      scratch("a.mp4"), "testsrc2=size=160x120:rate=25:duration=4", "-c:v", "mpeg4", "-g", "10", "-movflags",
      "faststart")
    let data = try Data(contentsOf: URL(fileURLWithPath: scratch("a.mp4")))
    try data.prefix(data.count / 2).write(to: URL(fileURLWithPath: scratch("cut.mp4")))
    let (info, frames, notices) = try play(scratch("cut.mp4"))
    #expect(info.frameCount == 100 && frames.count > 20 && frames.count < 90)
    #expect(notices.contains { $0.contains("promises 100 frames") && $0.contains("\(frames.count) are there") })
  }

  @Test func aVideoWithoutItsIndexIsRefused() throws {
    let scratch = try Scratch()
    try clip(scratch("a.mp4"), "testsrc2=size=160x120:rate=25:duration=4", "-c:v", "mpeg4")
    let data = try Data(contentsOf: URL(fileURLWithPath: scratch("a.mp4")))
    try data.prefix(data.count / 2).write(to: URL(fileURLWithPath: scratch("cut.mp4")))
    expectRefusal(scratch("cut.mp4"), "its index, which recorders write last, is missing")
  }

  @Test(arguments: ["mpeg4", "libx264"]) func damageInTheMiddleIsCountedAndPassedOver(encoder: String) throws {
    let scratch = try Scratch()
    try clip(
      scratch("a.mp4"), "testsrc2=size=160x120:rate=25:duration=4", "-c:v", encoder, "-g", "10", "-movflags",
      "faststart")
    var data = try Data(contentsOf: URL(fileURLWithPath: scratch("a.mp4")))
    for i in stride(from: data.count * 5 / 10, to: data.count * 6 / 10, by: 3) { data[i] ^= 0xA5 }
    try data.write(to: URL(fileURLWithPath: scratch("bad.mp4")))
    let (_, frames, notices) = try play(scratch("bad.mp4"))
    #expect(frames.count > 60)
    let times = try presentationTimes(scratch("a.mp4"))
    #expect(frames.last?.timestamp.ticks == times.last, "it goes on to the end")
    #expect(notices.contains { $0.contains("damaged") })
  }

  @Test func largerPicturesInMidStreamAreBroughtToTheFirstSize() throws {
    let scratch = try Scratch()
    try clip(scratch("a.ts"), "testsrc2=size=96x64:rate=25:duration=1", "-c:v", "mpeg2video")
    try clip(scratch("b.ts"), "testsrc2=size=192x128:rate=25:duration=1", "-c:v", "mpeg2video")
    let both = try ["a.ts", "b.ts"].map { try Data(contentsOf: URL(fileURLWithPath: scratch($0))) }
    try (both[0] + both[1]).write(to: URL(fileURLWithPath: scratch("c.ts")))
    let frames = try play(scratch("c.ts")).frames
    #expect(frames.count > 40)
    #expect(frames.allSatisfy { $0.width == 96 && $0.height == 64 })
    #expect(zip(frames, frames.dropFirst()).allSatisfy { $0.timestamp.ticks < $1.timestamp.ticks })
  }

  /// White stays white, and said to be what it is, where the size changes and where grey is not said to be of full range.
  @Test func theRangeIsKept() throws {
    let scratch = try Scratch()
    let parts = try [(64, 48), (96, 64)].map { width, height in
      let path = scratch("\(width).ts")
      try clip(
        path, "color=white:size=\(width)x\(height):rate=25:duration=0.4", "-pix_fmt", "yuvj420p", "-c:v", "libx264",
        "-bf", "0")
      return try Data(contentsOf: URL(fileURLWithPath: path))
    }
    try (parts[0] + parts[1]).write(to: URL(fileURLWithPath: scratch("both.ts")))
    let frames = try play(scratch("both.ts")).frames
    #expect(frames.count > 15)
    for frame in frames {
      #expect(frame.raw.pointee.color_range == AVCOL_RANGE_JPEG)
      #expect(brightness(of: frame).allSatisfy { $0 >= 253 })
    }
    try clip(
      scratch("grey.mkv"), "color=white:size=64x48:rate=25:duration=0.2,format=gray,setparams=range=tv", "-vf",
      "lutyuv=y=235,setparams=range=tv", "-c:v", "ffv1", "-color_range", "tv")
    for frame in try play(scratch("grey.mkv")).frames {
      #expect(frame.raw.pointee.color_range == AVCOL_RANGE_MPEG)
      #expect(brightness(of: frame).allSatisfy { abs(Int($0) - 235) <= 1 })
    }
  }

  /// Matroska leaves out the first packets' decoding times where pictures are stored out of order.
  @Test(arguments: ["1", "2", "1/2"]) func slowVideoKeepsItsTimes(rate: String) throws {
    let scratch = try Scratch()
    try clip(scratch("a.mkv"), "testsrc2=size=64x48:rate=\(rate)", "-frames:v", "12", "-c:v", "libx264")
    let (_, frames, notices) = try play(scratch("a.mkv"))
    #expect(frames.map(\.timestamp.ticks) == (try presentationTimes(scratch("a.mkv"))))
    #expect(notices == [])
  }

  /// What a phone cut off stays in the file, hidden by an edit list.
  @Test func framesHiddenByAnEditListAreNotMissed() throws {
    let scratch = try Scratch()
    try clip(scratch("a.mp4"), "testsrc2=size=64x48:rate=25:duration=6", "-c:v", "libx264", "-g", "100")
    try FFmpegTool.run("ffmpeg", "-ss", "2.5", "-i", scratch("a.mp4"), "-c", "copy", scratch("cut.mp4"))
    let (info, frames, notices) = try play(scratch("cut.mp4"))
    #expect(frames.count < 100 && info.frameCount == frames.count && notices == [])
  }

  /// Pictures behind one another are a video, unless in a file that is called a picture.
  @Test func picturesBehindOneAnotherAreAVideo() throws {
    let scratch = try Scratch()
    try clip(scratch("a.mjpeg"), "testsrc2=size=64x48:rate=25:duration=0.4", "-f", "mjpeg")
    try FileManager.default.copyItem(atPath: scratch("a.mjpeg"), toPath: scratch("a.bin"))
    try FileManager.default.copyItem(atPath: scratch("a.mjpeg"), toPath: scratch("a.jpg"))
    for (name, count) in [("a.mjpeg", 10), ("a.bin", 10), ("a.jpg", 1)] {
      let (info, frames, _) = try play(scratch(name))
      #expect(frames.count == count && info.isStill == (count == 1) && frames.map(\.index) == Array(0..<count))
    }
  }

  @Test func aFileThatClaimsTooMuchOpens() throws {
    let scratch = try Scratch()
    try clip(scratch("a.mkv"), "testsrc2=size=64x48:rate=25:duration=0.4", "-c:v", "ffv1")
    var data = try Data(contentsOf: URL(fileURLWithPath: scratch("a.mkv")))
    // Matroska's TimestampScale (4 bytes here) and Duration (a double).
    let scale = try #require(data.range(of: Data([0x2A, 0xD7, 0xB1, 0x83])))
    data.replaceSubrange(scale.upperBound..<scale.upperBound + 3, with: [0, 0, 1])
    let duration = try #require(data.range(of: Data([0x44, 0x89, 0x88])))
    data.replaceSubrange(
      duration.upperBound..<duration.upperBound + 8, with: withUnsafeBytes(of: (9e21).bitPattern.bigEndian, Array.init))
    try data.write(to: URL(fileURLWithPath: scratch("b.mkv")))
    _ = try play(scratch("b.mkv"))
  }

  /// A pipe into which nothing is written any more can be left.
  @Test(.timeLimit(.minutes(1))) func aSilentPipeCanBeLeft() throws {
    let scratch = try Scratch()
    try clip(scratch("a.ts"), "testsrc2=size=64x48:rate=25:duration=2", "-c:v", "mpeg2video")
    try #require(mkfifo(scratch("pipe"), 0o600) == 0)
    // Opened for reading too, so that it neither waits nor ends.
    let writer = open(scratch("pipe"), O_RDWR | O_CLOEXEC)
    defer { close(writer) }
    let data = try Data(contentsOf: URL(fileURLWithPath: scratch("a.ts")))
    let thread = Thread {
      data.withUnsafeBytes { bytes in
        var place = 0
        while place < bytes.count {
          let count = write(writer, bytes.baseAddress.map { $0 + place }, bytes.count - place)
          guard count > 0 else { return }
          place += count
        }
      }
    }
    thread.start()
    let source = try openSource(scratch("pipe"))
    var count = 0
    DispatchQueue.global().asyncAfter(deadline: .now() + 2) { source.cancel() }
    while try source.next() != nil { count += 1 }
    #expect(count > 0)
  }

  @Test func an8KPictureIsDecodedAndALargerOneRefused() throws {
    let scratch = try Scratch()
    try clip(scratch("8k.jpg"), "color=gray:size=7680x4320:duration=1:rate=1", "-frames:v", "1")
    #expect(try play(scratch("8k.jpg")).frames.map(\.width) == [7680])
    try clip(scratch("huge.png"), "color=gray:size=16500x16:duration=1:rate=1", "-frames:v", "1")
    expectRefusal(scratch("huge.png"), "too large")
  }

  @Test func soundAloneIsRefused() throws {
    let scratch = try Scratch()
    try FFmpegTool.run("ffmpeg", "-f", "lavfi", "-i", "sine=duration=1", scratch("a.wav"))
    expectRefusal(scratch("a.wav"), "only sound")
    // Found out by its contents, not by its name.
    try FileManager.default.copyItem(atPath: scratch("a.wav"), toPath: scratch("b.mp4"))
    expectRefusal(scratch("b.mp4"), "only sound")
  }

  @Test func framesOutliveTheirSource() throws {
    let scratch = try Scratch()
    try clip(scratch("a.mkv"), "testsrc2=size=64x64:rate=5:duration=1", "-pix_fmt", "yuv420p", "-c:v", "rawvideo")
    let frames = try play(scratch("a.mkv")).frames
    #expect(frames.count == 5)
    #expect(Set(frames.map { brightness(of: $0) }).count == 5)
  }

  @Test func standardInputIsASource() throws {
    let scratch = try Scratch()
    try clip(scratch("a.mkv"), "testsrc2=size=64x64:rate=5:duration=1", "-c:v", "ffv1")
    let input = try MediaInput(url: "pipe:\(try reading(scratch("a.mkv")))", name: "standard input")
    let source = try MediaSource(input, name: "-", isLive: false, decoderThreads: 1)
    var count = 0
    while try source.next() != nil { count += 1 }
    #expect(count == 5)
  }

  @Test(arguments: [
    "arm-wrestling.mp4", "basketball-hall.mp4", "dance-portrait.mp4", "exercise-three-people.avi", "single-1080p.avi",
    "three-dancers.mp4", "walk-portrait.mp4",
  ]) func realClipsGiveEveryFrame(name: String) throws {
    let path = Shared.url("clips/\(name)").path
    guard FileManager.default.fileExists(atPath: path) else { return }
    let source = try openSource(path)
    var times: [Int64] = []
    while let frame = try source.next() {
      #expect((frame.width, frame.height) == (source.info.width, source.info.height))
      times.append(frame.timestamp.ticks)
    }
    let theirs = try presentationTimes(path)
    #expect(times == theirs)
  }

  // MARK: -

  /// A video of four corners, each of another grey.
  private func corners(_ path: String) throws {
    let boxes = [(0, 0, "0x404040"), (32, 0, "0x808080"), (0, 16, "0xB0B0B0"), (32, 16, "0xE0E0E0")]
      .map { "drawbox=x=\($0):y=\($1):w=32:h=16:color=\($2):t=fill" }.joined(separator: ",")
    try clip(path, "color=black:size=64x32:rate=5:duration=1", "-vf", boxes, "-c:v", "mpeg4", "-q:v", "2")
  }

  private func reading(_ path: String) throws -> Int32 {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    try #require(descriptor >= 0)
    return descriptor
  }
}

/// Makes a clip of a synthetic picture.
func clip(_ path: String, _ picture: String, _ options: String...) throws {
  try FFmpegTool.run("ffmpeg", arguments: ["-f", "lavfi", "-i", picture] + options + [path])
}

/// A Matroska file of several clusters, as a stream would be sent, whose second one has another time, in milliseconds.
func clip(_ path: String, withSecondClusterAt time: UInt64) throws {
  try clip(
    path, "testsrc2=size=64x48:rate=10:duration=1", "-c:v", "mpeg4", "-g", "5", "-live", "1", "-cluster_time_limit",
    "400")
  var bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
  let cluster: [UInt8] = [0x1F, 0x43, 0xB6, 0x75]
  let starts = bytes.indices.filter { bytes[$0...].starts(with: cluster) }
  // A cluster is its tag, its length in two bytes, a checksum, which nobody reads, and its time: a tag, a length and itself.
  let start = try #require(starts.dropFirst().first)
  let tag = start + 12
  try #require(bytes[start + 4] & 0xC0 == 0x40 && bytes[start + 6] == 0xBF && bytes[tag] == 0xE7)
  let length = Int(bytes[tag + 1] & 0x7F)
  bytes[start + 5] += UInt8(8 - length)
  let digits = (0..<8).map { UInt8(truncatingIfNeeded: time >> (56 - 8 * UInt64($0))) }
  bytes.replaceSubrange(tag + 1..<tag + 2 + length, with: [0x88] + digits)
  try Data(bytes).write(to: URL(fileURLWithPath: path))
}

/// Everything a source gives.
func play(_ specifier: String) throws -> (info: SourceInfo, frames: [Frame], notices: [String]) {
  let source = try openSource(specifier)
  var frames: [Frame] = []
  while let frame = try source.next() { frames.append(frame) }
  return (source.info, frames, source.takeNotices())
}

/// A source that must not open, with a message of one line that names it.
func expectRefusal(_ specifier: String, _ part: String, at location: SourceLocation = #_sourceLocation) {
  do {
    _ = try openSource(specifier)
    Issue.record("\(specifier) was opened", sourceLocation: location)
  } catch {
    let message = error.description
    #expect(message.contains(specifier) && message.contains(part), "\(message)", sourceLocation: location)
    #expect(!message.contains("\n"), sourceLocation: location)
  }
}

/// The times of all frames, as FFmpeg's program finds them. AVI stores none, so the last frames that leave a decoder
/// have none there: they follow at the pace of the ones before.
private func presentationTimes(_ path: String) throws -> [Int64] {
  let entries = try FFmpegTool.run(
    "ffprobe", "-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp", "-of", "csv=p=0", path)
  return entries.split(separator: "\n").reduce(into: []) { times, entry in
    if let time = Int64(entry.prefix { $0 == "-" || $0.isNumber }) {
      times.append(time)
    } else if entry.hasPrefix("N/A"), times.count > 1 {
      times.append(2 * times[times.count - 1] - times[times.count - 2])
    }
  }
}

/// The brightness of every pixel, row by row.
func brightness(of frame: Frame) -> [UInt8] {
  guard let plane = frame.raw.pointee.data.0 else { return [] }
  let stride = Int(frame.raw.pointee.linesize.0)
  return (0..<frame.height).flatMap { y in (0..<frame.width).map { x in plane[y * stride + x] } }
}

/// The brightness of every frame, as FFmpeg's program decodes and turns them.
func grays(
  of path: String, _ width: Int, _ height: Int, _ scratch: String, as format: String = "yuv420p"
) throws -> [[UInt8]] {
  try FFmpegTool.run("ffmpeg", "-i", path, "-pix_fmt", format, "-f", "rawvideo", "-fps_mode", "passthrough", scratch)
  let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: scratch)))
  let size = width * height + 2 * ((width + 1) / 2) * ((height + 1) / 2)
  return stride(from: 0, to: bytes.count - size + 1, by: size).map { Array(bytes[$0..<$0 + width * height]) }
}
