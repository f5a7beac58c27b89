import ArgumentParser
import Foundation
import Infer
import Train

/// Where a run begins, where it is kept and how long it lasts.
struct RunOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Folder of the new run.", valueName: "folder"), completion: .directory) var out: String?
  @Option(
    help: ArgumentHelp("Continue the run in this folder exactly where it stopped.", valueName: "folder"),
    completion: .directory)
  var resume: String?
  @Option(help: ArgumentHelp("Start the backbone from MobileNet weights.", valueName: "file"), completion: .file())
  var fromMobilenet: String?
  @Option(
    help: ArgumentHelp("Start from the weights of a model, with a fresh optimiser.", valueName: "file"),
    completion: .models)
  var weightsOnly: String?
  @Option(help: ArgumentHelp("Stop after this time; the run can be continued.", valueName: "8h|30m|90"))
  var timeLimit: TimeLimit?
  @Option(help: ArgumentHelp("Threads of the network (default: all cores).", valueName: "n")) var threads: Int?
  @Option(help: ArgumentHelp("Threads that read and change pictures.", valueName: "n")) var loaders = 1
  @Option(help: ArgumentHelp("Megabytes of decoded pictures to keep in memory.", valueName: "MB")) var cache = 1024
  @Flag(help: "Print lines where there would be a screen.") var plain = false
  @Flag(help: "Check everything, draw one batch into --out (or here), and stop.") var dryRun = false

  @Option(help: ArgumentHelp("Under mpirun, give up when the other processes are silent for so long.", valueName: "s"))
  var rankTimeout = 600

  var threadCount: Int {
    if let threads { return threads }
    let (usable, all) = (Processors.usable, Processors.all)
    return min(256, (try? Launch())?.processors(usable: usable, of: all) ?? usable)
  }

  func validate() throws {
    if let threads, !(1...256).contains(threads) { throw ValidationError("--threads takes 1 to 256, not \(threads).") }
    guard (1...86_400).contains(rankTimeout) else { throw ValidationError("--rank-timeout takes 1 to 86400 seconds.") }
    guard (1...64).contains(loaders) else { throw ValidationError("--loaders takes 1 to 64, not \(loaders).") }
    guard (0...1_000_000).contains(cache) else { throw ValidationError("--cache takes 0 to 1000000 MB.") }
    guard [fromMobilenet, weightsOnly, resume].compactMap({ $0 }).count <= 1 else {
      throw ValidationError("Only one of --from-mobilenet, --weights-only and --resume makes sense.")
    }
    if resume != nil && dryRun { throw ValidationError("--dry-run looks at a new run: leave out --resume.") }
    if resume != nil && out != nil { throw ValidationError("--resume continues in its own folder: leave out --out.") }
  }
}

extension RunOptions {
  func newFolder() throws -> String {
    guard let out else { throw ValidationError("Name a folder for the run with --out.") }
    return out
  }

  /// Refuses a new run without a folder, and settings that a run has already, before anything is read.
  func check(_ settings: TrainOptions) throws {
    if resume == nil, !dryRun { _ = try newFolder() }
    if resume != nil, settings.settings != nil {
      throw ValidationError(
        "--resume goes on with the run's own settings: change them with --set, not with --settings.")
    }
  }

  func folder(_ given: String, beside annotations: String) -> String {
    given.isEmpty ? URL(fileURLWithPath: annotations).deletingLastPathComponent().path : given
  }

