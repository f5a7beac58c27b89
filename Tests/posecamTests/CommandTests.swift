import Foundation
import Infer
import TestSupport
import Testing

/// `forward` and `group` as processes: they are how other software is compared with this one.
@Suite(.enabled(if: Program.isPresent, Program.absence))
struct CommandTests {
  /// A golden file's path for a shell line.
  private func golden(_ name: String) -> String { "'\(Shared.url("golden/\(name)").path)'" }

  private func write(_ tensors: [String: Tensor], to path: String) throws {
    try WeightFile(tensors: tensors, metadata: [:]).write(to: path)
  }

  /// A run that must fail: one line that says `reason`, status 1, nothing on standard output.
  private func expectFailure(
    _ line: String, _ reason: String, in folder: Folder, at location: SourceLocation = #_sourceLocation
  ) throws {
    let outcome = try Program.run(line, in: folder)
    #expect(outcome.status == 1, "\(line)", sourceLocation: location)
    #expect(outcome.output == "", "\(line)", sourceLocation: location)
    #expect(outcome.complaints.count == 1, "\(line): \(outcome.errors)", sourceLocation: location)
    #expect(outcome.errors.contains(reason), "\(line): \(outcome.errors)", sourceLocation: location)
  }

  // MARK: - forward

  /// The largest difference from PyTorch's own results, as a share of each output's standard deviation.
  @Test(.enabled(if: Shared.isPresent, Comment(rawValue: Shared.absence)), arguments: ["lop.pth", "lop-legacy.pth"])
  func forwardEqualsPyTorch(checkpoint: String) throws {
    let folder = try Folder()
    let outcome = try Program.run(
      "posecam forward --model \(golden(checkpoint)) --input \(golden("lop-forward.safetensors")) -o out.safetensors",
      in: folder)
    #expect(outcome.status == 0 && outcome.errors == "" && outcome.output == "")
    let ours = try WeightFile(contentsOf: folder.path("out.safetensors")).tensors
    let theirs = try WeightFile(contentsOf: Shared.url("golden/lop-forward.safetensors").path).tensors
    #expect(ours.keys.sorted() == theirs.keys.filter { $0 != "input" }.sorted())
    for (name, mine) in ours {
      let reference = try #require(theirs[name])
      #expect(mine.shape == reference.shape)
      let mean = reference.values.reduce(0, +) / Float(reference.values.count)
      let variance = reference.values.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(reference.values.count)
      let error = zip(mine.values, reference.values).map { abs($0 - $1) }.max() ?? .infinity
      #expect(error <= 1e-4 * variance.squareRoot(), "\(name)")
    }
  }

  /// The built-in model takes any size; every level and number of threads agrees with the scalar reference.
  @Test func forwardAgreesWithItself() throws {
    let folder = try Folder()
    let values: [Float] = (0..<2 * 3 * 40 * 72).map { index in
      let noise: Int = index * 2_654_435_761 % 1000
      return Float(noise) / 1000 - 0.5
    }
    try write(["input": Tensor(shape: [2, 3, 40, 72], values: values)], to: folder.path("in.safetensors"))
    var reference: [String: Tensor] = [:]
    for options in ["--cpu-level scalar --threads 1", "--threads 1", "--threads 3"] {
      let outcome = try Program.run("posecam forward \(options) --input in.safetensors -o out.safetensors", in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let tensors = try WeightFile(contentsOf: folder.path("out.safetensors")).tensors
      #expect(tensors["stage1_pafs"]?.shape == [2, 38, 5, 9] && tensors["stage0_heatmaps"]?.shape == [2, 19, 5, 9])
      if reference.isEmpty { reference = tensors }
      for (name, tensor) in tensors {
        let error = zip(tensor.values, reference[name]?.values ?? []).map { abs($0 - $1) }.max() ?? .infinity
        #expect(error <= 1e-4, "\(options): \(name)")
      }
    }
    #expect(try folder.contents() == ["in.safetensors", "out.safetensors"])
  }

  @Test func forwardRefusesBadInput() throws {
    let folder = try Folder()
    try write(
      ["input": Tensor(shape: [1, 3, 32, 32], values: .init(repeating: 0, count: 3072))], to: folder.path("ok"))
    try write(["picture": Tensor(shape: [1], values: [0])], to: folder.path("name"))
    try write(["input": Tensor(shape: [1, 4, 2, 2], values: .init(repeating: 0, count: 16))], to: folder.path("shape"))
    try write(["input": Tensor(shape: [0, 3, 32, 32], values: [])], to: folder.path("none"))
    try write(["input": Tensor(shape: [1, 3, 0, 32], values: [])], to: folder.path("flat"))
    try "not a model".write(toFile: folder.path("text"), atomically: false, encoding: .utf8)
    let whole = try folder.data("ok")
    try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: folder.path("half")))

