import Foundation
import Testing

@testable import posecam

@Suite(.enabled(if: Program.isPresent, Program.absence))
struct TrackCommandTests {
  private let scene = "demo:people=3,seconds=2,size=192x128,rate=10"

  /// The truth, tracked, is the truth: every identity holds, and the measures say so.
  @Test func sceneIsTrackedAndMeasured() throws {
    let folder = try Folder()
    let outcome = try Program.run(
      "posecam scene \(scene) --truth t.jsonl && posecam track t.jsonl -o r.jsonl --smooth off "
        + "&& posecam track-eval --truth t.jsonl --results r.jsonl --min-visible 3 --json", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let measures = try #require(
      try JSONSerialization.jsonObject(with: Data(outcome.output.utf8)) as? [String: Double])
    #expect(measures["switches"] == 0 && measures["frames"] == 20)
    #expect(measures["IDF1"] ?? 0 > 0.95 && measures["HOTA"] ?? 0 > 0.9 && measures["MOTA"] ?? 0 > 0.9)
    let table = try Program.run("posecam track-eval --truth t.jsonl --results t.jsonl --similarity iou", in: folder)
    #expect(table.output.hasPrefix("HOTA 1.0000") && table.output.contains("\n0 identity switches"))
  }

  @Test func everyFormatAndBothPasses() throws {
    let folder = try Folder()
    let outcome = try Program.run(
      "posecam scene \(scene) --truth t.jsonl; for o in a.csv a.json poses/ a.ndjson; do posecam track t.jsonl -o $o "
        + "--two-pass --smooth high || exit; done; posecam track t.jsonl -o - --compat --smooth low", in: folder)
    #expect(outcome.status == 0 && outcome.output.hasPrefix(#"{"schema":"posecam/1""#), "\(outcome.errors)")
    #expect(try folder.contents() == ["a.csv", "a.json", "a.ndjson", "poses", "t.jsonl"])
    #expect(try PoseRecording(contentsOf: folder.path("a.ndjson")).frames.count == 20)
  }

  /// Nobody is followed from one picture to the next, and their names go on.
  @Test func picturesStayPictures() throws {
    let folder = try Folder()
    try folder.writeLabelledPictures(count: 3)
    let outcome = try Program.run(
      "posecam annotate . --json a.jsonl --size 128 --min-score 0 && posecam track a.jsonl -o b.csv "
        + "&& posecam track a.jsonl -o b.jsonl; posecam track a.jsonl -o c.jsonl --two-pass --smooth high", in: folder)
    #expect(outcome.status == 1 && outcome.errors.contains("a.jsonl: single pictures"), "\(outcome.errors)")
    let (before, after) = (
      try PoseRecording(contentsOf: folder.path("a.jsonl")), try PoseRecording(contentsOf: folder.path("b.jsonl"))
    )
    #expect(after.frames.map(\.picture) == ["0.png", "1.png", "2.png"])
    #expect(after.frames.map(\.people.count) == before.frames.map(\.people.count))
    #expect(Set(after.frames.flatMap { $0.people.map(\.id) }).count == after.frames.reduce(0) { $0 + $1.people.count })
    #expect(try folder.text("b.csv").split(separator: "\n").first?.contains("picture") == true)
  }

  /// The second pass draws what the first found: as many frames, the same people, elsewhere by a little.
  @Test func annotateInTwoPasses() throws {
    let folder = try Folder()
    let run = "posecam annotate \(scene) --size 64 --min-score 0.1 --bridge 0"
    let outcome = try Program.run(
      "\(run) --smooth off --json a.jsonl; \(run) --two-pass --json b.jsonl -o b.mp4", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let (plain, smoothed) = (
      try PoseRecording(contentsOf: folder.path("a.jsonl")), try PoseRecording(contentsOf: folder.path("b.jsonl"))
    )
    #expect(smoothed.frames.count == 20)
    #expect(smoothed.frames.map { $0.people.map(\.id) } == plain.frames.map { $0.people.map(\.id) })
    #expect(smoothed.frames.map(\.time) == plain.frames.map(\.time))
    #expect(try folder.data("b.mp4").count > 1000)
  }

  @Test func badInput() throws {
    let folder = try Folder()
    try Data("{}".utf8).write(to: URL(fileURLWithPath: folder.path("bad.jsonl")))
    for (line, reason) in [
      ("posecam track absent.jsonl -o x.jsonl", "absent.jsonl: no such file"),
      ("posecam track bad.jsonl -o x.jsonl", "bad.jsonl: is neither JSON lines"),
      ("posecam track bad.jsonl -o bad.jsonl", "bad.jsonl: is the input itself"),
      ("posecam track bad.jsonl -o x.avi", "x.avi: its name does not tell the format"),
      ("posecam track bad.jsonl -o x.jsonl --two-pass --compat", "--two-pass and --compat exclude each other"),
      ("posecam track bad.jsonl -o x.jsonl --two-pass --smooth off", "--two-pass needs --smooth low or high"),
      ("posecam track bad.jsonl -o x.jsonl --bridge -1", "--bridge"),
      ("posecam track-eval --truth bad.jsonl --results bad.jsonl", "bad.jsonl: is neither JSON lines"),
      ("posecam track-eval --truth bad.jsonl --results bad.jsonl --threshold 0", "--threshold takes more than 0"),
      ("posecam track-eval --truth bad.jsonl --results bad.jsonl --min-visible 19", "--min-visible takes 1 to 18"),
      ("mkfifo pipe; posecam annotate pipe --two-pass --json x.jsonl", "cannot be read twice"),
    ] {
      let outcome = try Program.run(line, in: folder)
      #expect(outcome.status != 0 && outcome.errors.contains(reason), "\(line): \(outcome.errors)")
      #expect(try !folder.contents().contains("x.jsonl"))
    }
  }
}
