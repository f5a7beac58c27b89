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

      Labelled pictures learn from (1 - alpha) labels + alpha teacher, those of --unlabeled from the teacher alone. With \
      --formula everywhere the teacher also counts where nobody labelled people, with masked only where labels hold. The \
      teacher is a model that runs along, its maps of posecam cache-teacher, or people whom it found.
      """)

  @Option(help: ArgumentHelp("Model file of the teacher; --resume knows it.", valueName: "file"), completion: .models)
  var teacher: String?
  @Option(
    help: ArgumentHelp("Folder of maps that posecam cache-teacher made.", valueName: "folder"), completion: .directory)
  var teacherCache: String?
  @Option(
    help: ArgumentHelp(
      "People whom a teacher found: annotations, whose pictures are known by file name, or results of posecam eval --results.",
      valueName: "file"),
    completion: .json)
  var pseudoLabels: String?
  @Option(
    help: ArgumentHelp("Folder of pictures that only the teacher knows.", valueName: "folder"), completion: .directory)
  var unlabeled: String?
  @Option(
    help: ArgumentHelp(
      "The teacher's share in the loss of labelled pictures (default: \(TrainSettings().teacherShare)).",
      valueName: "0...1")) var alpha: Double?
  @Option(
    help:
      "Where the teacher counts in labelled pictures (default: \(TrainSettings().formula.rawValue))."
  )
  var formula: DistillationFormula?

  @OptionGroup(title: "Run") var options: RunOptions
  @OptionGroup(title: "Settings") var settings: TrainOptions

  func validate() throws {
    try options.check(settings)
    let teachers = [teacher, teacherCache, pseudoLabels].compactMap { $0 }
    // A settings file may name it.
    if teachers.isEmpty, options.resume == nil, settings.settings == nil, settings.set.isEmpty {
      throw ValidationError("Name the teacher with --teacher, --teacher-cache or --pseudo-labels.")
    }
    if teachers.count > 1 {
      throw ValidationError("Only one of --teacher, --teacher-cache and --pseudo-labels makes sense.")
    }
    if let alpha, !(0...1).contains(alpha) { throw ValidationError("--alpha takes 0 to 1, not \(alpha).") }
  }

  func run() throws {
    if options.dryRun {
      let weights = try options.weightsOnly.map { try SingleProcess().weights(of: $0) }
      var all = try settings.load(startingFrom: weights)
      try change(&all)
      return try DryRun(settings: all, options: options).run()
    }
    try options.together { processes in
      var run = try TrainingRun(settings, options, processes, adjust: change)
      try run.run()
    }
  }

  private func change(_ settings: inout TrainSettings) throws(TrainError) {
    if teacher ?? teacherCache ?? pseudoLabels != nil {
      (settings.teacher, settings.teacherCache) = (teacher ?? "", teacherCache ?? "")
      settings.pseudoLabels = pseudoLabels ?? ""
    }
    if let unlabeled { settings.unlabeled = unlabeled }
    if let alpha { settings.teacherShare = alpha }
    if let formula { settings.formula = formula }
    guard settings.hasTeacher else {
      throw TrainError(
        "no teacher: name it with --teacher, --teacher-cache or --pseudo-labels, or train without distill")
    }
  }
}

extension DistillationFormula: ExpressibleByArgument {}
