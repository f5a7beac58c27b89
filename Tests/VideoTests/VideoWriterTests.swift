import CFFmpeg
import Foundation
import Testing

@testable import Video

@Suite(.enabled(if: FFmpegTool.isPresent, "ffmpeg and ffprobe are needed")) struct VideoWriterTests {
  /// Writes one grey frame per time, each a little brighter, and returns the file's path.
  private func write(
    _ ticks: [Int64], _ width: Int = 64, _ height: Int = 48, to path: String,
    settings: VideoWriter.Settings = VideoWriter.Settings(), isComplete: Bool = true
  ) throws -> VideoWriter {
    let writer = try VideoWriter(path: path, like: try grey(width, height, 40, ticks: ticks[0]), settings: settings)
    for (index, tick) in ticks.enumerated() {
      try writer.write(try grey(width, height, UInt8(40 + index % 200), ticks: tick, index: index))
    }
    try writer.finish(isComplete: isComplete)
    return writer
  }

  private func probe(_ path: String, _ entries: String, stream: String = "v:0") throws -> [String] {
    try FFmpegTool.run("ffprobe", "-select_streams", stream, "-show_entries", entries, "-of", "csv=p=0", path)
      .split(separator: "\n").map { $0.trimmingCharacters(in: CharacterSet(charactersIn: ", ")) }
  }

  @Test(arguments: ["mp4", "mov"]) func everyFrameKeepsItsTime(kind: String) throws {
    let scratch = try Scratch()
    let ticks: [Int64] = (0..<60).reduce(into: [0]) { list, i in list.append(list[i] + Int64(1001 + 997 * (i % 7))) }
    var settings = VideoWriter.Settings()
    settings.nominalRate = 30
    _ = try write(ticks, to: scratch("a.\(kind)"), settings: settings)
    #expect(try probe(scratch("a.\(kind)"), "frame=pts").compactMap { Int64($0) } == ticks)
    let last = ticks[ticks.count - 1] - ticks[ticks.count - 2]
    // Frames are stored in another order than shown; the container adds up the former, hence within a frame.
    let duration = try probe(scratch("a.\(kind)"), "stream=duration_ts").compactMap { Int64($0) }
    #expect(duration.count == 1 && abs(duration[0] - ticks[ticks.count - 1] - last) <= last)
    #expect(scratch.names == ["a.\(kind)"])
  }

  /// A source may say any time: what can be stored is, and nothing traps.
  @Test(arguments: ["mp4", "mkv"]) func absurdTimesAreNoTrap(kind: String) throws {
    let scratch = try Scratch()
    let runs: [[Int64]] = [
      [0, 1001, .max - 3], [.min, 0, .max], [.max - 1, .max - 1, .max], [.min, .min + 1, .min + 1],
    ]
    for times in runs {
      do { _ = try write(times, to: scratch("a.\(kind)")) } catch is VideoError {}
    }
  }

  /// Two recordings, one after the other, as `cat` joins them: both clocks begin at the same time.
  private func joined(_ scratch: Scratch, sound: String) throws -> String {
    try FFmpegTool.run(
      "ffmpeg", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=25:duration=3", "-f", "lavfi", "-i",
      "sine=frequency=440:duration=3", "-c:v", "libx264", "-bf", "2", "-c:a", sound, scratch("one.ts"))
    let one = try Data(contentsOf: URL(fileURLWithPath: scratch("one.ts")))
    try (one + one).write(to: URL(fileURLWithPath: scratch("two.ts")))
    return scratch("two.ts")
  }

  @Test(arguments: ["mp4", "mkv", "ts"]) func aClockThatJumpsSpoilsNeitherPictureNorSound(kind: String) throws {
    let scratch = try Scratch()
    let path = try joined(scratch, sound: "aac")
    let source = try openSource(path)
    var times: [Double] = []
    var settings = VideoWriter.Settings()
    (settings.soundPath, settings.startTime) = (path, source.info.startTime)
    var writer: VideoWriter?
    while let frame = try source.next() {
      times.append(frame.timestamp.seconds)
      let open = try writer ?? VideoWriter(path: scratch("out.\(kind)"), like: frame, settings: settings)
      try open.write(frame)
      writer = open
    }
    try writer?.finish(isComplete: true)
    #expect(times.count == 150 && zip(times, times.dropFirst()).allSatisfy { abs($1 - $0 - 0.04) < 1e-3 })
    #expect(source.takeNotices().contains { $0.contains("clock jumps once") })
    #expect(writer?.notices == [])
    // Packets with their ends: all that was there, six seconds long.
    for (stream, count) in [("v:0", 150...150), ("a:0", 255...265)] {
      let packets = try probe(scratch("out.\(kind)"), "packet=pts_time", stream: stream).compactMap { Double($0) }
      #expect(count.contains(packets.count))
      #expect(try abs(#require(packets.max()) - #require(packets.min()) - 5.97) < 0.06, "\(stream)")
    }
  }

  @Test(arguments: [
    ("flac", "mp4", true), ("flac", "mov", false), ("libopus", "mp4", true), ("libopus", "mov", false),
    ("libopus", "ts", true), ("flac", "ts", false), ("aac", "ts", true), ("pcm_alaw", "mp4", false),
    ("pcm_s16le", "mov", true), ("wmav2", "mp4", false),
  ]) func soundIsKeptWhereTheFileTakesItAndElseBecomesAAC(_ sound: String, _ kind: String, _ isTaken: Bool) throws {
    let scratch = try Scratch()
    try FFmpegTool.run(
      "ffmpeg", "-f", "lavfi", "-i", "sine=frequency=440:duration=1", "-c:a", sound, "-ar", "48000", scratch("a.mkv"))
    var settings = VideoWriter.Settings()
    settings.soundPath = scratch("a.mkv")
    let writer = try write((0..<25).map { $0 * 3600 }, to: scratch("b.\(kind)"), settings: settings)
    let name = sound == "libopus" ? "opus" : sound
    #expect(try probe(scratch("b.\(kind)"), "stream=codec_name", stream: "a:0").first == (isTaken ? name : "aac"))
    #expect(writer.notices.isEmpty == isTaken && writer.notices.allSatisfy { $0.contains("becomes AAC: '\(name)'") })
  }

  @Test func aSteadyVideoLastsAsLongAsItsFrames() throws {
    let scratch = try Scratch()
    _ = try write((0..<50).map { 3003 * $0 }, to: scratch("a.mp4"))
    #expect(try probe(scratch("a.mp4"), "stream=duration_ts,nb_frames") == ["150150,50"])
  }

  @Test func timesThatStandStillMoveByATick() throws {
    let scratch = try Scratch()
    _ = try write([0, 3000, 3000, 2000, 9000], to: scratch("a.mp4"))
    #expect(try probe(scratch("a.mp4"), "frame=pts") == ["0", "3000", "3001", "3002", "9000"])
  }

  @Test func oddSidesGrowByTheirLastPixels() throws {
    let scratch = try Scratch()
    _ = try write([0, 3000, 6000], 65, 47, to: scratch("a.mp4"))
    #expect(try probe(scratch("a.mp4"), "stream=width,height,pix_fmt") == ["66,48,yuv420p"])
    let single = try Scratch()
    _ = try write([0], 1, 1, to: single("a.mkv"))
    #expect(try probe(single("a.mkv"), "stream=width,height") == ["2,2"])
  }

  @Test func tagsOfColourAreKept() throws {
    let scratch = try Scratch()
    _ = try write([0, 3000], to: scratch("a.mp4"))
    #expect(try probe(scratch("a.mp4"), "stream=color_space,color_range,color_primaries") == ["tv,bt709,bt709"])
  }

  @Test(arguments: [true, false]) func soundIsCopiedBitByBit(isComplete: Bool) throws {
    let scratch = try Scratch()
    try FFmpegTool.run(
      "ffmpeg", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=10:duration=2", "-f", "lavfi", "-i",
      "sine=frequency=440:duration=3", "-c:v", "mpeg4", "-c:a", "aac", scratch("in.mp4"))
    var settings = VideoWriter.Settings()
    settings.soundPath = scratch("in.mp4")
    settings.nominalRate = 10
    let count = isComplete ? 20 : 5
    let writer = try write(
      (0..<count).map { 9000 * Int64($0) }, to: scratch("out.mp4"), settings: settings, isComplete: isComplete)
    #expect(writer.notices == [])
    func sound(_ name: String) throws -> [String] {
      try FFmpegTool.run("ffmpeg", "-i", scratch(name), "-map", "0:a", "-c", "copy", "-f", "framehash", "-")
        .split(separator: "\n").filter { !$0.hasPrefix("#") }.map(String.init)
    }
    let (source, copy) = (try sound("in.mp4"), try sound("out.mp4"))
    if isComplete {
      #expect(copy == source)
    } else {
      // Half a second of it: packets of 1024 samples at 44.1 kHz.
      #expect(copy.count < source.count / 4 && copy.count > 15)
      #expect(Array(source.prefix(copy.count - 1)) == Array(copy.dropLast()))
    }
  }

  /// Of sound that is damaged what the container refuses is missing afterwards, and nothing else.
  @Test(arguments: ["mp4", "mkv"]) func damagedSoundCostsNoPicture(kind: String) throws {
    let scratch = try Scratch()
    try FFmpegTool.run(
      "ffmpeg", "-f", "lavfi", "-i", "testsrc=size=64x48:rate=25:duration=4", "-f", "lavfi", "-i",
      "sine=frequency=440:duration=4", "-c:v", "mpeg2video", "-c:a", "aac", scratch("in.ts"))
    var data = try Data(contentsOf: URL(fileURLWithPath: scratch("in.ts")))
    // Packets of 188 bytes; those of the sound, the second stream, from the middle on, every third one overwritten.
    let sound = stride(from: data.count / 376 * 188, to: data.count, by: 188).filter { packet in
      (data[packet + 1] & 31, data[packet + 2]) == (1, 1)
    }
    for (index, packet) in sound.enumerated() where index % 3 == 1 {
      for byte in packet + 60..<packet + 188 { data[byte] = UInt8(truncatingIfNeeded: byte &* 167 &+ index &* 31) }
    }
    try data.write(to: URL(fileURLWithPath: scratch("bad.ts")))
    var settings = VideoWriter.Settings()
    settings.soundPath = scratch("bad.ts")
    let writer = try write((0..<100).map { 3600 * Int64($0) }, to: scratch("out.\(kind)"), settings: settings)
    #expect(writer.notices.contains { $0.contains("sound left out") })
    #expect(try probe(scratch("out.\(kind)"), "frame=pict_type").count == 100)
    #expect(try probe(scratch("out.\(kind)"), "packet=size", stream: "a").count > sound.count / 2)
  }

  /// Not only the codec says how wide pixels are: players go by the container.
  @Test func theContainerKnowsHowWideItIsShown() throws {
    let scratch = try Scratch()
    func wide(_ ticks: Int64) throws -> Frame {
      let frame = try grey(64, 48, 99, ticks: ticks)
      frame.raw.pointee.sample_aspect_ratio = AVRational(num: 4, den: 3)
      return frame
    }
    let writer = try VideoWriter(path: scratch("a.mp4"), like: try wide(0), settings: VideoWriter.Settings())
    for ticks in [0, 3000, 6000] { try writer.write(try wide(Int64(ticks))) }
    try writer.finish()
    let data = try Data(contentsOf: URL(fileURLWithPath: scratch("a.mp4")))
    // The track's header ends with its width and height, 16 bits before the point and 16 behind it.
    let header = try #require(data.range(of: Data("tkhd".utf8)))
    let width = data[(header.lowerBound + 80)...].prefix(2).reduce(0) { $0 << 8 | Int($1) }
    #expect(width == 85)
  }

  /// A second of silence, a second of a tone, another of silence: where the tone lies afterwards, and how loud it is. Rates and
  /// channels that AAC has, and others; sound that begins before the picture, and a part of it.
  @Test(arguments: [
    (rate: 48000, channels: 2, shift: 0.0), (rate: 44100, channels: 1, shift: 0.5),
    (rate: 18000, channels: 1, shift: 0),
    (rate: 96000, channels: 4, shift: -0.25), (rate: 8000, channels: 6, shift: 0),
  ]) func soundThatIsConvertedStaysInItsPlace(rate: Int, channels: Int, shift: Double) throws {
    let scratch = try Scratch()
    let tone = "0.5*sin(2*PI*500*t)*between(t\\,1\\,2)"
    try FFmpegTool.run(
      "ffmpeg", "-f", "lavfi", "-i",
      "aevalsrc=\(Array(repeating: tone, count: channels).joined(separator: "|")):d=3:s=\(rate)",
      "-c:a", "pcm_s16le", scratch("in.mkv"))
    var settings = VideoWriter.Settings()
    (settings.soundPath, settings.startTime) = (scratch("in.mkv"), shift)
    let times = (0..<75).map { Int64($0 * 3600) + Int64(shift * 90000) }
    let writer = try write(times, to: scratch("out.mp4"), settings: settings)
    #expect(writer.notices.count == 1 && writer.notices[0].contains("becomes AAC"), "\(writer.notices)")
    try FFmpegTool.run(
      "ffmpeg", "-i", scratch("out.mp4"), "-af", "pan=mono|c0=c0,aresample=48000:async=1:first_pts=0", "-f", "f32le",
      scratch("out.raw"))
    let samples = try Data(contentsOf: URL(fileURLWithPath: scratch("out.raw"))).withUnsafeBytes {
      Array($0.bindMemory(to: Float.self))
    }
    let loud = samples.indices.filter { abs(samples[$0]) > 0.1 }
    let (first, last) = (try #require(loud.first), try #require(loud.last))
    #expect(abs(Double(first) / 48000 - (1 - shift)) < 0.01, "\(Double(first) / 48000)")
    #expect(abs(Double(last) / 48000 - (2 - shift)) < 0.01, "\(Double(last) / 48000)")
    let power = samples[first...last].reduce(0) { $0 + Double($1 * $1) } / Double(last - first)
    #expect(abs(power.squareRoot() - 0.5 / 2.squareRoot()) < 0.06)
  }

  /// Two seconds are missing from the sound's middle, as where a recorder was stopped.
  @Test func gapsInConvertedSoundStayGaps() throws {
    let scratch = try Scratch()
    try FFmpegTool.run(
      "ffmpeg", "-f", "lavfi", "-i", "sine=frequency=440:duration=4:sample_rate=48000", "-af",
      "aselect='not(between(t,1,3))'",
      "-c:a", "pcm_s16le", scratch("in.mkv"))
    var settings = VideoWriter.Settings()
    settings.soundPath = scratch("in.mkv")
    _ = try write((0..<100).map { $0 * 3600 }, to: scratch("out.mkv.mp4"), settings: settings)
    let packets = try probe(scratch("out.mkv.mp4"), "packet=pts_time", stream: "a:0").compactMap { Double($0) }
    let gaps = zip(packets, packets.dropFirst()).filter { $1 - $0 > 0.1 }
    #expect(gaps.count == 1 && abs(gaps[0].0 - 1) < 0.1 && abs(gaps[0].1 - 3) < 0.1, "\(gaps)")
    #expect(try abs(#require(packets.last) - 4) < 0.1)
  }

  @Test func timeBeginsWhereTheSourceBegins() throws {
    let scratch = try Scratch()
    var settings = VideoWriter.Settings()
    settings.startTime = 1.4
    _ = try write([126000, 129000, 132000], to: scratch("a.mp4"), settings: settings)
    #expect(try probe(scratch("a.mp4"), "frame=pts") == ["0", "3000", "6000"])
  }

  // MARK: - What cannot be written

  private func complaint(_ path: String, settings: VideoWriter.Settings = VideoWriter.Settings(), frames: Int = 3)
    -> String
  {
    do throws(any Error) {
      _ = try write((0..<frames).map { 3000 * Int64($0) }, to: path, settings: settings)
      return ""
    } catch { return "\(error)" }
  }

  @Test func badPlacesAreRefusedByName() throws {
    let scratch = try Scratch()
    #expect(complaint(scratch("missing/a.mp4")).contains("missing/a.mp4: cannot be written: No such file"))
    #expect(complaint(scratch("a.txt")).contains(".txt"))
    #expect(complaint(scratch("a")).contains("use .mp4"))
    #expect(scratch.names == [])
    try FileManager.default.createDirectory(atPath: scratch("b.mp4"), withIntermediateDirectories: true)
    #expect(complaint(scratch("b.mp4")).contains("folder"))
    #expect(scratch.names == ["b.mp4"])
  }

  @Test func aFullDiskIsNoticed() throws {
    #expect(complaint("/dev/full").contains("No space left"))
    let scratch = try Scratch()
    try FileManager.default.createSymbolicLink(atPath: scratch("a.mkv"), withDestinationPath: "/dev/full")
    #expect(complaint(scratch("a.mkv"), frames: 40).contains("No space left"))
    #expect(scratch.names == ["a.mkv"])
  }

  @Test func theSourceIsNeverOverwritten() throws {
    let scratch = try Scratch()
    _ = try write([0, 3000], to: scratch("in.mp4"))
    let before = try Data(contentsOf: URL(fileURLWithPath: scratch("in.mp4")))
    try FileManager.default.linkItem(atPath: scratch("in.mp4"), toPath: scratch("other.mp4"))
    var settings = VideoWriter.Settings()
    settings.soundPath = scratch("in.mp4")
    for name in ["in.mp4", "other.mp4"] {
      #expect(complaint(scratch(name), settings: settings).contains("being read"))
      #expect(try Data(contentsOf: URL(fileURLWithPath: scratch(name))) == before)
    }
  }

  @Test func whatWasPrivateStaysSo() throws {
    let scratch = try Scratch()
    try Data("precious".utf8).write(to: URL(fileURLWithPath: scratch("a.jsonl")))
    for (mode, after) in [(0o600, 0o600), (0o440, 0o640)] {
      try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: scratch("a.jsonl"))
      try PartialFile.write("new", to: scratch("a.jsonl"))
      let found = try FileManager.default.attributesOfItem(atPath: scratch("a.jsonl"))[.posixPermissions] as? Int
      #expect(found == after)
    }
  }

  @Test func anAbandonedFileLeavesTheOlderOne() throws {
    let scratch = try Scratch()
    try Data("precious".utf8).write(to: URL(fileURLWithPath: scratch("a.mp4")))
    do {
      let writer = try VideoWriter(path: scratch("a.mp4"), like: grey(64, 48, 0), settings: VideoWriter.Settings())
      try writer.write(try grey(64, 48, 0))
      #expect(throws: VideoError.self) { try writer.write(try grey(128, 48, 0, ticks: 3000)) }
      #expect(scratch.names.count == 2)
    }
    #expect(scratch.names == ["a.mp4"])
    #expect(try String(contentsOfFile: scratch("a.mp4"), encoding: .utf8) == "precious")
  }
}
