import ArgumentParser
import Foundation
import Infer
import Train
import Video

/// `posecam cache-teacher`: a teacher's maps of a data set, so that it need not run while students learn.
struct CacheTeacherCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "cache-teacher",
    abstract: "Keeps a teacher's maps of a data set on disk, for posecam distill --teacher-cache.",
    discussion: """
      posecam cache-teacher --teacher large.safetensors --data people.json --images pictures --out maps

      Every picture is looked at once, as it is: enlarged or made smaller in a sample, its people's key points are as much \
      wider or narrower than those of labels. A teacher that runs along sees the samples themselves, which teaches more \
      and takes longer. A run that was stopped or killed goes on where it was.
      """)

  @Option(help: ArgumentHelp("Model file of the teacher.", valueName: "file"), completion: .models) var teacher: String
  @Option(
    help: ArgumentHelp("Annotation file that lists the pictures (COCO person_keypoints).", valueName: "file"),
    completion: .json)
  var data: String?
  @Option(
    help: ArgumentHelp("Folder of the pictures; that of the annotation file if absent.", valueName: "folder"),
    completion: .directory)
  var images: String?
  @Option(
    help: ArgumentHelp("Folder of further pictures, without labels.", valueName: "folder"), completion: .directory)
  var unlabeled: String?
  @Option(help: ArgumentHelp("Folder for the maps.", valueName: "folder"), completion: .directory) var out: String
  @Option(help: ArgumentHelp("Height of the network's input.", valueName: "pixels")) var size = 368
  @Option(help: ArgumentHelp("Megabytes that the maps may take.", valueName: "MB")) var limit = 16_384
  @Option(help: ArgumentHelp("Threads of the network (default: all cores).", valueName: "n")) var threads: Int?

  func validate() throws {
    if data == nil && unlabeled == nil { throw ValidationError("Name pictures with --data or --unlabeled.") }
    guard (32...2048).contains(size), size.isMultiple(of: 8) else {
      throw ValidationError("--size takes a multiple of 8 from 32 to 2048.")
    }
    guard (1...100_000_000).contains(limit) else { throw ValidationError("--limit takes at least 1 MB.") }
    if let threads, !(1...256).contains(threads) { throw ValidationError("--threads takes 1 to 256, not \(threads).") }
  }

  func run() throws {
    let annotations = try data.map { try KeypointAnnotations(contentsOf: $0) }
    for line in annotations?.problems.lines ?? [] { StandardError.line(line) }
    let folder = images ?? URL(fileURLWithPath: data ?? "").deletingLastPathComponent().path
    var recording = try TeacherRecording(
      teacher: teacher, height: size, threads: threads ?? min(256, Processors.usable))
    let others = try unlabeled.map { try UnlabelledPictures($0) }
    Interruption.onRequest {}
    let line = CountLine()
    let progress = try recording.run(
      annotations, images: folder, unlabelled: others, to: out, limit: limit << 20,
      shouldStop: { Interruption.isRequested }
    ) { line.show($0.done, of: $0.total, before: $0.known, "\($0.bytes >> 20) MB") }
    line.clear()
    for problem in progress.problems.lines { StandardError.line(problem) }
    let known = progress.known > 0 ? ", \(progress.known) of them from before" : ""
    print("\(out): \(progress.done) of \(progress.total) pictures\(known), \((progress.bytes + 1 << 19) >> 20) MB")
    guard progress.done > 0 || Interruption.isRequested else {
      throw PosecamError("none of the pictures could be read; they are sought in \(folder)")
    }
    if Interruption.isRequested { throw ExitCode(Interruption.exitCode) }
  }
}
