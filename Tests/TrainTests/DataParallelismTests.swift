import Foundation
import Infer
import TestSupport
import Testing

@testable import Train

/// A process's part of batches of random pictures.
private struct NoisePart: BatchSource {
  let share: BatchShare
  var failing: Int?

  mutating func read(_ number: Int, into batch: inout Batch) throws(TrainError) {
    var whole = Batch(empty: share.total, height: batch.height, width: batch.width)
    var source = NoiseSource(failing: failing)
    try source.read(number, into: &whole)
    func part(_ values: [Float]) -> [Float] { Array(values[share.part(of: values.count)]) }
    batch.images = part(whole.images)
    batch.heatmaps = part(whole.heatmaps)
    batch.fields = part(whole.fields)
    batch.mask = part(whole.mask)
  }
}

extension BatchShare {
  /// Where a process's pictures lie among the values of all.
  fileprivate func part(of count: Int) -> Range<Int> {
    range.lowerBound * count / total..<range.upperBound * count / total
  }
}

/// What the processes of a test leave behind, by rank.
private final class Results<Value>: @unchecked Sendable {
  private let lock = NSLock()
  private var values: [Int: Value] = [:]
  subscript(rank: Int) -> Value? {
    get { lock.withLock { values[rank] } }
    set { lock.withLock { values[rank] = newValue } }
  }
}

@Suite struct DataParallelismTests {
  /// Losses, gradients and running statistics of each operation: those of one process with the whole batch.
  @Test(arguments: GradientCase.all, [2, 3])
  func processesTogetherDoWhatOneDoes(_ test: GradientCase, count: Int) throws {
    let (height, width) = test.size
    var noise = Noise(4)
    let total = 3
    let images = noise.floats(total * test.inputs * height * width)
    @Sendable func step(_ share: BatchShare, _ processes: any Communicator) throws -> (Double, [String: Tensor]) {
      let network = try TrainingNetwork(test.graph, count: share.range.count, height: height, width: width)
      network.load(Initialisation.tensors(of: test.graph, seed: 2))
      let parallel = DataParallelism(network, share, among: processes, synchronises: true)
      var noise = Noise(5)
      let cells = network.outputShape
      let target = noise.floats(total * cells.channels * cells.pixels)
      let mask = noise.floats(total * cells.pixels).map(abs)
      network.forward(Array(images[share.part(of: images.count)]), statistics: .batch)
      let loss = try parallel.losses([
        network.loss(
          ofOutput: 0, target: Array(target[share.part(of: target.count)]),
          mask: Array(mask[share.part(of: mask.count)]), factor: Float(share.weight))
      ])
      parallel.backward(isLast: true)
      try parallel.finish()
      return (loss[0], network.gradientTensors.merging(network.statistics.tensors) { first, _ in first })
    }
    let whole = try step(BatchShare(of: total, rank: 0, count: 1), SingleProcess())
    let results = Results<(Double, [String: Tensor])>()
    try ThreadCommunicator.run(count) { processes in
      results[processes.rank] = try step(BatchShare(of: total, among: processes), processes)
    }
    for rank in 0..<count {
      let ours = try #require(results[rank])
      #expect(abs(ours.0 / whole.0 - 1) < 1e-6)
      for (name, tensor) in whole.1 {
        // Biases before batch norm have no effect: their gradients are rounding errors.
        guard tensor.values.contains(where: { abs($0) > 1e-3 }) else { continue }
        let values = try #require(ours.1[name]).values
        #expect(ReferenceStepTests.relativeError(values, tensor.values) < 1e-5, "\(name)")
        #expect(values == results[0]?.1[name]?.values, "\(name)")
      }
    }
  }

  private static let settings: TrainSettings = {
    var settings = TrainSettings()
    (settings.backboneWidth, settings.channels, settings.headChannels) = (0.125, 16, 16)
    (settings.batch, settings.size, settings.accumulate, settings.steps) = (5, 64, 2, 6)
    (settings.logEvery, settings.saveEvery, settings.validateEvery) = (1, 3, 3)
    (settings.learningRate, settings.schedule) = (1e-5, .constant)
    return settings
  }()

  private static func folder() -> String {
    FileManager.default.temporaryDirectory.appendingPathComponent("posecam-run-\(UUID().uuidString)").path
  }

  /// Makes steps up to `steps` in a folder, as the next of several processes or alone.
  private static func train(
    _ path: String, _ processes: any Communicator, settings: TrainSettings = settings, failing: Int? = nil,
    validate: ((Model) throws -> Validation)? = nil
  ) throws -> Trainer {
    let isNew = try processes.agree {
      processes.isFirst && !FileManager.default.fileExists(atPath: "\(path)/last.ckpt")
    }
    let folder =
      try processes.isFirst ? (isNew ? RunFolder(new: path) : RunFolder(existing: path)) : RunFolder(elsewhere: path)
    let isResumed = try processes.sums([processes.isFirst && !isNew ? 1 : 0])[0] > 0
    let trainer =
      try isResumed
      ? Trainer(resuming: folder, threads: 1, processes: processes) { $0.steps = settings.steps }
      : Trainer(settings, folder: folder, threads: 1, processes: processes)
    var source = NoisePart(share: try BatchShare(of: settings.batch, among: processes), failing: failing)
    _ = try trainer.run(&source, validate: validate)
    return trainer
  }

