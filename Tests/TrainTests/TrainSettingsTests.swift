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

  @Test(arguments: [
    ("batches: 3", "batches"), ("batch: many", "batch"), ("- 3", "list"), ("schedule: steep", "schedule"),
    ("a: [", "YAML"),
    ("batch: 1.5", "batch"), ("learning_rate: .nan", "learning_rate"), ("augmentation: 3", "augmentation"),
  ])
  func badFilesAreNamed(yaml: String, word: String) {
    #expect {
      try TrainSettings(yaml: yaml, name: "x.yaml")
    } throws: { error in
      "\(error)".contains("x.yaml") && "\(error)".contains(word)
    }
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
