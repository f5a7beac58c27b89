import ArgumentParser
import Foundation
import Train

/// `posecam data`: data sets, before anything is trained on them.
struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data", abstract: "Looks into, prepares and converts data sets.", subcommands: [Stats.self])
}

/// Where labels and pictures are.
struct DataOptions: ParsableArguments {
  @Option(help: ArgumentHelp("COCO person_keypoints annotations.", valueName: "file"))
  var annotations: String

  @Option(help: ArgumentHelp("Folder of the pictures (default: beside the annotations).", valueName: "folder"))
  var images: String?

  var folder: String {
    images ?? URL(fileURLWithPath: annotations).deletingLastPathComponent().path
  }
}

extension DataCommand {
  struct Stats: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract:
        "Tells what a data set holds, what is wrong with it, and what batches of it look like and how fast they come.")

    @OptionGroup var data: DataOptions
    @Flag(help: "Measure how many pictures per second the loader makes ready.")
    var benchmark = false
    @Option(help: ArgumentHelp("Draw a batch with its targets as PNG or JPEG.", valueName: "file"))
    var picture: String?
    @Option(help: ArgumentHelp("Threads of the loader for the measurement.", valueName: "n"))
    var threads = 1
    @Option(help: ArgumentHelp("Pixels of a side of the network's input for the measurement.", valueName: "n"))
    var size = 256
    @Option(
      help: ArgumentHelp("Strength of all augmentations, 0 for the reference's only, 1 for all.", valueName: "0...1"))
    var augment = 0.0

    func validate() throws {
      guard (1...64).contains(threads) else { throw ValidationError("--threads takes 1 to 64.") }
      guard (32...2048).contains(size), size.isMultiple(of: 8) else {
        throw ValidationError("--size takes a multiple of 8 from 32 to 2048.")
      }
      guard (0...1).contains(augment) else { throw ValidationError("--augment takes 0 to 1.") }
    }

    func run() throws {
      let annotations = try KeypointAnnotations(contentsOf: data.annotations)
      print(DataStatistics(annotations).lines.joined(separator: "\n"))
      for line in annotations.problems.lines { warn(line) }
      guard benchmark || picture != nil else { return }
      var options = BatchLoader.Options()
      options.threads = threads
      options.augmentation.mosaic = augment / 2
      options.augmentation.negatives = augment / 10
      options.augmentation.smallest *= 1 - augment / 2
      options.augmentation.colour = augment / 2
      (options.augmentation.blur, options.augmentation.noise) = (augment / 4, augment / 4)
      options.augmentation.compression = augment / 4
      let loader = try BatchLoader(annotations, images: data.folder, options: options)
      var batch = Batch(empty: 16, height: size, width: size)
      try loader.read(0, into: &batch)
      if let picture { try batch.writePicture(rows: 8, to: picture) }
      guard benchmark else { return }
      let start = Date()
      var count = 0
      while -start.timeIntervalSinceNow < 5 {
        count += 1
        try loader.read(count, into: &batch)
      }
      let rate = Double(count * batch.count) / -start.timeIntervalSinceNow
      print("batches of \(batch.count) at \(size)x\(size), \(threads) threads: \(Int(rate)) pictures per second")
      for line in loader.problems.lines { warn(line) }
    }
  }
}