  private static func losses(_ path: String) throws -> [Double] {
    try String(contentsOfFile: "\(path)/log.jsonl", encoding: .utf8).split(separator: "\n").map { line in
      let entry = try #require(JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
      return try #require(entry["loss"] as? Double)
    }
  }

  /// Uneven shares, accumulated batches, and a run that other numbers of processes go on with.
  @Test func curvesAreEqualAndRunsMoveBetweenNumbersOfProcesses() throws {
    let (whole, parts) = (Self.folder(), Self.folder())
    defer { for path in [whole, parts] { try? FileManager.default.removeItem(atPath: path) } }
    _ = try Self.train(whole, SingleProcess())
    let reference = try Self.losses(whole)
    #expect(reference.count == 6)
    for (steps, count) in [(2, 2), (4, 1), (6, 4)] {
      var settings = Self.settings
      settings.steps = steps
      let weights = Results<[String: Tensor]>()
      if count == 1 {
        _ = try Self.train(parts, SingleProcess(), settings: settings)
        continue
      }
      let final = settings
      try ThreadCommunicator.run(count) { processes in
        let network = try Self.train(parts, processes, settings: final).network
        weights[processes.rank] = network.tensors
        // Accumulated gradients travel once a step.
        #expect(processes.sizes.reduce(0, +) == 2 * network.gradients.count)
      }
      for rank in 1..<count { #expect(weights[rank] == weights[0]) }
    }
    for (ours, theirs) in zip(try Self.losses(parts), reference) { #expect(abs(ours / theirs - 1) < 1e-4) }
    #expect(try Self.losses(parts).count == 6)
    #expect(try Checkpoint(contentsOf: "\(parts)/last.ckpt").step == 6)
  }

  /// Everyone by their own statistics: another curve, but the same weights and running statistics everywhere.
  @Test func withoutSynchronisedBatchNormProcessesStayEqual() throws {
    let (whole, parts) = (Self.folder(), Self.folder())
    defer { for path in [whole, parts] { try? FileManager.default.removeItem(atPath: path) } }
    _ = try Self.train(whole, SingleProcess())
    let weights = Results<[String: Tensor]>()
    try ThreadCommunicator.run(2) { processes in
      var settings = Self.settings
      settings.syncBatchNorm = false
      weights[processes.rank] = try Self.train(parts, processes, settings: settings).network.tensors
    }
    #expect(weights[0] == weights[1])
    let (ours, theirs) = (try Self.losses(parts), try Self.losses(whole))
    #expect(abs(ours[0] / theirs[0] - 1) > 1e-3)
    #expect(abs(ours[0] / theirs[0] - 1) < 0.2)
  }

  @Test func onlyTheFirstProcessValidatesAndWrites() throws {
    let path = Self.folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let validations = Results<Int>()
    try ThreadCommunicator.run(2) { processes in
      _ = try Self.train(path, processes) { _ in
        validations[processes.rank] = (validations[processes.rank] ?? 0) + 1
        return Validation(score: 1, values: ["AP": 1])
      }
    }
    #expect(validations[0] == 2 && validations[1] == nil)
    #expect(try Self.losses(path).count == 6)
    let files = try FileManager.default.contentsOfDirectory(atPath: path).sorted()
    #expect(files.filter { $0.hasPrefix("events.") }.count == 1)
    #expect(
      files.filter { !$0.hasPrefix("events.") } == ["best.safetensors", "last.ckpt", "log.jsonl", "settings.yaml"])
  }

  /// The part of the batch that is to blame is kept, whoever had it.
  @Test func aLossThatIsNoNumberStopsAllProcesses() throws {
    let path = Self.folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    let failures = Results<TrainError>()
    try ThreadCommunicator.run(2) { processes in
      do {
        // Its first picture, which is the first process's.
        _ = try Self.train(path, processes, failing: 9)
      } catch let error as TrainError {
        failures[processes.rank] = error
      }
    }
    for rank in 0..<2 {
      let failure = try #require(failures[rank])
      #expect(failure.isShared && failure.description.contains("step 4"), "\(failure)")
    }
    #expect(try Checkpoint(contentsOf: "\(path)/last.ckpt").step == 3)
    let batch = try WeightFile(contentsOf: "\(path)/failed-batch.safetensors")
    #expect(try #require(batch.tensors["images"]).shape == [2, 3, 64, 64])
    #expect(try #require(batch.tensors["images"]).values[3].isNaN)
  }

  /// The others wait while the first one measures the best model on other pictures, and hear of it where that fails.
  @Test func aBestModelThatCannotBeMeasuredStopsAllProcesses() throws {
    let path = Self.folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    var settings = Self.settings
    settings.steps = 3
    _ = try Self.train(path, SingleProcess(), settings: settings) { _ in Validation(score: 1, values: [:]) }
    let failures = Results<TrainError>()
    #expect(throws: TrainError.self) {
      try ThreadCommunicator.run(2) { processes in
        let folder = try processes.isFirst ? RunFolder(existing: path) : RunFolder(elsewhere: path)
        let trainer = try Trainer(resuming: folder, threads: 1, processes: processes) { settings throws(TrainError) in
          settings.steps = 6
          settings.validation = "other.json"
        }
        var source = NoisePart(share: try BatchShare(of: 5, among: processes))
        do {
          _ = try trainer.run(&source, validate: { _ in throw TrainError("cannot") })
        } catch let error as TrainError {
          failures[processes.rank] = error
          throw error
        }
      }
    }
    for rank in 0..<2 {
      let failure = try #require(failures[rank])
      #expect(failure.isShared && failure.description.hasSuffix("best.safetensors: cannot"), "\(failure)")
    }
  }

