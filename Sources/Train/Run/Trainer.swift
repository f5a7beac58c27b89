import CKernels
import Dispatch
import Foundation
import Infer

/// A training run: batches in, weights out, its state on disk.
///
/// The same settings, seed and batches give the same bits, also when the run was stopped and resumed in between. Several processes
/// make the steps of one, each on its share of the batches; the first of them validates, reports and writes.
public final class Trainer {
  public enum Ending: Sendable {
    case finished, stopped
  }

  public let settings: TrainSettings
  public let folder: RunFolder
  public let network: TrainingNetwork
  /// Steps made.
  public private(set) var step = 0
  /// Where the weights come from, for the model file.
  public var provenance = ""

  private let parallel: DataParallelism
  private let optimiser: Adam
  /// Moving averages of weights and running statistics; NULL where none are kept.
  private let averages: (weights: ParameterSet, statistics: ParameterSet)?
  private var losses: [Double] = []
  private var lossCount = 0
  /// The best score so far, and whether the best model's file is of one that was measured, be it on other pictures.
  private var best: Double?
  private var isBestMeasured = false
  private var events: EventFile?

  /// A new run with random weights.
  public convenience init(
    _ settings: TrainSettings, folder: RunFolder, threads: Int, level: CPULevel = .detected,
    processes: any Communicator = SingleProcess()
  ) throws(TrainError) {
    try self.init(settings: settings, folder: folder, threads: threads, level: level, processes: processes)
    start(from: Initialisation.tensors(of: network.graph, seed: settings.seed))
  }

  /// A run that goes on where its checkpoint was made.
  public convenience init(
    resuming folder: RunFolder, threads: Int, level: CPULevel = .detected,
    processes: any Communicator = SingleProcess(),
    changing change: (inout TrainSettings) throws(TrainError) -> Void = { _ throws(TrainError) in }
  ) throws(TrainError) {
    let checkpoint = try Checkpoint(processes.weights(of: folder.checkpoint), path: folder.checkpoint)
    var settings = checkpoint.settings
    try change(&settings)
    try self.init(settings: settings, folder: folder, threads: threads, level: level, processes: processes)
    try processes.agree(Result { () throws(TrainError) in try restore(checkpoint) })
    guard processes.isFirst else { return }
    let score = ModelFile.score(of: folder)
    isBestMeasured = best != nil || score != nil
    // How good it was on other pictures says nothing on these; and the best model may be newer than the checkpoint.
    if settings.anywhere.judges != checkpoint.settings.anywhere.judges || score != best { best = nil }
  }

  private init(
    settings: TrainSettings, folder: RunFolder, threads: Int, level: CPULevel, processes: any Communicator
  ) throws(TrainError) {
    let share = try processes.agree(
      Result { () throws(TrainError) in
        try settings.check()
        return try BatchShare(of: settings.batch, among: processes)
      })
    self.settings = settings
    self.folder = folder
    network = try TrainingNetwork(
      settings.network.graph, count: share.range.count, height: settings.size, width: settings.size, threads: threads,
      level: level, precision: settings.precision)
    parallel = DataParallelism(network, share, among: processes, synchronises: settings.syncBatchNorm)
    optimiser = try Adam(
      Adam.Kind(rawValue: settings.optimiser) ?? .adam, weightDecay: Float(settings.weightDecay),
      groups: settings.groups, parameters: network.parameters, gradients: network.gradients)
    func copy(_ set: ParameterSet) throws(TrainError) -> ParameterSet {
      try ParameterSet(set.entries.map { ($0.name, $0.shape) })
    }
    averages = settings.average > 0 ? (try copy(network.parameters), try copy(network.statistics)) : nil
  }

  // MARK: - Starting weights

  /// Takes every tensor that fits by name and shape.
  /// - Returns: the names of those that stay as they were.
  @discardableResult
  public func start(from tensors: [String: Tensor]) -> [String] {
    let missing = network.load(tensors)
    averages?.weights.values.update(from: network.parameters.values, count: network.parameters.count)
    averages?.statistics.values.update(from: network.statistics.values, count: network.statistics.count)
    return missing
  }

