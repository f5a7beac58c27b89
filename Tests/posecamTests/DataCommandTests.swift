import Foundation
import Testing

/// What `eval`, `quantize` and `data` say of data that do not fit, as processes.
@Suite(.enabled(if: Program.isPresent, Program.absence))
struct DataCommandTests {
  private let folder: Folder

  init() throws {
    folder = try Folder()
    try folder.writeLabelledPictures(count: 2)
  }

  @Test func picturesOfAnotherSizeAreNotEvaluated() throws {
    let right = try Program.run("posecam eval --annotations people.json --size 128 --json", in: folder)
    #expect(right.status == 0 && right.errors == "", "\(right.errors)")
    let text = try folder.text("people.json")
    let wrong = text.replacing("\"width\":192", with: "\"width\":384")
    try #require(wrong != text)
    try wrong.write(toFile: folder.path("wrong.json"), atomically: true, encoding: .utf8)
    let outcome = try Program.run("posecam eval --annotations wrong.json --size 128 --json", in: folder)
    #expect(outcome.status == 1 && outcome.errors.contains("192x128 pixels, labelled as 384x128"), "\(outcome.errors)")
  }

  @Test func aBatchIsNotDrawnOverTheData() throws {
    for name in ["0.png", "./1.png"] {
      let before = try folder.data(name)
      let outcome = try Program.run("posecam data stats --annotations people.json --picture \(name)", in: folder)
      #expect(outcome.status == 1 && outcome.errors.contains("of the data set"), "\(outcome.errors)")
      #expect(try folder.data(name) == before)
    }
    let drawn = try Program.run("posecam data stats --annotations people.json --picture batch.png", in: folder)
    #expect(drawn.status == 0 && FileManager.default.fileExists(atPath: folder.path("batch.png")))
  }

  /// The drawn people are found, and what is found can be trained on, and is not looked for again.
  @Test func aModelLabelsPictures() throws {
    let label = "posecam data label --images . --size 128 --min-score 0.2 -o found.json"
    let first = try Program.run(label, in: folder)
    #expect(first.status == 0 && first.output.contains("2 of 2 pictures looked at: "), "\(first.output)\(first.errors)")
    let found = try folder.data("found.json")
    let again = try Program.run(label, in: folder)
    #expect(again.status == 0 && again.output.contains("2 of them before"), "\(again.output)\(again.errors)")
    #expect(try folder.data("found.json") == found)
    let score = try Program.run("posecam eval --annotations found.json --size 128 --json", in: folder)
    #expect(score.output.contains("\"AP50\": 1"), "its own labels: \(score.output)\(score.errors)")

    for (line, what) in [
      ("posecam data label --images . --size 96 -o found.json", "by this model with these options"),
      ("mkdir -p other && cp 0.png other/ && \(label) --images other", "was not written for these pictures"),
      ("posecam data label --images . -o people.json", "was not written for these pictures"),
      ("posecam data label --images . -o 0.png", "was not written for these pictures"),
    ] {
      let outcome = try Program.run(line, in: folder)
      #expect(outcome.status == 1 && outcome.errors.contains(what), "\(line): \(outcome.errors)")
    }
    #expect(try folder.data("found.json") == found)

    // Who has gone leaves the file; a model is known by its weights.
    let export = "rm -r 1.png other && posecam export -o same.safetensors"
    let fewer = try Program.run("\(export) && \(label) --model same.safetensors", in: folder)
    #expect(
      fewer.status == 0 && fewer.output.contains("1 of 1 pictures looked at, 1 of them before"), "\(fewer.errors)")
    #expect(!(try folder.text("found.json").contains("1.png")))
  }

  @Test func emptyPicturesMakeADataSetToo() throws {
    try folder.writeLabelledPictures(count: 2, people: 0)
    let label = "posecam data label --images . --size 64 --min-score 1"
    let without = try Program.run("\(label) -o a.json", in: folder)
    #expect(without.status == 1 && without.errors.contains("sure of nobody"), "\(without.errors)")
    let with = try Program.run("\(label) --keep-empty -o b.json", in: folder)
    #expect(with.status == 0 && with.output.contains("2 without people"), "\(with.output)\(with.errors)")
  }

  @Test func dataSetsBecomeOne() throws {
    let merge = "mkdir -p other && cp 0.png other/ && cp people.json other/ && posecam data merge people.json"
    let outcome = try Program.run("\(merge) other/people.json people.json -o other/all.json", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(
      outcome.errors.contains("1 × picture that is not in")
        && outcome.errors.contains("2 × picture that was listed before"))
    let text = try folder.text("other/all.json")
    for name in ["../0.png", "../1.png", "\"0.png\"", "\"1.png\""] {
      #expect(text.replacing("\\/", with: "/").contains(name), "\(name) in \(text)")
    }
    let stats = try Program.run("posecam data stats --annotations other/all.json", in: folder)
    #expect(stats.output.contains("4 pictures") && stats.output.contains("8 people"), "\(stats.output)")
    #expect(stats.errors.contains("1 × picture that is not in"), "\(stats.errors)")
    let wrong = try Program.run("posecam data merge people.json other/people.json --images . -o x.json", in: folder)
    #expect(wrong.status == 64 && wrong.errors.contains("one folder for each of the 2 files"), "\(wrong.errors)")
  }

  /// Bytes cannot be judged where floats find nobody.
  @Test func aCalibrationNeedsPeople() throws {
    try folder.writeLabelledPictures(count: 4, people: 0)
    let outcome = try Program.run("posecam quantize --images '*.png' --size 64 -o q.safetensors", in: folder)
    #expect(outcome.status == 1 && outcome.errors.contains("finds nobody"), "\(outcome.errors)")
    #expect(!FileManager.default.fileExists(atPath: folder.path("q.safetensors")))
  }
}
