import Foundation
import Infer
import Testing

@testable import posecam

/// The program as its users meet it: every bad input gives one clear line and the right exit code, and loses nothing.
@Suite(.enabled(if: Program.isPresent, Program.absence))
struct CommandLineTests {
  private let folder: Folder

  init() throws { folder = try Folder() }

  /// A clip of the demo scene, clip.mp4.
  private func makeClip(_ settings: String = "size=192x128,seconds=1,people=1") throws {
    let outcome = try Program.run("posecam scene demo:\(settings) -o clip.mp4 --truth truth.jsonl", in: folder)
    try #require(outcome.status == 0, "\(outcome.errors)")
  }

  /// The run must fail with exit code `status` and one line on standard error that names the matter.
  private func expectFailure(_ line: String, says words: String..., status: Int32 = 1) throws {
    let outcome = try Program.run(line, in: folder)
    #expect(outcome.status == status, "\(line): \(outcome.errors)")
    for word in words { #expect(outcome.errors.contains(word), "\(line): \(outcome.errors)") }
    if status == 1 { #expect(outcome.complaints.filter { $0.hasPrefix("Error:") }.count == 1, "\(outcome.errors)") }
  }

  private func write(_ data: Data, _ name: String) throws {
    try data.write(to: URL(fileURLWithPath: folder.path(name)))
  }

  // MARK: - Sources

  @Test func sourcesThatAreNoVideo() throws {
    try write(Data(), "empty.mp4")
    try write(Data("Dear diary, there is no video in here.\n".utf8), "text.mp4")
    try write(Data(repeating: 7, count: 4096), "noise.mp4")
    try FileManager.default.createDirectory(atPath: folder.path("none"), withIntermediateDirectories: true)
    let before = try folder.contents()
    let cases = [
      ("missing.mp4", "no such file"), ("empty.mp4", "the file is empty"), ("text.mp4", "text.mp4"),
      ("noise.mp4", "noise.mp4"), ("none", "no pictures"), ("'*.jpg'", "no file has such a name"),
      ("gopher://example", "gopher"),
      ("99", "no camera /dev/video99"), ("/dev/video98", "no camera"), ("demo:people=900", "people=1…50"),
      ("demo:=", "'=' is not understood"),
    ]
    for (source, complaint) in cases {
      try expectFailure("posecam annotate \(source) -o out.mp4", says: complaint)
      try expectFailure("posecam --video \(source)", says: complaint)
      #expect(try folder.contents() == before)
    }
  }

  @Test(.enabled(if: Program.hasFFmpeg, "ffmpeg is not installed"))
  func soundAloneIsNoVideo() throws {
    _ = try Program.shell("ffmpeg -v error -f lavfi -i sine=d=1 sound.m4a", in: folder)
    try expectFailure("posecam annotate sound.m4a -o out.mp4", says: "only sound")
  }

  @Test(.enabled(if: Program.hasFFmpeg, "ffmpeg is not installed"))
  func truncatedFilePlaysWhatIsThere() throws {
    try makeClip("size=192x128,seconds=3,people=1")
    _ = try Program.shell("ffmpeg -v error -i clip.mp4 -c copy -movflags +faststart front.mp4", in: folder)
    let data = try folder.data("front.mp4")
    try write(data.prefix(data.count * 2 / 3), "cut.mp4")
    let outcome = try Program.run("posecam annotate cut.mp4 -o out.mp4", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("the file promises 90 frames"))
    let frames = try Program.shell(
      "ffprobe -v error -count_frames -show_entries stream=nb_read_frames -of csv=p=0 out.mp4", in: folder)
    let count = try #require(Int(frames.output.trimmingCharacters(in: .whitespacesAndNewlines)))
    #expect((20..<90).contains(count))
  }

  /// Matroska lists no frames, and here the sound begins before them.
  @Test(.enabled(if: Program.hasFFmpeg, "ffmpeg is not installed"))
  func framesKeepTheirNumbersWhereOneStartsLater() throws {
    try makeClip("size=64x48,seconds=3,people=1")
    _ = try Program.shell(
      """
      ffmpeg -v error -f lavfi -i sine=d=4 -itsoffset 0.1 -i clip.mp4 -map 1:v -map 0:a -c:v copy -c:a aac late.mkv
      """, in: folder)
    func frames(_ options: String) throws -> [[Double]] {
      let outcome = try Program.run("posecam annotate late.mkv --json - --size 64 \(options)", in: folder)
      return try outcome.output.split(separator: "\n").dropFirst().map { line in
        let frame = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        return [try #require(frame?["frame"] as? Double), try #require(frame?["time"] as? Double)]
      }
    }
    let (whole, part) = (try frames(""), try frames("--start 1"))
    #expect(whole.count == 90 && part.count > 50)
    #expect(part == whole.filter { $0[1] >= 1 - 1e-6 })
  }

  @Test(arguments: [(1, 1), (3, 200), (101, 77)])
  func oddSizes(_ width: Int, _ height: Int) throws {
    try write(Data("P6 \(width) \(height) 255\n".utf8) + Data(repeating: 90, count: width * height * 3), "in.ppm")
    let outcome = try Program.run("posecam annotate in.ppm -o out.mp4", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try folder.contents().contains("out.mp4"))
  }

  /// Presentation times of a video's frames as ffprobe tells them.
  private func times(_ name: String) throws -> [Double] {
    try Program.shell(
      "ffprobe -v error -select_streams v -show_entries frame=pts_time -of csv=p=0 \(name)", in: folder
    ).output.split(whereSeparator: { $0 == "\n" || $0 == "," }).compactMap { Double($0) }
  }

  @Test(.enabled(if: Program.hasFFmpeg, "ffmpeg is not installed"))
  func variableRateComesOutAsItWentIn() throws {
    try makeClip("size=192x128,seconds=2,people=1")
    _ = try Program.shell(
      "ffmpeg -v error -i clip.mp4 -vf \"select='lt(n,9)+gte(n,30)*not(mod(n,3))'\" -fps_mode vfr -c:v libx264 vfr.mp4",
      in: folder)
    let outcome = try Program.run("posecam annotate vfr.mp4 -o out.mp4", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let (before, after) = (try times("vfr.mp4"), try times("out.mp4"))
    #expect(before.count == 19 && after.count == 19)
    #expect(zip(before, after).allSatisfy { abs($0 - $1) < 0.001 }, "\(before) became \(after)")
  }

  @Test(.enabled(if: Program.hasFFmpeg, "ffmpeg is not installed"))
  func damageInTheMiddleIsToldAndTheRestIsThere() throws {
    try makeClip("size=192x128,seconds=4,people=2")
    _ = try Program.shell(
      "ffmpeg -v error -i clip.mp4 -c:v libx264 -g 15 -movflags +faststart whole.mp4", in: folder)
    var data = try folder.data("whole.mp4")
    for i in stride(from: data.count / 2, to: data.count * 6 / 10, by: 3) { data[i] ^= 0xA5 }
    try write(data, "bad.mp4")
    let outcome = try Program.run("posecam annotate bad.mp4 -o out.mp4", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("damaged"), "\(outcome.errors)")
    let end = try #require(try times("out.mp4").last)
    #expect(abs(end - 119.0 / 30) < 0.001, "it goes on to the end")
  }

  @Test(.enabled(if: Program.hasFFmpeg, "ffmpeg is not installed"))
  func a8KPictureIsAnnotated() throws {
    _ = try Program.shell(
      "ffmpeg -v error -f lavfi -i testsrc2=size=7680x4320 -frames:v 1 large.jpg", in: folder)
    let outcome = try Program.run("posecam annotate large.jpg -o out.mp4 --size 64", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let size = try Program.shell(
      "ffprobe -v error -select_streams v -show_entries stream=width,height -of csv=p=0 out.mp4", in: folder)
    #expect(size.output.hasPrefix("7680,4320"))
  }

  // MARK: - Outputs

  @Test func outputsThatCannotBeWritten() throws {
    try makeClip()
    let before = try folder.data("clip.mp4")
    let names = try folder.contents()
    try expectFailure("posecam annotate clip.mp4 -o clip.mp4", says: "clip.mp4")
    try expectFailure("posecam annotate clip.mp4 -o /nonexistent/out.mp4", says: "/nonexistent/out.mp4")
    try expectFailure("posecam annotate clip.mp4 -o out.xyz", says: "out.xyz", ".mp4", status: 64)
    try expectFailure("posecam annotate clip.mp4 -o out.mp4 --json /dev/full", says: "/dev/full")
    #expect(try folder.data("clip.mp4") == before)
    #expect(try folder.contents() == names, "nothing half-written is left")
  }

  /// A dash is standard input as a source and standard output as a target.
  @Test func aVideoPassesThroughPipes() throws {
    try makeClip()
    let outcome = try Program.run(
      "posecam annotate clip.mp4 -o clip.mkv && cat clip.mkv | posecam annotate - --json - > a.jsonl "
        + "&& cat clip.mkv | posecam --video - --json - > b.jsonl", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    for name in ["a.jsonl", "b.jsonl"] { #expect(try folder.text(name).split(separator: "\n").count == 31) }
  }

  @Test func twoNamesOfOneFileThatIsNotThereYet() throws {
    try makeClip()
    try expectFailure(
      "mkdir real; ln -s real link; posecam annotate clip.mp4 -o real/a.jsonl -o link/a.jsonl", says: "link/a.jsonl",
      "other output")
  }

  /// Nothing is kept waiting by a reader once the program is to end.
  @Test func aReaderThatTakesNothingCannotHoldTheProgram() throws {
    let outcome = try Program.run(
      """
      mkfifo pipe; sleep 600 < pipe & reader=$!
      '\(try #require(Program.path))' annotate demo:size=192x128,seconds=600,people=6 --json pipe --min-score 0 \
        --precision f32 --size 32 & child=$!
      # Until the pipe is full nothing stands still: two looks at the time it has worked are the same.
      before=-1; while now=$(awk '{print $14}' /proc/$child/stat); [ "$now" != "$before" ]; do before=$now; sleep 1; done
      kill -TERM $child; wait $child; status=$?; kill $reader; ( exit $status )
      """, in: folder)
    #expect(outcome.errors.contains("pipe: cannot be written: its reader takes nothing"), "\(outcome.errors)")
  }

  @Test func messagesThatNobodyCanReadAreNoReasonToStop() throws {
    let outcome = try Program.run("posecam bench --threads 200 --runs 1 --size 32 --json 2> /dev/full", in: folder)
    #expect(outcome.status == 0 && outcome.output.hasPrefix("{"))
  }

  @Test func whatOthersNamedDoesNotSteerTheTerminal() throws {
    try WeightFile(tensors: [:], metadata: ["architecture": "\u{1B}[2Jevil\u{9B}1m"]).write(
      to: folder.path("m.safetensors"))
    let outcome = try Program.run("posecam bench --model m.safetensors", in: folder)
    #expect(outcome.status == 1 && outcome.errors.contains("evil"), "\(outcome.errors)")
    #expect(!outcome.errors.unicodeScalars.contains { $0.value < 32 && $0 != "\n" || $0 == "\u{9B}" })
  }

  @Test func standardOutputIsAddedToNotReplaced() throws {
    try WeightFile(
      tensors: ["input": Tensor(shape: [1, 3, 32, 32], values: [Float](repeating: 0, count: 3072))], metadata: [:]
    ).write(to: folder.path("in.safetensors"))
    let outcome = try Program.run(
      "echo before > out; posecam forward --input in.safetensors -o /dev/stdout >> out; head -c 7 out", in: folder)
    #expect(outcome.output == "before\n")
  }

  @Test func aReaderThatGoesAwayEndsTheRunWithOneLine() throws {
    try makeClip()
    let outcome = try Program.run("{ posecam --video clip.mp4 --json -; echo $? > code; } | head -n 1", in: folder)
    #expect(outcome.output.hasPrefix(#"{"schema":"posecam/1""#))
    #expect(try folder.text("code") == "1\n")
    #expect(outcome.complaints.filter { $0.hasPrefix("Error:") }.count == 1, "\(outcome.errors)")
  }

  @Test func anInterruptedRunClosesAPlayableFile() throws {
    // A shell's background jobs ignore SIGINT, and so does the program then: SIGTERM asks the same.
    let outcome = try Program.run(
      """
      '\(try #require(Program.path))' annotate demo:size=192x128,seconds=120 -o long.mp4 --json long.jsonl & child=$!
      while kill -0 $child && [ "$(cat .long.jsonl.partial-* 2>/dev/null | wc -l)" -lt 10 ]; do sleep 0.1; done
      kill -TERM $child; wait $child
      """, in: folder)
    #expect(outcome.status == 143, "\(outcome.errors)")
    let again = try Program.run("posecam --video long.mp4 --json -", in: folder)
    #expect(again.status == 0)
    let frames = again.output.split(separator: "\n").count - 1
    let written = try folder.text("long.jsonl").split(separator: "\n").count - 1
    #expect(frames == written && (9..<3600).contains(frames))
  }

  // MARK: - Models and options

  @Test func modelsThatCannotBeUsed() throws {
    try expectFailure("posecam --video demo --model missing", says: "missing")
    try write(Data("not a model at all, but long enough".utf8), "model")
    try expectFailure("posecam --video demo --model model", says: "model")
    func writeModel(_ header: String) throws {
      var data = withUnsafeBytes(of: UInt64(header.utf8.count).littleEndian) { Data($0) }
      data.append(Data(header.utf8))
      data.append(Data(count: 4))
      try write(data, "model")
    }
    let tensor = #""x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}"#
    try writeModel(#"{"__metadata__":{"architecture":"resnet"},\#(tensor)}"#)
    try expectFailure("posecam --video demo --model model", says: "'resnet'", "lightweight-openpose")
    try writeModel("{\(tensor)}")
    try expectFailure("posecam --video demo --model model", says: "not a Lightweight OpenPose model")
    // Protocol 0: calls os.system.
    try write(Data("cos\nsystem\n(S'touch called'\ntR.".utf8), "model")
    try expectFailure("posecam --video demo --model model", says: "model")
    #expect(try !folder.contents().contains("called"))
  }

  @Test func aValueThatIsNoNumberIsNamed() throws {
    var file = try NetworkOptions.loadModel(nil).file(ranges: [:], metadata: [:])
    let name = try #require(file.tensors.keys.sorted().last)
    file.tensors[name]?.values[0] = .nan
    try file.write(to: folder.path("nan.safetensors"))
    try expectFailure(
      "posecam --video demo:seconds=1 --model nan.safetensors", says: "nan.safetensors: tensor '\(name)'",
      "not a number")
    let whole = try Data(contentsOf: URL(fileURLWithPath: folder.path("nan.safetensors")))
    try write(whole.prefix(100_000), "cut.safetensors")
    try expectFailure("posecam --video demo:seconds=1 --model cut.safetensors", says: "cut.safetensors")
  }

  @Test func aModelIsCalibratedForBytes() throws {
    try makeClip("size=192x128,seconds=1,people=2")
    // The built-in one is calibrated; its weights alone are not.
    try NetworkOptions.loadModel(nil).file(ranges: [:], metadata: [:]).write(to: folder.path("plain.safetensors"))
    try expectFailure(
      "posecam --video clip.mp4 --model plain.safetensors --precision int8", says: "plain.safetensors",
      "posecam quantize")
    let outcome = try Program.run(
      "posecam quantize --model plain.safetensors --images clip.mp4 --size 64 --count 4 -o q.safetensors", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    for word in ["2 pictures observed, 2 compared", "leastSquares", "model.11.3", "--precision auto will use"] {
      #expect(outcome.output.contains(word), "\(word): \(outcome.output)")
    }
    let bytes = try Program.run(
      "posecam --video clip.mp4 --model q.safetensors --precision int8 --json - | wc -l", in: folder)
    #expect(bytes.output.trimmingCharacters(in: .whitespacesAndNewlines) == "31")
    try expectFailure("posecam quantize --images missing -o q2.safetensors", says: "missing")
    let labelled = "--annotations people.json -o q2.safetensors"
    try expectFailure("posecam quantize --images clip.mp4 \(labelled)", says: "clip.mp4: is no folder")
    try expectFailure("posecam quantize --images clip.mp4 --count 1 -o q2.safetensors", says: "--count", status: 64)
    #expect(try folder.contents() == ["clip.mp4", "plain.safetensors", "q.safetensors", "truth.jsonl"])
    let builtIn = try Program.run("posecam --video clip.mp4 --precision int8 --json - | wc -l", in: folder)
    #expect(builtIn.output.trimmingCharacters(in: .whitespacesAndNewlines) == "31")
  }

  @Test func calibrationTellsTheAccuracyBeforeAndAfter() throws {
    try folder.writeLabelledPictures()
    let outcome = try Program.run(
      "posecam quantize --images . --size 128 --annotations people.json -o q.safetensors", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    /// What eval says of the same pictures.
    func accuracy(_ options: String) throws -> String {
      let eval = try Program.run("posecam eval --annotations people.json --size 128 --json \(options)", in: folder)
      let numbers = try JSONDecoder().decode([String: Double].self, from: Data(eval.output.utf8))
      return String(format: "AP %.3f, AR %.3f", numbers["AP"] ?? 0, numbers["AR"] ?? 0)
    }
    #expect(try outcome.output.contains("with floats: \(accuracy(""))"), "\(outcome.output)")
    #expect(
      try outcome.output.contains("with bytes: \(accuracy("--model q.safetensors --precision int8"))"),
      "\(outcome.output)")
  }

  @Test func wrongUsage() throws {
    try expectFailure("posecam", says: "--video", status: 64)
    try expectFailure("posecam --video demo --threads 0", says: "--threads", status: 64)
    try expectFailure("posecam --video demo --size 7", says: "--size", status: 64)
    try expectFailure("posecam annotate x.mp4", says: "--output", status: 64)
    try expectFailure("posecam --video demo --frobnicate", says: "--frobnicate", status: 64)
  }

  @Test func benchTellsEveryStage() throws {
    let outcome = try Program.run("posecam bench --json --runs 2 --size 64x64 --people 2", in: folder)
    let report = try #require(JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Any])
    let stages = try #require(report["stages"] as? [String: [String: Double]])
    for name in ["decode", "preprocess", "network", "parse", "track"] {
      let stage = try #require(stages[name], "\(name)")
      #expect(Set(stage.keys) == ["median_ms", "minimum_ms", "p95_ms"])
      #expect(stage["minimum_ms"] ?? 1 <= stage["median_ms"] ?? 0)
    }
    #expect(report["multiply_adds"] as? Int ?? 0 > 1_000_000)
    #expect(report["peak_memory_bytes"] as? Int ?? 0 > 1_000_000)
  }

  @Test func benchTellsKernelsAndStreams() throws {
    let outcome = try Program.run(
      "posecam bench --runs 2 --size 64x64 --people 2 --threads 200 --streams 2 --kernels", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("200 threads on "), "more threads than cores are warned of")
    for word in ["in 1 stream of 200 threads", "in 2 streams of 100 threads", "depthwise 3x3 + 1x1", "of the peak"] {
      #expect(outcome.output.contains(word), "\(word): \(outcome.output)")
    }
    try expectFailure("posecam bench --streams 0", says: "--streams", status: 64)
  }

  @Test func doctorTellsWhatThereIs() throws {
    let outcome = try Program.run("posecam doctor", in: folder)
    #expect(outcome.status == 0)
    for word in ["FFmpeg", "OpenBLAS", "kernels", "encoders", "camera", "terminal"] {
      #expect(outcome.output.contains(word), "\(word)")
    }
  }
}