  /// Opens the data that the settings name, tells what is wrong with them, and asks the teacher if there is one.
  func source(_ settings: TrainSettings, _ processes: any Communicator) throws -> any BatchSource {
    let (annotations, loader) = try processes.agree {
      guard !settings.data.isEmpty else { throw ValidationError("Name the annotations to train on with --data.") }
      let annotations = try KeypointAnnotations(contentsOf: settings.data)
      var options = BatchLoader.Options()
      (options.augmentation, options.seed) = (settings.augmentation, settings.seed)
      (options.threads, options.cacheLimit) = (loaders, cache << 20)
      options.share = try BatchShare(of: settings.batch, among: processes)
      let images = folder(settings.images, beside: settings.data)
      if !settings.unlabeled.isEmpty { options.unlabelled = try UnlabelledPictures(settings.unlabeled) }
      options.distillation = try distillation(settings)
      return (annotations, try BatchLoader(annotations, images: images, options: options))
    }
    for line in annotations.problems.lines + loader.problems.lines { print("\(settings.data): \(line)") }
    let contents = "\(loader.sampleCount) samples, \(loader.negativeCount) pictures without people"
    print("\(settings.data): \(contents)")
    let idle = settings.augmentation.needsPicturesWithoutPeople
    if loader.negativeCount == 0, !idle.isEmpty {
      print("\(settings.data): without pictures of nobody, \(idle.joined(separator: ", ")) do nothing")
    }
    try processes.compare(annotations.problems.lines + loader.problems.lines + [contents], what: settings.data)
    return try processes.agree {
      guard !settings.teacher.isEmpty else { return loader }
      return try DistilledSource(
        loader, teacher: Model(contentsOf: settings.teacher), share: settings.teacherShare, formula: settings.formula,
        size: settings.size, threads: threadCount)
    }
  }

  /// The teacher who said beforehand what is in the pictures, if there is one.
  private func distillation(_ settings: TrainSettings) throws -> Distillation? {
    let teacher: Distillation.Teacher
    if !settings.teacherCache.isEmpty {
      teacher = .cache(try TeacherCache(contentsOf: settings.teacherCache))
    } else if !settings.pseudoLabels.isEmpty {
      let labels = try PseudoLabels(contentsOf: settings.pseudoLabels)
      for line in labels.problems.lines { print("\(settings.pseudoLabels): \(line)") }
      teacher = .people(labels)
    } else {
      return nil
    }
    return Distillation(teacher, share: settings.teacherShare, formula: settings.formula)
  }

  /// How the run begins: where all processes must agree.
  fileprivate var beginning: [String] {
    ["resume": resume, "from-mobilenet": fromMobilenet, "weights-only": weightsOnly].compactMap { name, value in
      value.map { "--\(name) \($0)" }
    }.sorted()
  }

  /// Refuses weights to start from that lack too much.
  /// - Parameters:
  ///   - missing: names of the network's tensors that the file does not have.
  ///   - isBackbone: whether the file must hold the whole backbone.
  static func check(_ missing: [String], of graph: Graph, from path: String, isBackbone: Bool) throws(PosecamError) {
    if isBackbone, let first = missing.first(where: { $0.hasPrefix("model.") }) {
      throw PosecamError(
        "\(path): tensor '\(first)' is missing or has another shape; --backbone-width must be that of the file")
    }
    guard missing.count < graph.tensorShapes.count else {
      throw PosecamError("\(path): no tensor of it has the name and shape of one of the network's")
    }
  }

  /// Measures models on the pictures that the settings name for it.
  func validator(_ settings: TrainSettings) throws -> ((Model) throws -> Validation)? {
    guard !settings.validation.isEmpty else { return nil }
    let annotations = try validationLabels(settings)
    var evaluation = PoseEvaluator.Settings()
    (evaluation.height, evaluation.threads) = (settings.validationSize, threadCount)
    let evaluator = PoseEvaluator(evaluation)
    let images = folder(settings.validationImages, beside: settings.validation)
    return { model in
      let result = try evaluator.evaluate(model, on: annotations, images: images)
      var values = Dictionary(
        uniqueKeysWithValues: zip(CocoKeypointMetric.Summary.names, result.metric.summary.values))
      if result.emptyPictures > 0 {
        values["false_people"] = Double(result.falsePeople) / Double(result.emptyPictures)
      }
      return Validation(score: result.metric.summary.averagePrecision, values: values)
    }
  }
}

