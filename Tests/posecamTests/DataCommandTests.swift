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

  /// Bytes cannot be judged where floats find nobody.
  @Test func aCalibrationNeedsPeople() throws {
    try folder.writeLabelledPictures(count: 4, people: 0)
    let outcome = try Program.run("posecam quantize --images '*.png' --size 64 -o q.safetensors", in: folder)
    #expect(outcome.status == 1 && outcome.errors.contains("finds nobody"), "\(outcome.errors)")
    #expect(!FileManager.default.fileExists(atPath: folder.path("q.safetensors")))
  }
}