  /// Takes every tensor that fits by name and shape; where batch norm was folded away (mean 0, variance 1, or less by the
  /// epsilon), finds the statistics over some batches and writes them into batch norm so that the layers compute what they did.
  /// - Returns: the names of those that stay as they were.
  public func start(
    from tensors: [String: Tensor], source: inout some BatchSource, batches: Int = 8
  ) throws(TrainError) -> [String] {
    let missing = start(from: tensors)
    func isFolded(_ name: String) -> Bool {
      guard let mean = tensors["\(name).running_mean"], let variance = tensors["\(name).running_var"] else {
        return false
      }
      return mean.values.allSatisfy { $0 == 0 } && variance.values.allSatisfy { abs($0 - 1) <= 1e-4 }
    }
    guard tensors.keys.contains(where: { $0.hasSuffix(".running_var") && isFolded(String($0.dropLast(12))) }) else {
      return missing
    }
    var batch = emptyBatch()
    for number in 0..<batches {
      try source.read(number, into: &batch)
      network.forward(batch.images, statistics: .measured)
    }
    network.adoptMeasuredStatistics(where: isFolded)
    start(from: network.tensors)
    return missing
  }

  // MARK: - Running

  /// Trains until all steps are made, the time is up or `shouldStop` says so; saves a checkpoint at the end.
  /// - Parameters:
  ///   - seconds: after which it stops.
  ///   - validate: measures a model, every `validateEvery` steps.
  ///   - pictures: a batch whose pictures the event file shows with what the network says of them; without it, the batch at hand.
  ///   - report: called once per interval of the log.
  public func run(
    _ source: inout some BatchSource, seconds: Double = .infinity,
    validate: ((Model) throws -> Validation)? = nil, pictures: Batch? = nil, shouldStop: () -> Bool = { false },
    report: (TrainProgress) -> Void = { _ in }
  ) throws(TrainError) -> Ending {
    try parallel.shareWeights()
    var batch = emptyBatch()
    let isFirst = parallel.processes.isFirst
    // From the first step on there is a good state to come back to.
    // The others wait for the first: it may have to measure.
    try parallel.processes.agree(
      Result { () throws(TrainError) in
        guard isFirst else { return }
        if step == 0 { try save() }
        try folder.truncateLog(after: step)
        try folder.write(settings.anywhere.yaml, to: folder.settings)
        if isBestMeasured, best == nil { best = try measureBest(validate) }
      })
    if isFirst { events = EventFile(folder: folder.path, step: step) }
    let start = Self.now()
    var (lineStart, lineStep) = (start, step)
    while step < settings.steps {
      try makeStep(&source, &batch)
      // Without what validation takes.
      let worked = Self.now() - lineStart
      func isDue(every steps: Int) -> Bool { isFirst && (step % steps == 0 || step == settings.steps) }
      let validation: Validation?
      do throws(TrainError) {
        validation = try isDue(every: settings.validateEvery) ? self.validate(validate) : nil
      } catch {
        // What was trained is not lost with it.
        try save()
        throw error
      }
      if isDue(every: settings.logEvery) || validation != nil {
        let progress = makeProgress(
          imagesPerSecond: Double((step - lineStep) * settings.batch * settings.accumulate) / max(worked, 1e-9),
          secondsLeft: Double(settings.steps - step) * worked / Double(step - lineStep), validation: validation)
        try log(progress, seconds: Self.now() - start)
        report(progress)
        (losses, lossCount) = ([], 0)
        (lineStart, lineStep) = (Self.now(), step)
      }
      if settings.recordEvery > 0, isDue(every: settings.recordEvery) { try record(pictures ?? batch) }
      let isStopping = try parallel.processes.any(shouldStop() || Self.now() - start >= seconds)
      if step % settings.saveEvery == 0 || step == settings.steps || isStopping {
        try parallel.checkWeights()
        if isFirst { try save() }
        // Until one was measured, the last one is the best there is.
        if isFirst && !isBestMeasured { try model().write(to: folder) }
      }
      if isStopping && step < settings.steps { return .stopped }
    }
    return .finished
  }

  private static func now() -> Double { Double(DispatchTime.now().uptimeNanoseconds) / 1e9 }

  package func emptyBatch() -> Batch {
    Batch(empty: network.count, height: settings.size, width: settings.size)
  }

  private var learningRate: Double {
    settings.learningRate
      * settings.schedule.factor(step: step, steps: settings.steps, warmUp: settings.warmUp)
  }