extension RunOptions {
  /// The labels for validation, if there are pictures for them; tells what is wrong with them.
  func validationLabels(_ settings: TrainSettings) throws -> KeypointAnnotations {
    let annotations = try KeypointAnnotations(contentsOf: settings.validation)
    let folder = folder(settings.validationImages, beside: settings.validation)
    let missing = annotations.absentPictures(in: folder)
    guard missing.count < annotations.pictures.count else {
      throw PosecamError("\(settings.validation): none of its pictures is in \(folder)")
    }
    for line in annotations.problems.lines { print("\(settings.validation): \(line)") }
    if let first = missing.first {
      print(
        "\(settings.validation): \(missing.count) × picture that is not there: \(first)\(missing.count > 1 ? ", …" : "")"
      )
    }
    return annotations
  }

  /// Pictures for validation as they are, to look at during the run; `nil` where there are none with people.
  func pictures(for trainer: Trainer) throws -> Batch? {
    let settings = trainer.settings
    guard !settings.validation.isEmpty else { return nil }
    var options = BatchLoader.Options()
    (options.augmentation.rotation, options.augmentation.shift, options.augmentation.mirror) = (0, 0, 0)
    (options.ahead, options.cacheLimit) = (1, 0)
    let loader = try? BatchLoader(
      KeypointAnnotations(contentsOf: settings.validation),
      images: folder(settings.validationImages, beside: settings.validation), options: options)
    guard let loader else { return nil }
    var batch = trainer.emptyBatch()
    try loader.read(0, into: &batch)
    return batch
  }
}

/// A training run as its user sees it: starting weights, a line per interval, an end that can be continued.
struct TrainingRun {
  let trainer: Trainer
  private var source: any BatchSource
  let options: RunOptions
  private let processes: any Communicator

  /// - Parameter adjust: what the command itself has to say of the settings.
  init(
    _ settings: TrainOptions, _ options: RunOptions, _ processes: any Communicator,
    adjust: @escaping (inout TrainSettings) throws(TrainError) -> Void = { _ throws(TrainError) in }
  ) throws {
    self.options = options
    self.processes = processes
    try processes.compare(options.beginning, what: "options differ")
    let change = settings.change
    if let path = options.resume {
      let folder = try processes.agree {
        processes.isFirst ? try RunFolder(existing: path) : RunFolder(elsewhere: path)
      }
      trainer = try Trainer(resuming: folder, threads: options.threadCount, processes: processes) {
        settings throws(TrainError) in
        try change(&settings)
        try adjust(&settings)
        try processes.compare(settings)
      }
      source = try options.source(trainer.settings, processes)
      let isDone = trainer.step >= trainer.settings.steps
      print(
        isDone
          ? "\(path): all of its \(trainer.step) steps are made; --steps with a larger number goes on"
          : "\(path): continued at step \(trainer.step)")
      return
    }
    let weights = try options.weightsOnly.map { try processes.weights(of: $0) }
    let (path, all) = try processes.agree {
      let path = try options.newFolder()
      var all = try settings.load(startingFrom: weights)
      try adjust(&all)
      try all.check()
      return (path, all)
    }
    try processes.compare(all)
    source = try options.source(all, processes)
    let folder = try processes.agree {
      processes.isFirst ? try RunFolder(new: path) : RunFolder(elsewhere: path)
    }
    trainer = try Trainer(all, folder: folder, threads: options.threadCount, processes: processes)
    try start()
  }

  private func weights(_ path: String) throws -> [String: Tensor] {
    let tensors = try processes.weights(of: path).model.tensors
    if let name = tensors.filter({ !$0.value.values.allSatisfy(\.isFinite) }).keys.min() {
      throw PosecamError("\(path): tensor '\(name)' holds a value that is not a number or infinite")
    }
    return tensors
  }

