import ArgumentParser
import Foundation
import Train

/// `posecam data`: data sets, before anything is trained on them.
struct DataCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "data", abstract: "Looks into, prepares and converts data sets.",
    subcommands: [Stats.self, Prepare.self, Label.self, Merge.self, Subset.self, Convert.self])
}

/// Where labels and pictures are.
struct DataOptions: ParsableArguments {
  @Option(help: ArgumentHelp("COCO person_keypoints annotations.", valueName: "file"), completion: .json)
  var annotations: String

  @Option(
    help: ArgumentHelp("Folder of the pictures (default: beside the annotations).", valueName: "folder"),
    completion: .directory)
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
    @Option(help: ArgumentHelp("Draw a batch with its targets as PNG or JPEG.", valueName: "file"), completion: .file())
    var picture: String?
    @Option(help: ArgumentHelp("Threads of the loader for the measurement.", valueName: "n"))
    var threads = 1
    @Option(help: ArgumentHelp("Pixels of a side of the network's input for the measurement.", valueName: "n"))
    var size = 256
    @Option(
      help: ArgumentHelp("Strength of all augmentations, 0 for the reference's only, 1 for all.", valueName: "0...1"))
    var augment = 0.0

    private func isSame(_ name: String, _ file: String) -> Bool {
      URL(fileURLWithPath: data.folder).appendingPathComponent(name).resolvingSymlinksInPath()
        == URL(fileURLWithPath: file).resolvingSymlinksInPath()
    }

    func validate() throws {
      guard (1...64).contains(threads) else { throw ValidationError("--threads takes 1 to 64.") }
      guard (32...2048).contains(size), size.isMultiple(of: 8) else {
        throw ValidationError("--size takes a multiple of 8 from 32 to 2048.")
      }
      guard (0...1).contains(augment) else { throw ValidationError("--augment takes 0 to 1.") }
    }

    func run() throws {
      try OutputNames.check([picture], inputs: [data.annotations])
      let annotations = try KeypointAnnotations(contentsOf: data.annotations)
      if let picture, let own = annotations.pictures.first(where: { isSame($0.fileName, picture) }) {
        throw PosecamError("\(picture): is '\(own.fileName)' of the data set; choose another name")
      }
      print(DataStatistics(annotations).lines.joined(separator: "\n"))
      for line in annotations.problems.lines { StandardError.line(line) }
      let absent = annotations.absentPictures(in: data.folder)
      if let first = absent.first {
        StandardError.line("\(absent.count) × picture that is not in \(data.folder): \(first)")
      }
      guard benchmark || picture != nil else { return }
      var options = BatchLoader.Options()
      options.threads = threads
      (options.augmentation.upperBody, options.augmentation.mosaic) = (augment / 2, augment / 2)
      (options.augmentation.copyPaste, options.augmentation.occlusion) = (augment / 3, augment / 3)
      options.augmentation.negatives = augment / 10
      options.augmentation.backdrop = augment / 2
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
      for line in loader.problems.lines { StandardError.line(line) }
    }
  }
}

extension DataCommand {
  struct Prepare: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Checks every picture, makes large ones smaller, and writes what can be trained on.",
      discussion: "FOLDER then holds people.json and pictures/.")

    @OptionGroup var data: DataOptions
    @Option(help: ArgumentHelp("Longest side of the written pictures in pixels.", valueName: "n"))
    var side = 480
    @Option(name: [.short, .long], help: ArgumentHelp("Folder to write.", valueName: "folder"), completion: .directory)
    var output: String

    func validate() throws {
      guard (32...8192).contains(side) else { throw ValidationError("--side takes 32 to 8192.") }
    }

    func run() throws {
      let annotations = try KeypointAnnotations(contentsOf: data.annotations)
      for line in annotations.problems.lines { StandardError.line(line) }
      if URL(fileURLWithPath: output).appendingPathComponent("people.json").resolvingSymlinksInPath()
        == URL(fileURLWithPath: data.annotations).resolvingSymlinksInPath()
      {
        throw PosecamError("\(output): holds the annotations themselves; choose another folder")
      }
      let (prepared, problems) = try PreparedPictures(longestSide: side).write(
        annotations, images: data.folder, to: output)
      for line in problems.lines { StandardError.line(line) }
      print(DataStatistics(prepared).lines[0])
    }
  }

  struct Subset: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Writes a part of an annotation file, chosen as the reference chooses its validation subset.")

    @Option(help: ArgumentHelp("COCO person_keypoints annotations.", valueName: "file"), completion: .json)
    var annotations: String
    @Option(help: ArgumentHelp("Pictures to choose.", valueName: "n"))
    var count = 250
    @Option(help: ArgumentHelp("Seed of the shuffle.", valueName: "n"))
    var seed: UInt32 = 0
    @Option(
      name: [.short, .long], help: ArgumentHelp("Annotation file to write.", valueName: "file"), completion: .file())
    var output: String

    func validate() throws {
      guard count > 0 else { throw ValidationError("--count takes at least 1.") }
    }

    func run() throws {
      try OutputNames.check([output], inputs: [annotations])
      try OutputNames.checkWritable(output)
      let chosen = try KeypointAnnotations.writeSubset(of: annotations, count: count, seed: seed, to: output)
      OutputNames.tell("\(chosen) pictures", of: output)
    }
  }

  struct Convert: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes COCO annotations of MPII's labels (.mat or JSON) or of Leeds Sports Pose's (joints.mat).")

    @Option(help: ArgumentHelp("The labels.", valueName: "file"), completion: .file())
    var labels: String
    @Option(help: ArgumentHelp("Folder of the pictures.", valueName: "folder"), completion: .directory)
    var images: String
    @Option(
      help: "Which people of MPII's JSON.")
    var part = ForeignLabels.Part.all
    @Option(
      name: [.short, .long], help: ArgumentHelp("Annotation file to write.", valueName: "file"), completion: .file())
    var output: String

    func run() throws {
      try OutputNames.check([output], inputs: [labels])
      try OutputNames.checkWritable(output)
      let (annotations, problems) = try ForeignLabels.read(labels, images: images, part: part)
      for line in problems.lines { StandardError.line(line) }
      try annotations.write(to: output)
      OutputNames.tell(DataStatistics(annotations).lines[0], of: output)
    }
  }
}

extension ForeignLabels.Part: ExpressibleByArgument {}
