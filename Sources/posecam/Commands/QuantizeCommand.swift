import ArgumentParser
import Foundation
import Infer
import Tracker
import Train
import Video

/// `posecam quantize`: calibrates a model for int8.
struct QuantizeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "quantize",
    abstract: "Calibrates a model for int8 on pictures like those it will see.",
    discussion: """
      Finds the range of every layer's results by several rules, keeps the rule under which int8 finds the poses that f32 finds, and \
      writes the model with the ranges and that figure. --precision auto then takes int8 if the figure reaches --least-agreement; \
      where it does not, some of the first layers are kept in floats.
      Every other picture is kept for the comparison.
      """)

  @Option(help: ArgumentHelp("Model file; the built-in one if absent.", valueName: "file"), completion: .models)
  var model: String?
  @Option(help: ArgumentHelp("Folder or pattern of pictures, or a video.", valueName: "pictures"), completion: .file())
  var images: String
  @Option(
    help: ArgumentHelp(
      "COCO key-point annotations of pictures in --images: tells the accuracy before and after.", valueName: "file"),
    completion: .json)
  var annotations: String?
  @Option(name: [.short, .long], help: ArgumentHelp("Model file to write.", valueName: "file"), completion: .file())
  var output: String
  @Option(help: ArgumentHelp("Network input: pixels of height, or height x width.", valueName: "256|256x456"))
  var size = NetworkSize.height(256)
  @Option(help: ArgumentHelp("Use no more pictures than this.", valueName: "n"))
  var count = 400
  @Option(help: ArgumentHelp("Mean OKS with the poses of f32 from which int8 is good enough.", valueName: "0...1"))
  var leastAgreement = 0.95
  @Option(help: ArgumentHelp("Threads (default: all cores).", valueName: "n"))
  var threads: Int?

  func validate() throws {
    // They are held in memory.
    guard (2...4000).contains(count) else { throw ValidationError("--count takes 2 to 4000.") }
    if annotations != nil, case .whole = size {
      throw ValidationError("--annotations measures at a height, whatever the width: give --size one number.")
    }
    guard (0...1).contains(leastAgreement) else { throw ValidationError("--least-agreement takes 0 to 1.") }
    guard (1...256).contains(threads ?? 1) else { throw ValidationError("--threads takes 1 to 256.") }
  }

  func run() throws {
    try OutputNames.check([output], inputs: [model, images, annotations])
    try OutputNames.checkWritable(output)
    let model = try NetworkOptions.loadModel(model)
    var isFolder: ObjCBool = false
    if annotations != nil,
      !FileManager.default.fileExists(atPath: images, isDirectory: &isFolder) || !isFolder.boolValue
    {
      throw PosecamError(
        "\(images): is no folder; with --annotations, --images names the one that holds their pictures")
    }
    let labelled = try annotations.map { try self.labelled($0) }
    let frames = try readFrames()
    guard frames.count >= 2 else { throw PosecamError("\(images): at least two pictures are needed") }
    let seen = frames.enumerated().filter { $0.offset.isMultiple(of: 2) }.map(\.element)
    let kept = frames.enumerated().filter { !$0.offset.isMultiple(of: 2) }.map(\.element)

    var settings = PoseEstimator.Settings()
    settings.size = size
    // What is not shown need not agree.
    settings.selection.leastScore = PoseSelection.usualScore
    settings.threads = threads ?? min(256, Processors.usable)
    let floats = PoseEstimator(model, settings)
    let measurements = Measurements()
    var calibration = Calibration()
    for frame in seen { calibration.observe(try floats.loaded(frame)) }
    calibration.beginCounting()
    for frame in seen { calibration.observe(try floats.loaded(frame)) }
    let truth = try kept.map { try floats.poses(in: $0, measurements: measurements) }
    print(
      "\(seen.count) pictures observed, \(kept.count) compared, \(truth.reduce(0) { $0 + $1.count }) people in them")

    guard truth.contains(where: { !$0.isEmpty }) else {
      throw PosecamError("\(images): the model finds nobody in these pictures; people are needed to compare by")
    }
    settings.precision = .int8
    var best: (rule: Calibration.Rule, floatLayers: Int, agreement: PoseAgreement)?
    func file(_ rule: Calibration.Rule, _ floatLayers: Int) throws -> WeightFile {
      let ranges = calibration.ranges(rule)
      let metadata = [Model.floatLayersKey: "\(floatLayers)"]
      let nearest = try Model(model.file(ranges: ranges, metadata: metadata), name: model.name)
      return model.file(ranges: ranges, rounded: try calibration.roundedWeights(of: nearest), metadata: metadata)
    }
    func attempt(_ rule: Calibration.Rule, floatLayers: Int) throws {
      let bytes = PoseEstimator(try Model(file(rule, floatLayers), name: model.name), settings)
      var agreement = PoseAgreement()
      for (frame, poses) in zip(kept, truth) {
        agreement.add(poses, try bytes.poses(in: frame, measurements: measurements))
      }
      let name = rule.rawValue + (floatLayers > 0 ? ", \(floatLayers) of floats" : "")
      print(
        String(
          format: "%@  mean OKS of %d matched poses %.4f, people %+.1f %%",
          name.padding(toLength: 32, withPad: " ", startingAt: 0), agreement.matched, agreement.meanSimilarity,
          100 * agreement.excess))
      // Who is lost must not make the rest look better.
      if best.map({ agreement.wholeSimilarity > $0.agreement.wholeSimilarity }) ?? true {
        best = (rule, floatLayers, agreement)
      }
    }
    for rule in Calibration.Rule.allCases { try attempt(rule, floatLayers: 0) }
    for floatLayers in [1, 3, 5] {
      guard let found = best, found.agreement.worth < leastAgreement else { break }
      try attempt(found.rule, floatLayers: floatLayers)
    }
    guard let best else { return }
    var result = try file(best.rule, best.floatLayers)
    result.metadata[Model.agreementKey] = String(format: "%.4f", best.agreement.worth)
    result.metadata[Model.leastAgreementKey] = "\(leastAgreement)"
    result.metadata["int8_calibration"] = best.rule.rawValue
    let calibrated = try Model(result, name: model.name)
    try printErrors(of: calibrated, on: kept, settings)
    try result.write(to: output)
    if let labelled { try printAccuracy(model, calibrated, on: labelled) }
    let choice = calibrated.bestPrecision().rawValue
    print("\(output): calibrated by \(best.rule.rawValue); --precision auto will use \(choice) on this machine")
  }

  /// The labels of the pictures that are there.
  private func labelled(_ path: String) throws -> KeypointAnnotations {
    let all = try KeypointAnnotations(contentsOf: path)
    let absent = Set(all.absentPictures(in: images))
    let there = all.pictures.filter { !absent.contains($0.fileName) }
    guard !there.isEmpty else { throw PosecamError("\(path): none of its pictures are in \(images)") }
    return KeypointAnnotations(name: path, pictures: there)
  }

  private func printAccuracy(_ model: Model, _ calibrated: Model, on annotations: KeypointAnnotations) throws {
    var settings = PoseEvaluator.Settings()
    settings.threads = threads ?? min(256, Processors.usable)
    settings.height = size.height
    print("accuracy on the \(annotations.pictures.count) labelled pictures:")
    for (name, model, precision) in [("floats", model, Precision.f32), ("bytes", calibrated, .int8)] {
      settings.precision = precision
      let summary = try PoseEvaluator(settings).evaluate(model, on: annotations, images: images).metric.summary
      print(String(format: "with %@: AP %.3f, AR %.3f", name, summary.averagePrecision, summary.averageRecall))
    }
  }

  private func readFrames() throws -> [Frame] {
    var options = SourceOptions()
    options.isDemoLive = false
    let source = try openSource(images, options: options)
    defer { source.cancel() }
    guard !source.info.isLive else { throw PosecamError("\(images): a live source; calibration needs files") }
    // Frames of a video are alike: take them far apart. They are held in memory, none much larger than the network sees it.
    let step = max(1, (source.info.frameCount ?? 0) / count)
    let scaler = Scaler(order: .rgb)
    let most = 2 * size.height
    var frames: [Frame] = []
    while frames.count < count, let frame = try source.next() {
      guard frame.index.isMultiple(of: step) else { continue }
      guard frame.height > most else {
        frames.append(frame)
        continue
      }
      let width = max(1, frame.width * most / frame.height)
      frames.append(
        try Frame(
          bitmap: scaler.bitmap(frame, width: width, height: most), index: frame.index, timestamp: frame.timestamp))
    }
    for line in source.takeNotices() { StandardError.line("\(images): \(line)") }
    return frames
  }

  /// How far each layer's bytes are from its floats, root mean square over the layer's own, in a few pictures.
  private func printErrors(of model: Model, on frames: [Frame], _ settings: PoseEstimator.Settings) throws {
    var sums: [String: (error: Double, signal: Double)] = [:]
    var names: [String] = []
    var (first, second) = (settings, settings)
    (first.precision, second.precision) = (.f32, .int8)
    let (floats, bytes) = (PoseEstimator(model, first), PoseEstimator(model, second))
    for frame in frames.prefix(8) {
      for layer in Plan.compare(try floats.loaded(frame), try bytes.loaded(frame)) {
        if sums[layer.name] == nil { names.append(layer.name) }
        sums[layer.name, default: (0, 0)].error += layer.squaredError
        sums[layer.name, default: (0, 0)].signal += layer.squaredSignal
      }
    }
    print("error of each layer's results, share of their root mean square:")
    for name in names {
      guard let sum = sums[name] else { continue }
      print(String(format: "  %6.2f %%  %@", 100 * (sum.error / max(sum.signal, 1e-30)).squareRoot(), name))
    }
  }
}

extension PoseAgreement {
  /// What decides whether bytes are good enough: the mean OKS of those found by both, unless too many come or go.
  fileprivate var worth: Double { abs(excess) <= 0.05 ? meanSimilarity : wholeSimilarity }
}