  package func makeStep(_ source: inout some BatchSource, _ batch: inout Batch) throws(TrainError) {
    network.clearGradients()
    for part in 0..<settings.accumulate {
      try source.read(step * settings.accumulate + part, into: &batch)
      network.forward(batch.images, statistics: .batch)
      let factor = Float(parallel.share.weight / Double(settings.accumulate))
      let parts = try parallel.losses(network.loss(batch, factor: factor))
      guard parts.allSatisfy(\.isFinite) else { throw try failure("the loss", batch) }
      if losses.isEmpty { losses = [Double](repeating: 0, count: parts.count) }
      for (index, value) in parts.enumerated() { losses[index] += value / Double(settings.accumulate) }
      parallel.backward(isLast: part == settings.accumulate - 1)
    }
    try parallel.finish()
    lossCount += 1
    let norm = ck_sum_of_squares(network.gradients.values, network.gradients.count).squareRoot()
    guard norm.isFinite else { throw try failure("the gradient", batch) }
    let factor = settings.clip > 0 && norm > settings.clip ? settings.clip / norm : 1
    optimiser.step(rate: learningRate, factor: Float(factor))
    step += 1
    guard let averages else { return }
    // At the start the average is short, so that the first weights are soon forgotten.
    let share = Float(1 - min(settings.average, Double(1 + step) / Double(10 + step)))
    ck_move_towards(network.parameters.count, network.parameters.values, share, averages.weights.values)
    ck_move_towards(network.statistics.count, network.statistics.values, share, averages.statistics.values)
  }

  private func failure(_ what: String, _ batch: Batch) throws(TrainError) -> TrainError {
    let batch = try parallel.culprit(batch)
    let (count, height, width) = (batch.count, batch.height, batch.width)
    let file = WeightFile(
      tensors: [
        "images": Tensor(shape: [count, 3, height, width], values: batch.images),
        "heatmaps": Tensor(shape: [count, 19, height / 8, width / 8], values: batch.heatmaps),
        "pafs": Tensor(shape: [count, 38, height / 8, width / 8], values: batch.fields),
        "mask": Tensor(shape: [count, 1, height / 8, width / 8], values: batch.mask),
      ], metadata: ["step": "\(step)"])
    if parallel.processes.isFirst {
      do { try file.write(to: folder.failedBatch) } catch { throw TrainError(error.description) }
    }
    return TrainError(
      "step \(step): \(what) is not a number any more. The batch is in \(folder.failedBatch), the last good state in "
        + "\(folder.checkpoint): resume with a lower learning_rate or with clip", isShared: true)
  }

  // MARK: - Reporting and validation

  private func makeProgress(
    imagesPerSecond: Double, secondsLeft: Double, validation: Validation?
  ) -> TrainProgress {
    let means = losses.map { $0 / Double(max(1, lossCount)) }
    return TrainProgress(
      step: step, steps: settings.steps, loss: means.reduce(0, +), losses: means, learningRate: learningRate,
      imagesPerSecond: imagesPerSecond, secondsLeft: secondsLeft, validation: validation)
  }

  private func log(_ progress: TrainProgress, seconds: Double) throws(TrainError) {
    var entry: [String: Any] = [
      "step": progress.step, "loss": progress.loss, "learning_rate": progress.learningRate,
      "images_per_second": progress.imagesPerSecond, "seconds": seconds,
    ]
    for (output, loss) in zip(network.graph.outputs, progress.losses) { entry[output.name] = loss }
    if let validation = progress.validation { entry["validation"] = validation.values }
    try folder.append(entry)

    guard let events else { return }
    func add(_ number: Double, _ tag: String) { events.add(number, tag: tag, step: step) }
    add(progress.loss, "loss/all")
    for (output, loss) in zip(network.graph.outputs, progress.losses) { add(loss, "loss/\(output.name)") }
    add(progress.learningRate, "learning_rate")
    add(progress.imagesPerSecond, "images_per_second")
    for (name, value) in (progress.validation?.values ?? [:]).sorted(by: { $0.key < $1.key }) {
      add(value, "validation/\(name)")
    }
    try events.flush()
  }

