import ArgumentParser
import Foundation
import Infer
import Train

/// `posecam distill`: weights from annotated pictures and from a larger network that has learnt already.
struct DistillCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "distill",
    abstract: "Trains a network on annotated pictures and on what a teacher says of them.",
    discussion: """
      posecam distill --teacher large.safetensors --data people.json --images pictures --out RUN

      Labelled pictures learn from (1 - alpha) labels + alpha teacher, pictures that are masked out as a whole from the teacher \
      alone. With --formula everywhere the teacher also counts where the mask hides people without labels.
      """)

  @Option(help: ArgumentHelp("Model file of the teacher; --resume knows it.", valueName: "file")) var teacher: String?
  @Option(help: ArgumentHelp("The teacher's share in the loss of labelled pictures.", valueName: "0...1")) var alpha:
    Double?
  @Option(
    help:
      "Where the teacher counts in labelled pictures: \(DistillationFormula.allCases.map(\.rawValue).joined(separator: ", "))."
  )
  var formula: DistillationFormula?

  @OptionGroup(title: "Run") var options: RunOptions
  @OptionGroup(title: "Settings") var settings: TrainOptions

  func validate() throws {
    if teacher == nil && options.resume == nil {
      throw ValidationError("Name the teacher's model file with --teacher.")
    }
    if let alpha, !(0...1).contains(alpha) { throw ValidationError("--alpha takes 0 to 1, not \(alpha).") }
  }

  func run() throws {
    try options.together { processes in
      var run = try TrainingRun(settings, options, processes) { settings in
        if let teacher { settings.teacher = teacher }
        if let alpha { settings.teacherShare = alpha }
        if let formula { settings.formula = formula }
      }
      try run.run()
    }
  }
}

extension DistillationFormula: ExpressibleByArgument {}
