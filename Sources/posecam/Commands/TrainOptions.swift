import ArgumentParser
import Foundation
import Infer
import Train
import Video

/// What a training run is asked for on the command line; each flag wins over the settings file.
struct TrainOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Annotation file (COCO person_keypoints).", valueName: "file"), completion: .json)
  var data: String?
  @Option(
    help: ArgumentHelp("Folder of the pictures; that of the annotation file if absent.", valueName: "folder"),
    completion: .directory)
  var images: String?
  @Option(help: ArgumentHelp("Annotation file of the pictures for validation.", valueName: "file"), completion: .json)
  var validation: String?
  @Option(help: ArgumentHelp("Folder of the pictures for validation.", valueName: "folder"), completion: .directory)
  var validationImages: String?
  @Option(
    help: ArgumentHelp(
      "Height of the network's input in validation (default: \(usual.validationSize)).", valueName: "pixels"))
  var validationSize: Int?

  @Option(
    help: ArgumentHelp("Settings file (YAML or TOML), such as another run's settings.yaml.", valueName: "file"),
    completion: .file(extensions: ["yaml", "yml", "toml"]))
  var settings: String?
  @Option(
    help: ArgumentHelp(
      "Change any setting of that file, such as augmentation.rotation=20; may be repeated.", valueName: "name=value"))
  var set: [String] = []

  @Option(help: "Factor on the channels of the backbone (default: \(usual.backboneWidth)).") var backboneWidth: Double?
  @Option(help: "Channels of the stages (default: \(usual.channels)).") var channels: Int?
  @Option(help: "Channels inside the heads of the initial stage (default: \(usual.headChannels)).") var headChannels:
    Int?
  @Option(help: "Refinement stages (default: \(usual.refinementStages)).") var refinementStages: Int?

  @Option(help: "Pictures of a batch (default: \(usual.batch)).") var batch: Int?
  @Option(help: ArgumentHelp("Side of the network's input (default: \(usual.size)).", valueName: "pixels")) var size:
    Int?
  @Option(help: "Batches whose gradients are averaged into one step (default: \(usual.accumulate)).") var accumulate:
    Int?
  @Flag(
    inversion: .prefixedNo,
    help: "Under mpirun, take batch norm's statistics over the pictures of all processes (default: yes).")
  var syncBatchNorm: Bool?
  @Option(help: "Seed of all that is random (default: \(usual.seed)).") var seed: UInt64?
  @Option(
    help:
      "What is multiplied: f32, or bf16 (needs AVX512-BF16), which is faster (default: \(usual.precision.rawValue)).")
  var precision: TrainingPrecision?
  @Option(help: "adam (weight decay in the gradient) or adamw (apart from it) (default: \(usual.optimiser)).")
  var optimiser: String?
  @Option(help: "Learning rates of the parts (default: \(usual.groups.rawValue)).")
  var groups: ParameterGroups?
  @Option(help: "Base learning rate (default: \(usual.learningRate)).") var learningRate: Double?
  @Option(help: "Weight decay of dense convolutions (default: \(usual.weightDecay)).") var weightDecay: Double?
  @Option(help: "Learning rate over time (default: \(usual.schedule.rawValue)).")
  var schedule: LearningRateSchedule?
  @Option(help: "Steps of the whole run (default: \(usual.steps)).") var steps: Int?
  @Option(help: "Steps of linear growth of the learning rate at the start (default: \(usual.warmUp)).") var warmUp: Int?
  @Option(help: "Largest norm of all gradients together; 0 for no limit (default: \(usual.clip)).") var clip: Double?
  @Option(
    help: "Share of the moving average of weights that stays at every step; 0 for none (default: \(usual.average)).")
  var average: Double?
  @Option(help: "Steps between lines of the log (default: \(usual.logEvery)).") var logEvery: Int?
  @Option(help: "Steps between checkpoints (default: \(usual.saveEvery)).") var saveEvery: Int?
  @Option(help: "Steps between validations (default: \(usual.validateEvery)).") var validateEvery: Int?
  @Option(help: "Steps between pictures and histograms for TensorBoard; 0 for none (default: \(usual.recordEvery)).")
  var recordEvery: Int?

  /// What counts where neither a flag nor a settings file says anything.
  private static let usual = TrainSettings()

  func validate() throws {
    var flags = TrainSettings()
    // How many steps there are, a settings file may say.
    flags.steps = 1_000_000_000
    apply(to: &flags)
    guard let wrong = flags.wrong else { return }
    throw ValidationError("--\(wrong.setting.replacing("_", with: "-")) takes \(wrong.takes).")
  }

  /// The settings file's or the defaults, with the flags applied.
  /// - Parameter weights: of a model to start from, which brings its network where nothing says what that shall be.
  func load(startingFrom weights: WeightFile?) throws(TrainError) -> TrainSettings {
    var all: TrainSettings
    if let settings {
      all = try TrainSettings(contentsOf: settings, changes: set)
    } else {
      all = try TrainSettings(yaml: "", changes: set, name: "--set")
    }
    let isNamed =
      try TrainSettings.nameNetwork(contentsOf: settings, changes: set) || backboneWidth != nil || channels != nil
      || headChannels != nil || refinementStages != nil
    // What is wrong with the file is told where it is needed.
    if let weights, !isNamed, let model = try? Model(weights, name: "weights") { all.network = model.network }
    apply(to: &all)
    return all
  }

  /// Puts every flag that was given in its place in the settings of a run that is continued.
  func change(_ all: inout TrainSettings) throws(TrainError) {
    all = try TrainSettings(yaml: all.yaml, changes: set, name: "--set")
    apply(to: &all)
  }

  private func apply(to all: inout TrainSettings) {
    func set<Value>(_ path: WritableKeyPath<TrainSettings, Value>, _ value: Value?) {
      if let value { all[keyPath: path] = value }
    }
    set(\.data, data)
    set(\.images, images)
    set(\.validation, validation)
    set(\.validationImages, validationImages)
    set(\.validationSize, validationSize)
    set(\.backboneWidth, backboneWidth)
    set(\.channels, channels)
    set(\.headChannels, headChannels)
    set(\.refinementStages, refinementStages)
    set(\.batch, batch)
    set(\.size, size)
    set(\.accumulate, accumulate)
    set(\.syncBatchNorm, syncBatchNorm)
    set(\.seed, seed)
    set(\.precision, precision)
    set(\.optimiser, optimiser)
    set(\.groups, groups)
    set(\.learningRate, learningRate)
    set(\.weightDecay, weightDecay)
    set(\.schedule, schedule)
    set(\.steps, steps)
    set(\.warmUp, warmUp)
    set(\.clip, clip)
    set(\.average, average)
    set(\.logEvery, logEvery)
    set(\.saveEvery, saveEvery)
    set(\.validateEvery, validateEvery)
    set(\.recordEvery, recordEvery)
  }
}

extension ParameterGroups: ExpressibleByArgument {}
extension LearningRateSchedule: ExpressibleByArgument {}
extension TrainingPrecision: ExpressibleByArgument {}
