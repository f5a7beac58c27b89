import ArgumentParser
import Foundation
import Train

extension DataCommand {
  struct Label: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Labels pictures by what a model finds in them, so that students can learn from it.",
      discussion: """
        posecam data label --model large.safetensors --images pictures -o people.json
        posecam train --data people.json --images pictures --out RUN

        Whom the model is sure of becomes a labelled person, weighted by its key points' scores; whom it finds less surely is \
        masked out of the loss; a picture in which it is sure of nobody is left out. A run that was stopped or killed goes on \
        where it was; a picture that was changed under its old name is not looked at again.
        """)

    @Option(help: ArgumentHelp("Folder of pictures, with those below it.", valueName: "folder"), completion: .directory)
    var images: String
    @Option(
      name: [.short, .long], help: ArgumentHelp("Annotation file to write (COCO).", valueName: "file"),
      completion: .file())
    var output: String
    @OptionGroup var looking: EvaluationOptions
    @Option(
      help: ArgumentHelp("Score of a person, as annotate tells it, from which it is labelled.", valueName: "0...1"))
    var minScore = rules.leastScore
    @Option(
      help: ArgumentHelp(
        "Key points that a labelled person has at least; two are of trunk and limbs in any case.", valueName: "n")
    )
    var minKeypoints = rules.leastKeypoints
    @Flag(help: "Take pictures in which the model finds nobody for pictures without people; models miss people.")
    var keepEmpty = false

    private static let rules = PictureLabelling.Rules()

    func validate() throws {
      guard (0...1).contains(minScore) else { throw ValidationError("--min-score takes 0 to 1.") }
      guard (1...18).contains(minKeypoints) else { throw ValidationError("--min-keypoints takes 1 to 18.") }
    }

    func run() throws {
      try OutputNames.check([output], inputs: [looking.model])
      try OutputNames.checkWritable(output)
      let pictures = try UnlabelledPictures(images)
      let (model, settings) = try looking.loadModel()
      var rules = PictureLabelling.Rules()
      (rules.leastScore, rules.leastKeypoints, rules.trustsEmptiness) = (minScore, minKeypoints, keepEmpty)
      Interruption.onRequest {}
      let line = CountLine()
      let done = try PictureLabelling(model, settings, rules: rules).run(
        pictures, to: output, shouldStop: { Interruption.isRequested }
      ) { line.show($0.done, of: $0.total, before: $0.known) }
      line.clear()
      for problem in done.problems.lines { StandardError.line(problem) }
      let known = done.known > 0 ? ", \(done.known) of them before" : ""
      let empty = done.empty > 0 ? ", \(done.empty) without people" : ""
      OutputNames.tell(
        "\(done.done) of \(done.total) pictures looked at\(known): \(done.people) people in \(done.labelled)\(empty)",
        of: output)
      if Interruption.isRequested { throw ExitCode(Interruption.exitCode) }
      guard done.labelled + done.empty > 0 else {
        throw PosecamError("\(images): the model is sure of nobody in these pictures; a lower --min-score takes more")
      }
    }
  }
}