    let run = "posecam forward --input"
    try expectFailure("\(run) nowhere -o out", "nowhere: no such file", in: folder)
    try expectFailure("\(run) text -o out", "text: ", in: folder)
    try expectFailure("\(run) half -o out", "truncated or damaged", in: folder)
    try expectFailure("\(run) name -o out", "holds no tensor 'input'", in: folder)
    try expectFailure("\(run) shape -o out", "[1, 4, 2, 2], the network takes (N,3,H,W)", in: folder)
    try expectFailure("\(run) none -o out", "[0, 3, 32, 32]", in: folder)
    try expectFailure("\(run) flat -o out", "0", in: folder)
    try expectFailure("\(run) ok -o nowhere/out", "nowhere/out: cannot be written: No such file", in: folder)
    try expectFailure("\(run) ok -o .", ".: a folder, not a file", in: folder)
    try expectFailure("\(run) ok -o /dev/full", "/dev/full: cannot be written: No space left", in: folder)
    try expectFailure("\(run) ok -o ./ok", "./ok: is the input itself", in: folder)
    try expectFailure("\(run) ok -o out --model nowhere", "nowhere: no such file", in: folder)
    try expectFailure("\(run) ok -o out --model text", "text: ", in: folder)
    try expectFailure("\(run) ok -o out --model ok", "not a Lightweight OpenPose model", in: folder)
    #expect(try folder.contents() == ["flat", "half", "name", "none", "ok", "shape", "text"])
    #expect(try folder.data("ok") == whole)
  }

  // MARK: - group

  private struct Grouped: Decodable {
    var keypoints: [[[Double]]]
    var entries: [[Double]]
  }

  private struct Case: Decodable {
    var parsed: [String: Grouped]
  }

  /// Scenes of the reference with 4, 3 (noisy) and 0 people: the same key points and the same poses.
  @Test(.enabled(if: Shared.isPresent, Comment(rawValue: Shared.absence)), arguments: [4, 8])
  func groupEqualsTheReference(upsample: Int) throws {
    struct File: Decodable { var cases: [Case] }
    let data = try Data(contentsOf: Shared.url("golden/lop-grouping.json"))
    let cases = try JSONDecoder().decode(File.self, from: data).cases
    #expect(cases.count == 8)
    let folder = try Folder()
    for index in [2, 6, 7] {
      let theirs = try #require(cases[index].parsed["\(upsample)"])
      let outcome = try Program.run(
        "posecam group --maps \(golden("lop-maps.safetensors")) --case case\(index) --upsample \(upsample) --compat "
          + "--output -", in: folder)
      #expect(outcome.status == 0, "\(outcome.errors)")
      let ours = try JSONDecoder().decode(Grouped.self, from: Data(outcome.output.utf8))
      #expect(ours.keypoints.map(\.count) == theirs.keypoints.map(\.count), "case \(index)")
      for (mine, reference) in zip(ours.keypoints.joined(), theirs.keypoints.joined()) {
        #expect(abs(mine[0] - reference[0]) <= 1 && abs(mine[1] - reference[1]) <= 1)
        #expect(abs(mine[2] - reference[2]) <= 1e-3 && mine[3] == reference[3])
      }
      #expect(ours.entries.map { $0.prefix(18) } == theirs.entries.map { $0.prefix(18) }, "case \(index)")
    }
  }

  @Test func groupRefusesBadInput() throws {
    let folder = try Folder()
    func maps(_ channels: Int, _ height: Int, _ width: Int) -> Tensor {
      Tensor(shape: [channels, height, width], values: .init(repeating: 0, count: channels * height * width))
    }
    try write(
      [
        "ok/heatmaps": maps(19, 4, 6), "ok/pafs": maps(38, 4, 6), "half/heatmaps": maps(19, 4, 6),
        "few/heatmaps": maps(18, 4, 6), "few/pafs": maps(38, 4, 6), "other/heatmaps": maps(19, 4, 6),
        "other/pafs": maps(38, 6, 4), "empty/heatmaps": maps(19, 0, 6), "empty/pafs": maps(38, 0, 6),
      ], to: folder.path("maps"))
    let whole = try folder.data("maps")
    let run = "posecam group --maps maps --case"
    let nobody = try Program.run("\(run) ok -o -", in: folder)
    #expect(nobody.status == 0)
    #expect(
      nobody.output == "{\"entries\":[],\"keypoints\":[\(Array(repeating: "[]", count: 18).joined(separator: ","))]}\n")

    try expectFailure("posecam group --maps nowhere --case a -o out", "nowhere: no such file", in: folder)
    try expectFailure("\(run) nobody -o out", "holds no 'nobody/heatmaps'", in: folder)
    try expectFailure("\(run) half -o out", "holds no 'half/pafs'", in: folder)
    try expectFailure("\(run) few -o out", "'few/heatmaps' has shape [18, 4, 6], not (19,h,w)", in: folder)
    try expectFailure("\(run) other -o out", "differ in size", in: folder)
    try expectFailure("\(run) empty -o out", "[19, 0, 6]", in: folder)
    try expectFailure("\(run) ok -o nowhere/out", "nowhere/out: cannot be written: No such file", in: folder)
    try expectFailure("\(run) ok -o /dev/full", "/dev/full: cannot be written: No space left", in: folder)
    try expectFailure("\(run) ok -o - > /dev/full", "standard output: cannot be written: No space left", in: folder)
    try expectFailure("\(run) ok -o maps", "maps: is the input itself", in: folder)
    #expect(try Program.run("\(run) ok --upsample 3 -o out", in: folder).status == 64)
    #expect(try folder.contents() == ["maps"])
    #expect(try folder.data("maps") == whole)
  }

  // MARK: - JSON lines

  @Test func liveWritesJSONLinesToAPipe() throws {
    let folder = try Folder()
    let outcome = try Program.run("posecam annotate demo:seconds=0.4 -o out.mp4 --json - | cat", in: folder)
    let lines = outcome.output.split(separator: "\n")
    #expect(lines.first?.hasPrefix(#"{"schema":"posecam/1","source":"#) ?? false)
    let frames = try lines.dropFirst().map {
      try #require(try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
    }
    #expect(frames.compactMap { $0["frame"] as? Int } == Array(0..<frames.count) && frames.count >= 8)
  }

  /// Whoever stops reading, and a full disk, get one line and status 1; an input is never overwritten.
  @Test func jsonLinesThatCannotBeWritten() throws {
    let folder = try Folder()
    let run = "posecam annotate demo:seconds=2 -o out.mp4 --json"
    for (line, reason) in [
      ("\(run) nowhere/out.jsonl", "nowhere/out.jsonl: cannot be written: No such file or directory"),
      ("\(run) /dev/full", "/dev/full: cannot be written: No space left on device"),
      ("\(run) - > /dev/full", "standard output: cannot be written: No space left on device"),
      ("{ \(run) -; echo $? > .status; } | true; (exit $(cat .status))", "standard output: cannot be written: nobody"),
      ("\(run) out.mp4", "out.mp4: is the other output too"),
    ] {
      let outcome = try Program.run(line, in: folder)
      #expect(outcome.status == 1 && outcome.errors.contains(reason), "\(line): \(outcome.errors)")
    }
    try "precious".write(toFile: folder.path("clip.mp4"), atomically: false, encoding: .utf8)
    for line in ["posecam --video clip.mp4 --json ./clip.mp4", "posecam annotate clip.mp4 -o clip.mp4"] {
      try expectFailure(line, "clip.mp4: is the input itself", in: folder)
    }
    #expect(try folder.text("clip.mp4") == "precious")
  }

  /// Standard output ends after one line, the disk takes no more of the table: the other outputs are whole.
  @Test func anOutputThatFailsDoesNotStopTheOthers() throws {
    let folder = try Folder()
    let outcome = try Program.run(
      "{ posecam annotate demo:seconds=2,size=192x128 -o out.mp4 --json - -o p.jsonl --size 64; echo $? > .status; } "
        + "| head -n 1", in: folder)
    #expect(try folder.text(".status") == "1\n")
    #expect(
      outcome.errors.contains("standard output: cannot be written: nobody reads it any more; the other outputs go on"))
    #expect(outcome.complaints.filter { $0.hasPrefix("Error: standard output: cannot be written") }.count == 1)
    #expect(try folder.text("p.jsonl").split(separator: "\n").count == 61)
    let frames = try Program.run("posecam --video out.mp4 --json - --size 64 | wc -l", in: folder)
    #expect(frames.output.trimmingCharacters(in: .whitespaces) == "61\n")
  }

  /// A full disk leaves a list that can be read, of whole results, and the place of an older one is taken only then.
  @Test func fullDiskLeavesAWholeList() throws {
    let folder = try Folder()
    let outcome = try Program.run(
      "trap '' XFSZ; ulimit -f 8; posecam annotate demo:seconds=1,size=320x180 -o out.json", in: folder)
    #expect(outcome.status == 1 && outcome.errors.contains("out.json: cannot be written: File too large"))
    let list = try #require(try JSONSerialization.jsonObject(with: folder.data("out.json")) as? [[String: Any]])
    #expect(list.count > 3 && list.allSatisfy { ($0["keypoints"] as? [Double])?.count == 51 })
  }

  /// Of a video what was written plays, where its kind allows; the others are told of too.
  @Test(.enabled(if: Program.hasFFmpeg, "ffmpeg is not installed"))
  func fullDiskKeepsWhatPlays() throws {
    let folder = try Folder()
    let outcome = try Program.run(
      "trap '' XFSZ; ulimit -f 100; posecam annotate demo:seconds=20,size=320x180 -o a.mkv --json b.jsonl --black",
      in: folder)
    #expect(outcome.status == 1)
    for words in ["a.mkv: cannot be written: File too large; it plays up to there", "b.jsonl: cannot be written"] {
      #expect(outcome.errors.contains(words), "\(outcome.errors)")
    }
    let count = try Program.shell(
      "ffprobe -v error -count_frames -show_entries stream=nb_read_frames -of csv=p=0 a.mkv", in: folder)
    #expect((Int(count.output.prefix { $0.isNumber }) ?? 0) > 10, "\(count.output) \(count.errors)")
    let other = try Program.run(
      "trap '' XFSZ; ulimit -f 100; posecam annotate demo:seconds=20,size=320x180 -o a.mp4 --black", in: folder)
    #expect(other.status == 1 && other.errors.contains("nothing of it can be kept"), "\(other.errors)")
    #expect(try folder.contents().filter { $0.contains("mp4") } == [])
  }

  @Test func picturesOfAnotherSizeEndAVideoThatPlays() throws {
    let folder = try Folder()
    for (index, size) in ["64 48", "64 48", "32 48"].enumerated() {
      let pixels = size == "32 48" ? 32 * 48 * 3 : 64 * 48 * 3
      try (Data("P6 \(size) 255\n".utf8) + Data(repeating: 90, count: pixels)).write(
        to: URL(fileURLWithPath: folder.path("\(index).ppm")))
    }
    let outcome = try Program.run("posecam annotate . -o out.mp4", in: folder)
    #expect(outcome.status == 1 && outcome.errors.contains("it plays up to there"), "\(outcome.errors)")
    let frames = try Program.run("posecam --video out.mp4 --json - --size 64 | wc -l", in: folder)
    #expect(frames.output.trimmingCharacters(in: .whitespaces) == "3\n")
  }

  @Test func aCommandThatThereIsNotIsNamed() throws {
    let folder = try Folder()
    try Data().write(to: URL(fileURLWithPath: folder.path("clip.mp4")))
    for (line, words) in [
      ("posecam anotate clip.mp4 -o out.mp4", "There is no command 'anotate'. Did you mean 'annotate'?"),
      ("posecam clip.mov", "There is no command 'clip.mov'. Nor is there such a file."),
      ("posecam", "Nothing to see: give a video's name"),
      ("posecam foobar", "'posecam --help' lists the commands"),
    ] {
      let outcome = try Program.run(line, in: folder)
      #expect(outcome.status == 64 && outcome.errors.contains(words), "\(outcome.errors)")
    }
  }

  /// What is written is refused before any work is done for it, and links and pipes stay what they are.
  @Test func filesOfDataGoWhereLinksLead() throws {
    let folder = try Folder()
    let people = #"{"images": [{"id": 1, "file_name": "a.jpg", "width": 9, "height": 9}], "annotations": []}"#
    try Data(people.utf8).write(to: URL(fileURLWithPath: folder.path("people.json")))
    let run = "posecam data subset --annotations people.json"
    let linked = try Program.run("touch real.json; ln -s real.json link.json; \(run) -o link.json", in: folder)
    #expect(linked.status == 0, "\(linked.errors)")
    #expect(try folder.text("real.json").contains("a.jpg"))
    let piped = try Program.run("mkfifo pipe; cat pipe > read.json & \(run) -o pipe; wait; test -p pipe", in: folder)
    #expect(piped.status == 0, "\(piped.errors)")
    #expect(try folder.text("read.json").contains("a.jpg"))
    try expectFailure("\(run) -o -", "this is not written to standard output", in: folder)
    try expectFailure("\(run) -o /dev/full", "/dev/full: cannot be written: No space left", in: folder)
    try expectFailure(
      "posecam eval --annotations people.json --results nowhere/r.json", "nowhere/r.json: cannot be written", in: folder
    )
    let stats = try Program.run("posecam data stats --annotations people.json", in: folder)
    #expect(stats.errors.contains("1 × picture that is not in"), "\(stats.errors)")
  }

  @Test func formatsByNameAndByOption() throws {
    let folder = try Folder()
    let run = "posecam annotate demo:seconds=0.2,size=192x128 --size 64"
    let outcome = try Program.run("\(run) -o a.csv -o a.json -o a.ndjson -o poses/ -o a.mp4", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try folder.contents() == ["a.csv", "a.json", "a.mp4", "a.ndjson", "poses"])
    #expect(try Program.run("\(run) -o - --format csv", in: folder).output.hasPrefix("frame,time,person,"))
    #expect(try Program.run("\(run) -o -", in: folder).output.hasPrefix(#"{"schema":"posecam/1""#))
    #expect(try Program.run("\(run) -o a.txt --format coco; cat a.txt", in: folder).output.hasPrefix("["))
    for (options, reason) in [
      ("-o a.xml", "a.xml: its name does not tell the format; use .mp4"), ("--json ''", "An output has no name"),
      ("-o a.json --coordinates normalized", "COCO results are in pixels"),
      ("-o a.mp4 -o b.mkv", "b.mkv: one annotated video"),
    ] {
      let outcome = try Program.run("\(run) \(options)", in: folder)
      #expect(outcome.status == 64 && outcome.errors.contains(reason), "\(outcome.errors)")
    }
    for (line, reason) in [
      ("\(run) -o - --format openpose", "standard output: OpenPose's JSON is a file per frame"),
      ("\(run) -o - --json -", "-: is the other output too"),
      ("\(run) -o b/c/ ", "b/c/: the folder cannot be made: No such file"),
    ] {
      try expectFailure(line, reason, in: folder)
    }
    #expect(try Program.run(run, in: folder).status == 64)
  }

  /// Thresholds leave out, and what they leave out is in no output.
  @Test func thresholds() throws {
    let folder = try Folder()
    func people(_ options: String) throws -> [[String: Any]] {
      let outcome = try Program.run(
        "posecam annotate demo:seconds=1,rate=5,people=3 --json - --smooth off \(options)", in: folder)
      return try outcome.output.split(separator: "\n").dropFirst().flatMap { line in
        let frame = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
        return frame?["people"] as? [[String: Any]] ?? []
      }
    }
    func points(_ person: [String: Any]) -> [[Double]] {
      (person["keypoints"] as? [Any] ?? []).compactMap { $0 as? [Double] }
    }
    let all = try people("")
    let scores = all.flatMap { points($0).map { $0[2] } }.sorted()
    try #require(scores.count > 20)
    let middle = scores[scores.count / 2]
    let strict = try people("--min-keypoint-score \(middle + 0.0001)")
    #expect(strict.flatMap(points).allSatisfy { $0[2] > middle - 0.0001 })
    #expect((1..<scores.count).contains(strict.flatMap(points).count))
    #expect(try people("--min-keypoint-score \(middle) --min-keypoints 6").allSatisfy { points($0).count >= 6 })
    #expect(try people("--min-score 0.99 --min-keypoints 18").isEmpty)
  }

  /// A disk that fills up in the middle of a line leaves whole lines.
  @Test func fullDiskLeavesWholeLines() throws {
    let folder = try Folder()
    let outcome = try Program.run(
      "trap '' XFSZ; ulimit -f 8; posecam annotate demo:seconds=1,size=320x180 --json out.jsonl", in: folder)
    #expect(outcome.status == 1 && outcome.errors.contains("out.jsonl: cannot be written: File too large"))
    let text = try folder.text("out.jsonl")
    #expect(text.hasSuffix("}\n"))
    for line in text.split(separator: "\n") {
      #expect((try? JSONSerialization.jsonObject(with: Data(line.utf8))) != nil)
    }
  }

  /// Without the three standard descriptors their numbers must not fall to the files that are written.
  @Test(arguments: ["2> /dev/full", "2>&-", "<&- >&- 2>&-"])
  func nobodyHearsTheProgress(redirection: String) throws {
    let folder = try Folder()
    let run = "posecam annotate demo:seconds=0.1 -o"
    #expect(try Program.run("\(run) heard.mp4", in: folder).status == 0)
    let outcome = try Program.run("\(run) unheard.mp4 \(redirection)", in: folder)
    #expect(outcome.status == 0)
    #expect(try folder.contents() == ["heard.mp4", "unheard.mp4"])
    #expect(try folder.data("heard.mp4") == folder.data("unheard.mp4"))
  }

  @Test func printedOutputThatCannotBeWritten() throws {
    let folder = try Folder()
    try expectFailure("posecam doctor > /dev/full", "standard output: cannot be written: No space left", in: folder)
    try expectFailure("posecam doctor >&-", "standard output: cannot be written: Bad file descriptor", in: folder)
  }
}
