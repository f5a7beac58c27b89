import Foundation
import Testing

@testable import Train

@Suite struct TrainSettingsTests {
  @Test func whatIsWrittenIsReadAgain() throws {
    var settings = TrainSettings()
    settings.backboneWidth = 0.5
    settings.schedule = .cosine
    settings.learningRate = 3e-5
    settings.data = "a: \"folder\"/with #strange, name.json"
    settings.augmentation.shift = 0.1 + 0.2
    #expect(try TrainSettings(yaml: settings.yaml, name: "test") == settings)
  }

  @Test func missingKeysKeepTheirDefaults() throws {
    var expected = TrainSettings()
    expected.batch = 32
    expected.groups = .uniform
    #expect(try TrainSettings(yaml: "batch: 32\ngroups: uniform\n", name: "test") == expected)
    #expect(try TrainSettings(yaml: "", name: "test") == TrainSettings())
  }

  @Test func everyAugmentationIsDocumented() throws {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent()
    let text = try String(contentsOf: root.appendingPathComponent("docs/training.md"), encoding: .utf8)
    for key in Augmentation.CodingKeys.allCases { #expect(text.contains("`\(key.rawValue)`"), "\(key.rawValue)") }
  }

  @Test func changesWin() throws {
    let settings = try TrainSettings(
      yaml: "batch: 8\naugmentation:\n  mosaic: 0.25\n", changes: ["batch=4", "augmentation.rotation=10", "data=a=b"],
      name: "test")
    var expected = TrainSettings()
    (expected.batch, expected.data) = (4, "a=b")
    (expected.augmentation.mosaic, expected.augmentation.rotation) = (0.25, 10)
    #expect(settings == expected)
    #expect(throws: TrainError.self) { try TrainSettings(yaml: "", changes: ["augmentation.turn=3"], name: "test") }
    #expect(throws: TrainError.self) { try TrainSettings(yaml: "", changes: ["batch"], name: "test") }
  }

  private func toml(_ text: String) throws -> TrainSettings {
    let path = NSTemporaryDirectory() + "settings-\(UUID().uuidString).toml"
    defer { try? FileManager.default.removeItem(atPath: path) }
    try text.write(toFile: path, atomically: false, encoding: .utf8)
    return try TrainSettings(contentsOf: path, changes: ["batch=4"])
  }

  @Test func tomlSaysTheSame() throws {
    let settings = try toml(
      """
      # A student.
      batch = 32
      steps = 1_000_000   # many
      learning_rate = 3e-5\r
      data = "a \\"folder\\"/\\u00e9#1.json" # not a comment before
      images = 'C:\\raw'
      schedule = "cosine"
      augmentation.mosaic = 0.25

      [augmentation]
      weighted = false
      "rotation" = 20
      """)
    var expected = TrainSettings()
    (expected.batch, expected.steps, expected.learningRate) = (4, 1_000_000, 3e-5)
    (expected.data, expected.images, expected.schedule) = ("a \"folder\"/é#1.json", "C:\\raw", .cosine)
    (expected.augmentation.mosaic, expected.augmentation.rotation, expected.augmentation.isWeighted) = (0.25, 20, false)
    #expect(settings == expected)
  }

  @Test(arguments: [
    ("steps 3", "line 1: '=' is missing"), ("\n= 3", "line 2: a name is missing"), ("steps =", "a value is missing"),
    ("steps = 3 4", "'4' is too much"), ("steps = [3]", "no string, number"), ("steps = 1__0", "no string, number"),
    ("steps = 0x10", "no string, number"), ("data = \"a", "does not end"), ("data = \"\"\"a", "several lines"),
    ("data = \"\\q\"", "unknown escape"), ("data = \"\\ud800\"", "no character"), ("steps = 1\nsteps = 2", "set twice"),
    ("[[a]]", "lists of tables"), ("[a", "']' is missing"), ("steps = 1\n[steps]", "a value and a table"),
    ("step = 1", "there is no setting 'step'"), ("steps = 1.5", "takes no such value"),
    ("steps = nan", "no string, number"),
  ])
  func badTOMLIsNamed(text: String, reason: String) {
    #expect {
      try toml(text)
    } throws: { error in
      "\(error)".contains(".toml: ") && "\(error)".contains(reason)
    }
  }

  @Test(arguments: [
    ("batches: 3", "batches"), ("batch: many", "batch"), ("- 3", "list"), ("schedule: steep", "schedule"),
    ("a: [", "YAML"),
    ("augmentation: {rotation: 20, mirror: often}", "setting 'augmentation.mirror' takes no such value: often"),
    ("batch: 1.5", "batch"), ("learning_rate: .nan", "learning_rate"), ("augmentation: 3", "augmentation"),
  ])
  func badFilesAreNamed(yaml: String, word: String) {
    #expect {
      try TrainSettings(yaml: yaml, name: "x.yaml")
    } throws: { error in
      "\(error)".contains("x.yaml") && "\(error)".contains(word)
    }
  }

  /// Files and names that go deep, or stand for more than they say, end in a message.
  @Test(arguments: [
    String(repeating: "a: [", count: 30_000), String(repeating: "- ", count: 30_000) + "a",
    "a0: &a0 [1, 1, 1, 1, 1, 1, 1, 1]\n"
      + (1..<9).map { "a\($0): &a\($0) [" + Array(repeating: "*a\($0 - 1)", count: 9).joined(separator: ", ") + "]\n" }
      .joined(),
    "batch: 3\n" + String(repeating: "#", count: 100_000),
  ])
  func filesWithoutEndAreRefused(yaml: String) {
    #expect {
      try TrainSettings(yaml: yaml, name: "x.yaml")
    } throws: { "\($0)".contains("x.yaml: no settings of ours") }
  }

  @Test(arguments: [
    "=3", "augmentation..rotation=3", ".steps=3", "steps", String(repeating: "a.", count: 50_000) + "a=1",
  ])
  func changesNameASetting(change: String) {
    #expect {
      try TrainSettings(yaml: "", changes: [change], name: "--set")
    } throws: { "\($0)".contains("name=value") }
  }

  /// What could be trained with but not be read again.
  @Test func aSeedThatFilesCannotHoldIsRefused() {
    var settings = TrainSettings()
    settings.seed = .max
    #expect { try settings.check() } throws: { "\($0)".contains("setting 'seed'") }
  }

  @Test func pathsHoldFromEverywhere() {
    var settings = TrainSettings()
    (settings.data, settings.images) = ("people.json", "/pictures")
    settings = settings.anywhere
    #expect(settings.data == FileManager.default.currentDirectoryPath + "/people.json")
    #expect(settings.images == "/pictures" && settings.teacher.isEmpty)
  }

  @Test(arguments: [
    "size: 100", "batch: 0", "learning_rate: 2", "steps: 0", "warm_up: -1", "average: 1", "optimiser: sgd",
    "clip: -1", "backbone_width: 100",
  ])
  func impossibleValuesAreRefused(yaml: String) throws {
    let settings = try TrainSettings(yaml: yaml, name: "test")
    #expect {
      try settings.check()
    } throws: { error in
      "\(error)".contains(yaml.prefix { $0 != ":" })
    }
  }
}
