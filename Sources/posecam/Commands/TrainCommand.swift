import ArgumentParser
import Foundation
import Infer
import Train
import Video

/// `posecam train`: weights from annotated pictures.
struct TrainCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "train",
    abstract: "Trains a network on annotated pictures.",
    discussion: """
      posecam train --data people.json --images pictures --out RUN     a new run
      posecam train --resume RUN                                       where it stopped, bit for bit
      mpirun -np 4 posecam train ...                                   four processes, here or on several machines (Open MPI)

      RUN holds settings.yaml, log.jsonl, last.ckpt and best.safetensors, the model that `posecam --model` takes.
      """)

  @OptionGroup(title: "Run") var options: RunOptions
  @OptionGroup(title: "Settings") var settings: TrainOptions
  @Option(
    help: ArgumentHelp("Time so many steps on random pictures, print one JSON object, and stop.", valueName: "steps"))
  var benchmark: Int?

  func validate() throws {
    if benchmark == nil { try options.check(settings) }
    if let benchmark, !(1...100_000).contains(benchmark) {
      throw ValidationError("--benchmark takes 1 to 100000 steps.")
    }
  }

  func run() throws {
    if options.dryRun {
      let weights = try options.weightsOnly.map { try SingleProcess().weights(of: $0) }
      return try DryRun(settings: settings.load(startingFrom: weights), options: options).run()
    }
    try options.together { processes in
      if let benchmark {
        return try TrainBenchmark(settings.load(startingFrom: nil), threads: options.threadCount, steps: benchmark).run(
          processes)
      }
      var run = try TrainingRun(settings, options, processes)
      try run.run()
    }
  }
}
