import Foundation
import Infer
import TestSupport
import Testing

@testable import Train

/// Random pictures and maps that follow from their number.
struct NoiseSource: BatchSource {
  /// The batch that is not a number.
  var failing: Int?

  mutating func read(_ number: Int, into batch: inout Batch) throws(TrainError) {
    var noise = Noise(UInt64(number))
    batch.images = noise.floats(batch.images.count)
    batch.heatmaps = noise.floats(batch.heatmaps.count)
    batch.fields = noise.floats(batch.fields.count)
    batch.mask = noise.floats(batch.mask.count).map { $0 > 0 ? 1 : 0 }
    if number == failing { batch.images[3] = .nan }
  }
}

@Suite struct TrainerTests {
  private static func folder() -> String {
    FileManager.default.temporaryDirectory.appendingPathComponent("posecam-run-\(UUID().uuidString)").path
  }

  private static let settings: TrainSettings = {
    var settings = TrainSettings()
    (settings.backboneWidth, settings.channels, settings.headChannels) = (0.125, 16, 16)
    (settings.batch, settings.size, settings.accumulate, settings.steps) = (2, 32, 2, 6)
    (settings.logEvery, settings.saveEvery, settings.validateEvery) = (2, 3, 3)
    (settings.learningRate, settings.clip, settings.warmUp, settings.schedule) = (1e-3, 50, 2, .cosine)
    return settings
  }()

  /// The entries of the log without what depends on the clock.
  private static func log(_ folder: RunFolder) throws -> [String] {
    try String(contentsOfFile: folder.log, encoding: .utf8).split(separator: "\n").map { line in
      var entry = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      entry["seconds"] = nil
      entry["images_per_second"] = nil
      return String(
        decoding: try JSONSerialization.data(withJSONObject: entry, options: .sortedKeys), as: UTF8.self)
    }
  }

  @Test func filesOfOthersStay() throws {
    let path = Self.folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let others = [
      "holiday.partial-cut.mp4", ".out.mp4.partial-123", "last.ckpt.partial-of-mine", "other.ckpt.partial-1",
    ]
    for name in others + ["last.ckpt.partial-12", "best.safetensors.partial-345"] {
      #expect(FileManager.default.createFile(atPath: "\(path)/\(name)", contents: nil))
    }
    _ = try RunFolder(new: path)
    #expect(try FileManager.default.contentsOfDirectory(atPath: path).sorted() == others.sorted())
  }

