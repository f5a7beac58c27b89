import ArgumentParser
import Foundation
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
  @OptionGroup var looking: EvaluationOptions
  @Option(
    help: """
      What is measured: oks (COCO's AP and AR), pckh (by the head's size, MPII) or pck (within 0.2 of the torso, LSP).
      """)
  var metric = Metric.oks
  @Option(help: ArgumentHelp("Write the results in COCO's form.", valueName: "file"), completion: .file())
  var results: String?
  @Flag(help: "Print one JSON object with the numbers.")
  var json = false
  @Option(help: ArgumentHelp("Save the N worst pictures with truth and result drawn.", valueName: "n"))
  var worst: Int?
  @Option(help: ArgumentHelp("Folder for the worst pictures.", valueName: "folder"), completion: .directory)
  var worstFolder = "worst"

  enum Metric: String, CaseIterable, ExpressibleByArgument {
    case oks, pckh, pck
  }

  func validate() throws {
    if let worst, worst < 1 { throw ValidationError("--worst takes at least 1.") }
  }

  func run() throws {
    try OutputNames.check([results], inputs: [data.annotations, looking.model])
    if let results { try OutputNames.checkWritable(results) }
    let annotations = try KeypointAnnotations(contentsOf: data.annotations)
    for line in annotations.problems.lines { StandardError.line(line) }
    let (model, settings) = try looking.loadModel()
    let line = CountLine()
    let count = annotations.pictures.count
    let evaluation = try PoseEvaluator(settings).evaluate(
      model, on: annotations, images: data.folder,
      progress: { line.show($0, of: count) })
    line.clear()
    for problem in evaluation.problems.lines { StandardError.line(problem) }
    if let results { try KeypointResult.write(evaluation.results, category: annotations.category, to: results) }
    switch metric {
    case .oks: report(evaluation)
    case .pckh, .pck:
      let reference: KeypointAccuracy.Reference = metric == .pckh ? .head : .torso
      report(try KeypointAccuracy(annotations, results: evaluation.results, reference: reference))
    }
    if let worst {
      let problems = try WorstPictures(annotations, images: data.folder).save(
        evaluation, count: worst, folder: worstFolder)
      for line in problems.lines { StandardError.line(line) }
    }
  }

  private func report(_ accuracy: KeypointAccuracy) {
    let rows =
      accuracy.groups.map { ($0.name, $0.value) } + [
        ("mean", accuracy.mean), ("weighted", accuracy.weightedMean), ("at 0.1", accuracy.curve[10]),
      ]
    if json {
      let members = rows.map { name, value in "\"\(name)\": \(value.map { String(format: "%.3f", $0) } ?? "null")" }
      return print("{\(members.joined(separator: ", ")), \"people\": \(accuracy.people)}")
    }
    print("\(metric.rawValue) of \(accuracy.people) people, in percent")
    for (name, value) in rows {
      print(
        name.padding(toLength: 10, withPad: " ", startingAt: 0)
          + (value.map { String(format: " %6.2f", $0) } ?? "      -"))
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
