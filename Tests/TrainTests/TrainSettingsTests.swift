import Testing

@testable import Train

@Suite struct TrainSettingsTests {
  @Test func whatIsWrittenIsReadAgain() throws {
    var settings = TrainSettings()
    settings.backboneWidth = 0.5
    settings.schedule = .cosine
    settings.learningRate = 3e-5
    #expect(try TrainSettings(yaml: settings.yaml, name: "test") == settings)
  }

  @Test func missingKeysKeepTheirDefaults() throws {
    var expected = TrainSettings()
    expected.batch = 32
    expected.groups = .uniform
    #expect(try TrainSettings(yaml: "batch: 32\ngroups: uniform\n", name: "test") == expected)
    #expect(try TrainSettings(yaml: "", name: "test") == TrainSettings())
  }

  @Test(arguments: [
    ("batches: 3", "batches"), ("batch: many", "batch"), ("- 3", "list"), ("schedule: steep", "schedule"),
    ("a: [", "YAML"),
    ("batch: 1.5", "batch"),
  ])
  func badFilesAreNamed(yaml: String, word: String) {
    #expect {
      try TrainSettings(yaml: yaml, name: "x.yaml")
    } throws: { error in
      "\(error)".contains("x.yaml") && "\(error)".contains(word)
    }
  }

  @Test(arguments: [
    "size: 100", "batch: 0", "learning_rate: .nan", "steps: 0", "warm_up: -1", "average: 1", "optimiser: sgd",
    "clip: .inf", "backbone_width: 100",
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