  @Test func aValidationThatFailsLosesNoStep() throws {
    let path = Self.folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    var source = NoiseSource()
    var settings = Self.settings
    (settings.saveEvery, settings.validateEvery) = (100, 4)
    let trainer = try Trainer(settings, folder: RunFolder(new: path), threads: 1)
    #expect(throws: TrainError.self) {
      try trainer.run(&source, validate: { _ in throw TrainError("cannot") })
    }
    let resumed = try Trainer(resuming: RunFolder(elsewhere: path), threads: 1)
    #expect(resumed.step == 4)
  }

  @Test(arguments: [1, 3, 4])
  func resumedRunsAreTheUndisturbedOneBitForBit(stop: Int) throws {
    let (whole, parts) = (Self.folder(), Self.folder())
    defer { for path in [whole, parts] { try? FileManager.default.removeItem(atPath: path) } }
    var source = NoiseSource()
    let undisturbed = try Trainer(Self.settings, folder: RunFolder(new: whole), threads: 2)
    #expect(try undisturbed.run(&source) == .finished)

    do {
      let first = try Trainer(Self.settings, folder: RunFolder(new: parts), threads: 2)
      var calls = 0
      let ending = try first.run(
        &source,
        shouldStop: {
          calls += 1
          return calls == stop
        })
      #expect(ending == .stopped && first.step == stop)
      #expect(throws: TrainError.self, "two trainers in one folder") { try RunFolder(existing: parts) }
    }
    let second = try Trainer(resuming: RunFolder(existing: parts), threads: 2)
    #expect(second.step == stop)
    #expect(try second.run(&source) == .finished)

    #expect(second.network.tensors == undisturbed.network.tensors)
    let names = ["last.ckpt", "best.safetensors", "settings.yaml"]
    for name in names {
      #expect(
        try Data(contentsOf: URL(fileURLWithPath: "\(whole)/\(name)"))
          == Data(contentsOf: URL(fileURLWithPath: "\(parts)/\(name)")), "\(name)")
    }
    let log = try Self.log(undisturbed.folder)
    #expect(log.count == 3)
    #expect(try Self.log(second.folder) == log)
  }

  @Test func whatWasLoggedAfterTheCheckpointIsDropped() throws {
    let path = Self.folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    var source = NoiseSource()
    do {
      let trainer = try Trainer(Self.settings, folder: RunFolder(new: path), threads: 1)
      _ = try trainer.run(&source, shouldStop: { trainer.step == 3 })
      try trainer.folder.append(["step": 4, "loss": 1])
    }
    let trainer = try Trainer(resuming: RunFolder(existing: path), threads: 1)
    // Not before it goes on: it may lack what it needs for that.
    #expect(try Self.log(trainer.folder).count == 2)
    _ = try trainer.run(&source, shouldStop: { trainer.step == 4 })
    #expect(try Self.log(trainer.folder).allSatisfy { !$0.contains("\"loss\":1,") })
  }

  @Test func aFolderWithFilesOfARunIsRefused() throws {
    for name in ["settings.yaml", "log.jsonl", "best.safetensors", "last.ckpt"] {
      let path = Self.folder()
      defer { try? FileManager.default.removeItem(atPath: path) }
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
      #expect(FileManager.default.createFile(atPath: "\(path)/\(name)", contents: Data("mine".utf8)))
      #expect { try RunFolder(new: path) } throws: { "\($0)".contains(path) && "\($0)".contains("another folder") }
      #expect(try String(contentsOfFile: "\(path)/\(name)", encoding: .utf8) == "mine")
    }
    let file = Self.folder()
    defer { try? FileManager.default.removeItem(atPath: file) }
    #expect(FileManager.default.createFile(atPath: file, contents: nil))
    #expect { try RunFolder(new: "\(file)/run") } throws: { "\($0)".contains("Not a directory") }
  }

  @Test func aRunStoppedBeforeItWasMeasuredLeavesItsModel() throws {
    let path = Self.folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    var source = NoiseSource()
    let judge = { (_: Model) in Validation(score: 0, values: ["AP": 0]) }
    let trainer = try Trainer(Self.settings, folder: RunFolder(new: path), threads: 1)
    #expect(try trainer.run(&source, validate: judge, shouldStop: { trainer.step == 1 }) == .stopped)
    #expect(try Model(contentsOf: trainer.folder.best).metadata["provenance"]?.contains("step 1,") == true)
    // Of equally good ones the last is kept: the validations at steps 3 and 6 both find nobody.
    #expect(try trainer.run(&source, validate: judge) == .finished)
    #expect(try Model(contentsOf: trainer.folder.best).metadata["provenance"]?.contains("step 6,") == true)
  }

  /// A run that was killed between its best model and its next checkpoint does not give that model up for a worse one.
  @Test func whatThereIsToBeatMayBeNewerThanTheCheckpoint() throws {
    struct Kill: Error {}
    let path = Self.folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    var (source, settings) = (NoiseSource(), Self.settings)
    (settings.saveEvery, settings.validateEvery) = (1000, 1)
    do {
      let trainer = try Trainer(settings, folder: RunFolder(new: path), threads: 1)
      let checkpoint = URL(fileURLWithPath: trainer.folder.checkpoint)
      var beginning = Data()
      #expect(throws: TrainError.self) {
        try trainer.run(
          &source,
          validate: { _ in
            guard trainer.step < 2 else { throw Kill() }
            beginning = try Data(contentsOf: checkpoint)
            return Validation(score: 0.9, values: [:])
          })
      }
      try beginning.write(to: checkpoint)
    }
    let trainer = try Trainer(resuming: RunFolder(existing: path), threads: 1) { settings throws(TrainError) in
      settings.learningRate = 1e-4
    }
    var measured: [String] = []
    _ = try trainer.run(
      &source,
      validate: { model in
        measured.append(model.name)
        return Validation(score: measured.count == 1 ? 0.9 : 0.1, values: [:])
      })
    #expect(measured == ["best.safetensors"] + (1...6).map { "step \($0)" })
    #expect(try Model(contentsOf: trainer.folder.best).metadata["provenance"]?.contains("step 1,") == true)
  }

  /// Where batch norms were folded away, as exporters to ONNX do, a reader gives them a variance that takes out the epsilon; the
  /// network must go on computing what it did.
  @Test(arguments: [Float(1), 0.99999]) func foldedBatchNormsAreMeasured(variance: Float) throws {
    let path = Self.folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    var source = NoiseSource()
    let trainer = try Trainer(Self.settings, folder: RunFolder(new: path), threads: 1)
    var tensors = trainer.model().file.tensors
    let norms = tensors.keys.filter { $0.hasSuffix(".running_var") }
    try #require(!norms.isEmpty)
    for name in norms {
      let count = tensors[name]?.values.count ?? 0
      tensors[name]?.values = [Float](repeating: variance, count: count)
    }
    _ = try trainer.start(from: tensors, source: &source, batches: 1)
    let found = trainer.model().file.tensors
    #expect(norms.allSatisfy { name in found[name]?.values.contains { abs($0 - 1) > 1e-3 } == true })
  }

  /// A score on other pictures is no measure of what comes.
  @Test(arguments: [("", "step 3,"), ("other.json", "step 6,")])
  func otherPicturesForValidationBeginAnew(validation: String, best: String) throws {
    let path = Self.folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    var source = NoiseSource()
    do {
      let trainer = try Trainer(Self.settings, folder: RunFolder(new: path), threads: 1)
      let easy = { (_: Model) in Validation(score: 0.9, values: [:]) }
      _ = try trainer.run(&source, validate: easy, shouldStop: { trainer.step == 4 })
    }
    let trainer = try Trainer(resuming: RunFolder(existing: path), threads: 1) { settings throws(TrainError) in
      settings.validation = validation
    }
    _ = try trainer.run(&source, validate: { _ in Validation(score: 0.1, values: [:]) })
    #expect(try Model(contentsOf: trainer.folder.best).metadata["provenance"]?.contains(best) == true)
  }

  /// Nothing that was not measured replaces what was.
  @Test(arguments: ["", "other.json"])
  func aMeasuredModelStaysWhereNothingIsMeasured(validation: String) throws {
    let path = Self.folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    var source = NoiseSource()
    let judge = { (_: Model) in Validation(score: 0.9, values: [:]) }
    let first = try Trainer(Self.settings, folder: RunFolder(new: path), threads: 1)
    _ = try first.run(&source, validate: judge, shouldStop: { first.step == 4 })
    withExtendedLifetime(first) {}
    for steps in [5, 6] {
      let trainer = try Trainer(resuming: RunFolder(elsewhere: path), threads: 1) { settings throws(TrainError) in
        settings.validation = validation
      }
      _ = try trainer.run(&source, shouldStop: { trainer.step == steps })
      #expect(try Model(contentsOf: trainer.folder.best).metadata["provenance"]?.contains("step 3,") == true)
    }
  }

  @Test func lossFallsAndTheBestModelRuns() throws {
    let path = Self.folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    struct OneBatch: BatchSource {
      mutating func read(_ number: Int, into batch: inout Batch) throws(TrainError) {
        var source = NoiseSource()
        try source.read(0, into: &batch)
      }
    }
    var settings = Self.settings
    (settings.steps, settings.accumulate, settings.learningRate, settings.average) = (40, 1, 3e-3, 0.5)
    settings.schedule = .constant
    let trainer = try Trainer(settings, folder: RunFolder(new: path), threads: 1)
    var source = OneBatch()
    var losses: [Double] = []
    var scores: [Double] = []
    _ = try trainer.run(
      &source,
      validate: { model in
        scores.append(scores.count == 1 ? 2 : 1)
        return Validation(score: scores[scores.count - 1], values: ["AP": 0.5])
      },
      report: { losses.append($0.loss) })
    #expect(losses[losses.count - 1] < 0.8 * losses[0])
    let model = try Model(contentsOf: trainer.folder.best)
    #expect(model.network == settings.network)
    #expect(model.metadata["validation.AP"] == "0.5")
    // The second of all validations was the best.
    #expect(model.metadata["provenance"]?.contains("step 6,") == true)
    #expect(scores.count == 14)
  }

  @Test func aLossThatIsNoNumberStopsTheRun() throws {
    let path = Self.folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    var source = NoiseSource(failing: 9)
    let trainer = try Trainer(Self.settings, folder: RunFolder(new: path), threads: 1)
    #expect {
      try trainer.run(&source)
    } throws: { error in
      "\(error)".contains("step 4") && "\(error)".contains("failed-batch.safetensors")
    }
    #expect(try Checkpoint(contentsOf: trainer.folder.checkpoint).step == 3)
    let batch = try WeightFile(contentsOf: trainer.folder.failedBatch)
    #expect(try #require(batch.tensors["images"]).values.contains { $0.isNaN })
  }

  @Test func aFailedSaveLeavesTheOldCheckpoint() throws {
    let path = Self.folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    var source = NoiseSource()
    let trainer = try Trainer(Self.settings, folder: RunFolder(new: path), threads: 1)
    _ = try trainer.run(&source, shouldStop: { trainer.step == 3 })
    // In the way of the next one.
    try FileManager.default.createDirectory(
      atPath: "\(trainer.folder.checkpoint).partial-\(getpid())", withIntermediateDirectories: false)
    #expect(throws: TrainError.self) { try trainer.run(&source) }
    #expect(try Checkpoint(contentsOf: trainer.folder.checkpoint).step == 3)
  }

  @Test func otherFilesAreNoCheckpoints() throws {
    let path = Self.folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect(throws: TrainError.self) { try RunFolder(existing: path) }
    var source = NoiseSource()
    func begin() throws -> (model: WeightFile, checkpoint: String) {
      let trainer = try Trainer(Self.settings, folder: RunFolder(new: path), threads: 1)
      _ = try trainer.run(&source, shouldStop: { true })
      return (trainer.model().file, trainer.folder.checkpoint)
    }
    let (model, checkpoint) = try begin()
    #expect(throws: TrainError.self) { try RunFolder(new: path) }

    let resume = { (change: (inout TrainSettings) -> Void) throws -> Trainer in
      try Trainer(resuming: RunFolder(existing: path), threads: 1) { settings throws(TrainError) in change(&settings) }
    }
    #expect(try resume { $0.steps = 8 }.settings.steps == 8)
    #expect { try resume { $0.channels = 32 } } throws: { "\($0)".contains("another network") }

    try model.write(to: checkpoint)
    #expect { try resume { _ in } } throws: { "\($0)".contains("not a checkpoint") }
    let file = URL(fileURLWithPath: checkpoint)
    try Data(contentsOf: file).prefix(1000).write(to: file)
    #expect { try resume { _ in } } throws: { "\($0)".contains("last.ckpt") }
  }

  /// Statistics that are put into batch norm leave what it computes as it was.
  @Test func measuredStatisticsChangeNothing() throws {
    let graph = Self.settings.network.graph
    let network = try TrainingNetwork(graph, count: 2, height: 32, width: 32)
    network.load(Initialisation.tensors(of: graph, seed: 3))
    var batch = Batch(empty: 2, height: 32, width: 32)
    var source = NoiseSource()
    try source.read(0, into: &batch)
    network.forward(batch.images, statistics: .running)
    let before = network.output(3)
    network.forward(batch.images, statistics: .measured)
    network.adoptMeasuredStatistics { _ in true }
    network.forward(batch.images, statistics: .running)
    let after = network.output(3)
    #expect(ReferenceStepTests.relativeError(after, before) < 1e-4)
    // And those of the batch they were measured on are the same.
    network.forward(batch.images, statistics: .batch)
    #expect(ReferenceStepTests.relativeError(network.output(3), before) < 1e-3)
    #expect(before.contains { $0 != 0 })
  }
}