  /// Adds histograms of weights and of the last step's gradients, and a few pictures with their maps, to the event file.
  private func record(_ batch: Batch) throws(TrainError) {
    guard let events else { return }
    for (kind, set) in [("weights", network.parameters), ("gradients", network.gradients)] {
      for entry in set.entries {
        let values = UnsafeBufferPointer(start: set.values + entry.range.lowerBound, count: entry.range.count)
        events.add(Histogram(values), tag: "\(kind)/\(entry.name)", step: step)
      }
    }
    network.forward(batch.images, statistics: .running)
    var answer = batch
    let outputs = network.graph.outputs.count
    (answer.heatmaps, answer.fields) = (network.output(outputs - 2), network.output(outputs - 1))
    try events.add(batch.picture(rows: 4), tag: "pictures/targets", step: step)
    try events.add(answer.picture(rows: 4), tag: "pictures/network", step: step)
    try events.flush()
  }

  private func validate(_ validate: ((Model) throws -> Validation)?) throws(TrainError) -> Validation? {
    guard let validate else { return nil }
    let candidate = model()
    let result: Validation
    do {
      result = try validate(Model(candidate.file, name: "step \(step)"))
    } catch {
      throw TrainError("validation at step \(step): \(error)")
    }
    // Of equal ones the later, which has learnt more.
    if result.score >= best ?? -.infinity {
      best = result.score
      try candidate.write(to: folder, validation: result)
      isBestMeasured = true
    }
    return result
  }

  /// How good the best model of other pictures is on these; `nil` where it is not there any more.
  private func measureBest(_ validate: ((Model) throws -> Validation)?) throws(TrainError) -> Double? {
    guard let validate, let model = try? Model(contentsOf: folder.best) else { return nil }
    do {
      return try validate(model).score
    } catch {
      throw TrainError("validation of \(folder.best): \(error)")
    }
  }

  // MARK: - On disk

  private func save() throws(TrainError) {
    var checkpoint = Checkpoint()
    checkpoint.step = step
    checkpoint.settings = settings.anywhere
    (checkpoint.losses, checkpoint.lossCount, checkpoint.best) = (losses, lossCount, best)
    checkpoint.provenance = provenance
    checkpoint.tensors = [
      "weights": network.parameters.tensors, "statistics": network.statistics.tensors, "mean": optimiser.means.tensors,
      "square": optimiser.squares.tensors,
    ]
    if let averages {
      checkpoint.tensors["average"] = averages.weights.tensors.merging(averages.statistics.tensors) { first, _ in first
      }
    }
    try checkpoint.write(to: folder.checkpoint)
  }

  private func restore(_ checkpoint: Checkpoint) throws(TrainError) {
    let path = folder.checkpoint
    guard checkpoint.losses.isEmpty || checkpoint.losses.count == network.graph.outputs.count else {
      throw TrainError("\(path): a checkpoint of a network with \(checkpoint.losses.count) outputs")
    }
    step = checkpoint.step
    optimiser.steps = step
    (losses, lossCount, best) = (checkpoint.losses, checkpoint.lossCount, checkpoint.best)
    provenance = checkpoint.provenance
    try checkpoint.restore("weights", into: network.parameters, path: path)
    try checkpoint.restore("statistics", into: network.statistics, path: path)
    try checkpoint.restore("mean", into: optimiser.means, path: path)
    try checkpoint.restore("square", into: optimiser.squares, path: path)
    if let averages {
      // A run that had no average begins one.
      let kind = checkpoint.tensors["average"] == nil ? "weights" : "average"
      try checkpoint.restore(kind, into: averages.weights, path: path)
      try checkpoint.restore(kind == "average" ? kind : "statistics", into: averages.statistics, path: path)
    }
  }

  private func name(_ path: String) -> String { URL(fileURLWithPath: path).lastPathComponent }

  /// The weights as a model file: the moving average where one is kept.
  func model() -> ModelFile {
    let weights = averages?.weights ?? network.parameters
    let statistics = averages?.statistics ?? network.statistics
    return ModelFile(
      network: settings.network, tensors: weights.tensors.merging(statistics.tensors) { first, _ in first },
      provenance: ([provenance, "trained by posecam on \(name(settings.data))"]
        + [settings.teacher, settings.teacherCache, settings.pseudoLabels].filter { !$0.isEmpty }
        .map { "distilled from \(name($0))" }
        + ["step \(step)", "batches of \(settings.batch * settings.accumulate)"])
        .filter { !$0.isEmpty }.joined(separator: ", "))
  }
}