  private mutating func start() throws {
    if let path = options.fromMobilenet {
      let missing = try trainer.start(from: weights(path), source: &source)
      try processes.agree { try RunOptions.check(missing, of: trainer.network.graph, from: path, isBackbone: true) }
      trainer.provenance = "backbone from \(name(path))"
    } else if let path = options.weightsOnly {
      let missing = try trainer.start(from: weights(path), source: &source)
      try processes.agree { try RunOptions.check(missing, of: trainer.network.graph, from: path, isBackbone: false) }
      if let first = missing.first {
        print(
          "\(path): \(missing.count) of the network's \(trainer.network.graph.tensorShapes.count) tensors are not in it, "
            + "or of another shape, and start at random, '\(first)' first")
      }
      trainer.provenance = "started from \(name(path))"
    }
  }

  private func name(_ path: String) -> String { URL(fileURLWithPath: path).lastPathComponent }

  /// Runs to the end, to the time limit, or until the user interrupts it.
  mutating func run() throws {
    let (trainer, seconds) = (trainer, options.timeLimit?.seconds ?? .infinity)
    let validate = try processes.agree { try processes.isFirst ? options.validator(trainer.settings) : nil }
    let pictures = try processes.agree { try processes.isFirst ? options.pictures(for: trainer) : nil }
    // Where another process was lost, mpirun asks the rest to end and kills them soon after.
    let farewell =
      "told to stop, by the user or since a process was lost: continue with --resume \(trainer.folder.path)\n"
    let isSpeaking = processes.isFirst && processes.count > 1
    Interruption.onRequest { if isSpeaking { StandardError.write(farewell) } }
    // Under mpirun standard output is a pipe, or belongs to several processes.
    let hasScreen = processes.count == 1 && !options.plain && isatty(STDOUT_FILENO) != 0
    let screen = hasScreen ? try? makeScreen() : nil
    var last: TrainProgress?
    let known = source.problems.lines
    let result = Result {
      try trainer.run(
        &source, seconds: seconds,
        validate: validate.map { validate in
          { model in
            screen?.show(isValidating: true)
            defer { screen?.show(isValidating: false) }
            return try validate(model)
          }
        }, pictures: pictures,
        shouldStop: {
          screen?.show(step: trainer.step)
          return Interruption.isRequested || screen?.isStopRequested == true
        },
        report: { progress in
          last = progress
          if let screen { return screen.show(progress) }
          print(Self.line(progress))
          fflush(nil)
        })
    }
    if let screen {
      screen.close()
      if let last { print(Self.line(last)) }
    }
    // What turned up on the way.
    for line in source.problems.lines where !known.contains(line) { print("\(trainer.settings.data): \(line)") }
    guard try result.get() == .stopped else { return }
    let reason = Interruption.isRequested || screen?.isStopRequested == true ? "stopped" : "time is up"
    print("\(reason) at step \(trainer.step); continue with --resume \(trainer.folder.path)")
    if Interruption.isRequested { throw ExitCode(Interruption.exitCode) }
  }

  private func makeScreen() throws(PosecamError) -> TrainScreen {
    var view = TrainView()
    let settings = trainer.settings
    view.facts = [name(trainer.folder.path), "\(trainer.network.graph.parameterCount) parameters", name(settings.data)]
    (view.step, view.steps) = (trainer.step, settings.steps)
    view.curves = (try? RunLog(contentsOf: trainer.folder.path))?.curves ?? [:]
    return try TrainScreen(
      view, batch: settings.batch * settings.accumulate, outputs: trainer.network.graph.outputs.map(\.name))
  }

  static func line(_ progress: TrainProgress) -> String {
    var parts = [
      "step \(progress.step)/\(progress.steps)", String(format: "loss %.3f", progress.loss),
      String(format: "%.1f images/s", progress.imagesPerSecond), String(format: "rate %.2e", progress.learningRate),
    ]
    if progress.step < progress.steps { parts.append("\(ProgressLine.duration(progress.secondsLeft)) left") }
    for name in ["AP", "AR", "false_people"] {
      if let value = progress.validation?.values[name] { parts.append(String(format: "\(name) %.4f", value)) }
    }
    return parts.joined(separator: "  ")
  }
}
