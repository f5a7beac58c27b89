import ArgumentParser
import Foundation
import Train

extension DataCommand {
  struct Merge: ParsableCommand {
    static let configuration = CommandConfiguration(
      abstract: "Makes one annotation file of several, to train on all at once.",
      discussion: """
        posecam data merge coco.json mine.json --images train2017 --images mine -o all.json

        The pictures stay where they are: their names become those seen from the folder of the new file. One that two files list is \
        taken from the first.
        """)

    @Argument(help: ArgumentHelp("COCO person_keypoints annotations.", valueName: "file"), completion: .json)
    var annotations: [String]
    @Option(
      help: ArgumentHelp(
        "Folders of the pictures, one per file in their order (default: beside each).", valueName: "folder"),
      completion: .directory)
    var images: [String] = []
    @Option(
      name: [.short, .long], help: ArgumentHelp("Annotation file to write.", valueName: "file"), completion: .file())
    var output: String

    func validate() throws {
      guard annotations.count > 1 else { throw ValidationError("Name at least two annotation files.") }
      guard images.isEmpty || images.count == annotations.count else {
        throw ValidationError("--images: name one folder for each of the \(annotations.count) files, or none.")
      }
    }

    func run() throws {
      try OutputNames.check([output], inputs: annotations)
      try OutputNames.checkWritable(output)
      var parts: [(KeypointAnnotations, String)] = []
      for (index, file) in annotations.enumerated() {
        let part = try KeypointAnnotations(contentsOf: file)
        let folder =
          images.isEmpty ? URL(fileURLWithPath: file).deletingLastPathComponent().path : images[index]
        for line in part.problems.lines { StandardError.line("\(file): \(line)") }
        let absent = part.absentPictures(in: folder)
        if let first = absent.first {
          StandardError.line("\(file): \(absent.count) × picture that is not in \(folder): \(first)")
        }
        parts.append((part, folder))
      }
      let (merged, problems) = KeypointAnnotations.merged(parts, as: output)
      for line in problems.lines { StandardError.line(line) }
      try merged.write(to: output)
      OutputNames.tell(DataStatistics(merged).lines[0], of: output)
    }
  }
}