  /// What only one process runs into ends the others too, and leaves the last checkpoint.
  @Test func aLostProcessEndsTheOthers() throws {
    let path = Self.folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    struct Broken: BatchSource {
      var base: NoisePart
      let isBroken: Bool
      mutating func read(_ number: Int, into batch: inout Batch) throws(TrainError) {
        if isBroken && number == 8 { throw TrainError("no picture can be read") }
        try base.read(number, into: &batch)
      }
    }
    let failures = Results<TrainError>()
    #expect(throws: TrainError.self) {
      try ThreadCommunicator.run(3) { processes in
        let folder = try processes.isFirst ? RunFolder(new: path) : RunFolder(elsewhere: path)
        let trainer = try Trainer(Self.settings, folder: folder, threads: 1, processes: processes)
        let share = try BatchShare(of: 5, among: processes)
        var source = Broken(base: NoisePart(share: share), isBroken: processes.rank == 1)
        do {
          _ = try trainer.run(&source)
        } catch let error as TrainError {
          failures[processes.rank] = error
          throw error
        }
      }
    }
    for rank in 0..<3 {
      #expect(
        failures[rank]?.description == (rank == 1 ? "no picture can be read" : "lost the other processes"))
      #expect(failures[rank]?.isShared == false)
    }
    #expect(try Checkpoint(contentsOf: "\(path)/last.ckpt").step == 3)
  }

  @Test func weightsThatDifferAreNoticed() throws {
    let path = Self.folder()
    defer { try? FileManager.default.removeItem(atPath: path) }
    #expect {
      try ThreadCommunicator.run(3) { processes in
        let folder = try processes.isFirst ? RunFolder(new: path) : RunFolder(elsewhere: path)
        let trainer = try Trainer(Self.settings, folder: folder, threads: 1, processes: processes)
        var source = NoisePart(share: try BatchShare(of: 5, among: processes))
        _ = try trainer.run(
          &source,
          shouldStop: {
            if processes.rank == 2 && trainer.step == 3 { trainer.network.parameters.values[7] += 1e-3 }
            return false
          })
      }
    } throws: {
      "\($0)".contains("rank 2 has come to other weights")
    }
    #expect(try Checkpoint(contentsOf: "\(path)/last.ckpt").step == 0)
  }

  @Test func bucketsHoldEveryGradientOnce() throws {
    let network = try TrainingNetwork(LightweightOpenPose().graph, count: 1, height: 32, width: 32)
    for size in [1, 1 << 16, 1 << 18, 1 << 30] {
      var buckets = GradientBuckets(network.gradients.entries, size: size)
      for _ in 0..<2 {
        buckets.reset()
        var sent: [Range<Int>] = []
        network.backward { if let range = buckets.complete($0) { sent.append(range) } }
        #expect(sent.count == buckets.ranges.count)
        let sorted = sent.sorted { $0.lowerBound < $1.lowerBound }
        #expect(sorted.first?.lowerBound == 0 && sorted.last?.upperBound == network.gradients.count)
        #expect(zip(sorted, sorted.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound })
        // The first layers' come last, all but one of them while there is still something to compute.
        #expect(sent.last?.lowerBound == 0)
      }
      #expect(buckets.ranges.dropLast().allSatisfy { $0.count >= size })
    }
  }
}

extension TrainingNetwork {
  /// Of the first output.
  fileprivate var outputShape: (channels: Int, pixels: Int) {
    let value = graph.outputs[0].value
    let size = graph.size(ofNode: value.node, height: height, width: width)
    return (graph.nodes[value.node].channels, size.height * size.width)
  }
}
