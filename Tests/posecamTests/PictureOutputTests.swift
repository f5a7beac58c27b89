import Foundation
import Testing
import Tracker
import Video

@testable import posecam

/// Pictures as sources and as outputs.
@Suite(.enabled(if: Program.isPresent, Program.absence))
struct PictureOutputTests {
  private func picture(_ path: String, width: Int, height: Int) throws {
    let source = try openSource("demo:people=2,seconds=1,size=\(width)x\(height)", options: SourceOptions())
    try PictureWriter.write(try #require(try source.next()), to: path)
  }

  private func size(_ path: String) throws -> [Int] {
    let info = try openSource(path).info
    return [info.width, info.height]
  }

  @Test func onePictureIsDrawn() throws {
    let folder = try Folder()
    try picture(folder.path("a.png"), width: 160, height: 120)
    let outcome = try Program.run("posecam annotate a.png --size 64 --min-score 0 -o b.png -o c.jpg", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try folder.contents() == ["a.png", "b.png", "c.jpg"])
    #expect(try size(folder.path("b.png")) == [160, 120] && size(folder.path("c.jpg")) == [160, 120])
    let video = try Program.run("posecam annotate demo:seconds=1,size=64x48 -o d.png", in: folder)
    #expect(video.status == 1 && video.errors.contains("--pictures"), "\(video.errors)")
    #expect(try folder.contents() == ["a.png", "b.png", "c.jpg"])
  }

  @Test func everyFrameIsDrawnIntoAFolder() throws {
    let folder = try Folder()
    try picture(folder.path("a.png"), width: 160, height: 120)
    try picture(folder.path("a.jpg"), width: 80, height: 60)
    try picture(folder.path("b.png"), width: 120, height: 160)
    let before = try folder.data("a.png")
    let outcome = try Program.run("posecam annotate . --size 64 --pictures .", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(
      try folder.contents() == [
        "a.jpg", "a.png", "a.png_rendered.png", "a_rendered.png", "b.png", "b_rendered.png",
      ])
    #expect(try folder.data("a.png") == before && size(folder.path("b_rendered.png")) == [120, 160])
    let video = try Program.run(
      "posecam annotate demo:seconds=1,size=64x48,rate=3 --size 64 --pictures out -o d.mp4; ls out", in: folder)
    #expect(video.status == 0 && video.output.split(separator: "\n").count == 3, "\(video.output)\(video.errors)")
    #expect(video.output.contains("000000000002_rendered.png"))
    let none = try Program.run("posecam annotate a.png --pictures no/such", in: folder)
    #expect(none.status == 1 && none.errors.contains("no/such: the folder cannot be made"))
  }

  /// One that is named directly is called the same as one of a folder.
  @Test func aPictureHasItsName() throws {
    let folder = try Folder()
    try picture(folder.path("000000000139.png"), width: 160, height: 120)
    let outcome = try Program.run(
      "posecam annotate 000000000139.png --size 128 --min-score 0 -o c.json -o poses/ --json c.jsonl; ls poses",
      in: folder)
    #expect(outcome.status == 0 && outcome.output == "000000000139_keypoints.json\n", "\(outcome.errors)")
    let recording = try PoseRecording(contentsOf: folder.path("c.jsonl"))
    #expect(recording.frames.map(\.picture) == ["000000000139.png"])
    #expect(try folder.text("c.json").contains(#""image_id":139"#) == !recording.frames[0].people.isEmpty)
  }

  /// Nobody is looked for where somebody was in another picture, and sizes may differ.
  @Test func onePersonOfEachPicture() throws {
    let folder = try Folder()
    for (name, width) in [("a", 320), ("b", 96), ("c", 240)] {
      try picture(folder.path("\(name).png"), width: width, height: 240)
    }
    let options = "--single --size 128 --min-score 0"
    let outcome = try Program.run(
      "posecam annotate . \(options) --json all.jsonl; posecam annotate c.png \(options) --json c.jsonl", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let all = try PoseRecording(contentsOf: folder.path("all.jsonl")).frames
    let alone = try PoseRecording(contentsOf: folder.path("c.jsonl")).frames
    #expect(all.count == 3 && all.allSatisfy { $0.people.count <= 1 })
    #expect(all[2].people.map(\.box) == alone[0].people.map(\.box))
  }

  /// What JSON lines say in shares of the picture can be turned back into pixels, whatever the sizes.
  @Test func normalizedPlacesOfPicturesOfSeveralSizes() throws {
    let folder = try Folder()
    for (name, width) in [("a", 320), ("b", 96)] { try picture(folder.path("\(name).png"), width: width, height: 240) }
    let run = "posecam annotate . --size 128 --min-score 0"
    let outcome = try Program.run("\(run) --json p.jsonl && \(run) --coordinates normalized --json n.jsonl", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let pixels = try PoseRecording(contentsOf: folder.path("p.jsonl")).frames
    let shares = try PoseRecording(contentsOf: folder.path("n.jsonl")).frames
    #expect(pixels.contains { !$0.people.isEmpty })
    for (first, second) in zip(pixels, shares) {
      for (one, other) in zip(first.people, second.people) {
        #expect(abs(one.box.x - other.box.x) < 0.02 && abs(one.box.width - other.box.width) < 0.02)
      }
    }
  }

  /// A second reader, for the sound, would take from a pipe what the first one needs.
  @Test(.enabled(if: Program.hasFFmpeg, "ffmpeg is not installed"))
  func aNamedPipeGivesEveryFrame() throws {
    let folder = try Folder()
    let outcome = try Program.run(
      "ffmpeg -v error -f lavfi -i testsrc=s=64x48:r=10:d=3 -f lavfi -i sine=d=3 a.mkv && mkfifo p && (cat a.mkv > p &) "
        + "&& posecam annotate p --size 64 -o b.mkv --json b.jsonl", in: folder)
    #expect(outcome.status == 0 && outcome.errors.contains("without its sound"), "\(outcome.errors)")
    #expect(try PoseRecording(contentsOf: folder.path("b.jsonl")).frames.count == 30)
  }

  @Test func namesThatSayAnotherFormatAreRefused() throws {
    let folder = try Folder()
    for (arguments, words) in [
      ("--format csv -o a.mp4", "a video's or picture's name"), ("--format csv -o a/", "a folder's name"),
      ("-o - --json /dev/stdout", "the other output too"), ("--two-pass -o a.csv", "single pictures"),
    ] {
      try picture(folder.path("a.png"), width: 32, height: 32)
      let outcome = try Program.run("posecam annotate a.png \(arguments)", in: folder)
      #expect(outcome.status != 0 && outcome.errors.contains(words), "\(outcome.errors)")
    }
    #expect(try folder.contents() == ["a.png"])
  }
}
