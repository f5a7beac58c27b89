import ArgumentParser
import Foundation
import Infer
import Synchronization
import Tracker
import Train

/// `posecam eval`: how good a model is on a labelled data set.
struct EvalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "eval",
    abstract: "Measures a model on labelled pictures: COCO's key-point AP and AR.",
    discussion: """
      Each picture is scaled to the given height, the network's maps are enlarged to the picture's size and parsed as the \
      reference implementation does it.
      """)

  @OptionGroup var data: DataOptions
  @Option(
    help: ArgumentHelp(
      "Model file (safetensors, PyTorch checkpoint or ONNX); the built-in one if absent.", valueName: "file"),
    completion: .models
  )
  var model: String?
  @Option(help: ArgumentHelp("Height of the network's input in pixels.", valueName: "n"))
  var size = 368
  @Option(
    help: ArgumentHelp(
      "Arithmetic of the network: \(PrecisionChoice.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "precision"))
  var precision = PrecisionChoice.f32
  @Option(
    help: """
      What is measured: oks (COCO's AP and AR), pckh (by the head's size, MPII) or pck (within 0.2 of the torso, LSP).
      """)
  var metric = Metric.oks
  @Flag(help: "Average the maps of four scales: a half, one, one and a half, two.")
  var multiscale = false
  @Flag(help: "Average the maps of the picture and its mirror image.")
  var flip = false
  @Option(
    help: ArgumentHelp(
      "Look at so many overlapping parts of each picture too, columns x rows, each at the same height.",
      valueName: "2x2"))
  var tiles: PictureTiles?
  @Option(help: ArgumentHelp("Write the results in COCO's form.", valueName: "file"), completion: .file())
  var results: String?
  @Flag(help: "Print one JSON object with the ten numbers.")
  var json = false
  @Option(help: ArgumentHelp("Save the N worst pictures with truth and result drawn.", valueName: "n"))
  var worst: Int?
  @Option(help: ArgumentHelp("Folder for the worst pictures.", valueName: "folder"), completion: .directory)
  var worstFolder = "worst"
  @Option(help: ArgumentHelp("Pictures worked on at the same time (default: all cores).", valueName: "n"))
  var threads: Int?

  enum Metric: String, CaseIterable, ExpressibleByArgument {
    case oks, pckh, pck
  }

  func validate() throws {
    guard (32...2048).contains(size) else { throw ValidationError("--size takes 32 to 2048.") }
    if let worst, worst < 1 { throw ValidationError("--worst takes at least 1.") }
    if let threads, !(1...256).contains(threads) { throw ValidationError("--threads takes 1 to 256.") }
  }

  func run() throws {
    try OutputNames.check([results], inputs: [data.annotations, model])
    if let results { try OutputNames.checkWritable(results) }
    let annotations = try KeypointAnnotations(contentsOf: data.annotations)
    for line in annotations.problems.lines { StandardError.line(line) }
    var settings = PoseEvaluator.Settings()
    settings.height = size
    if multiscale { settings.scales = PoseEvaluator.Settings.fourScales }
    settings.usesMirror = flip
    settings.tiles = tiles
    settings.threads = threads ?? min(256, Processors.usable)
    let model = try EngineOptions.loadModel(model)
    settings.precision = precision.precision(for: model, level: settings.level)
    let isTerminal = isatty(STDERR_FILENO) == 1
    let count = annotations.pictures.count
    let evaluation = try PoseEvaluator(settings).evaluate(
      model, on: annotations, images: data.folder,
      progress: { done in
        if isTerminal { StandardError.write("\r\(done) of \(count) pictures") }
      })
    if isTerminal { StandardError.write("\r\u{1B}[K") }
    for line in evaluation.problems.lines { StandardError.line(line) }
    if let results { try KeypointResult.write(evaluation.results, to: results) }
    if let worst {
      try WorstPictures(annotations, images: data.folder).save(evaluation, count: worst, folder: worstFolder)
    }
    switch metric {
    case .oks: report(evaluation)
    case .pckh, .pck:
      let reference: KeypointAccuracy.Reference = metric == .pckh ? .head : .torso
      report(try KeypointAccuracy(annotations, results: evaluation.results, reference: reference))
    }
  }

  private func report(_ accuracy: KeypointAccuracy) {
    let rows =
      accuracy.groups.map { ($0.name, $0.value) } + [
        ("mean", accuracy.mean), ("weighted", accuracy.weightedMean), ("at 0.1", accuracy.curve[10]),
      ]
    if json {
      let members = rows.map { "\"\($0.0)\": \(String(format: "%.3f", $0.1))" }
      return print("{\(members.joined(separator: ", ")), \"people\": \(accuracy.people)}")
    }
    print("\(metric.rawValue) of \(accuracy.people) people, in percent")
    for (name, value) in rows {
      print(name.padding(toLength: 10, withPad: " ", startingAt: 0) + String(format: " %6.2f", value))
    }
  }

  private func report(_ evaluation: PoseEvaluator.Evaluation) {
    guard !json else {
      // Where nobody is labelled in some pictures, how many were seen there.
      let more = ["empty_pictures": evaluation.emptyPictures, "false_people": evaluation.falsePeople]
      return print(evaluation.metric.summary.json(with: evaluation.emptyPictures > 0 ? more : [:]))
    }
    print(evaluation.metric.summary.table)
    print("\nkey point          labelled   on people found   mean OKS")
    for joint in evaluation.metric.joints {
      let name = joint.name.padding(toLength: 16, withPad: " ", startingAt: 0)
      let share = 100 * Double(joint.matched) / Double(max(1, joint.labelled))
      print(name + String(format: " %10d %15.1f %% %10.3f", joint.labelled, share, joint.similarity))
    }
    if evaluation.emptyPictures > 0 {
      print(
        "\npeople seen where nobody is: \(evaluation.falsePeople) in \(evaluation.emptyPictures) of the pictures "
          + String(format: "(%.2f each)", Double(evaluation.falsePeople) / Double(evaluation.emptyPictures)))
    }
  }
}
