import Foundation
import Video

/// The videos of a command line, to be read one after the other, each with outputs of its own: `{name}` in an output's name is
/// the video's.
struct Worklist {
  struct Job {
    /// A source, or the pictures that are one together.
    var inputs: [String]
    var outputs: OutputOptions

    var name: String { inputs.count == 1 ? inputs[0] : "\(inputs.count) pictures" }
  }

  static let placeholder = "{name}"
  private(set) var jobs: [Job] = []
  /// Videos that were left out because their outputs are there.
  private(set) var skipped = 0

  /// - Parameters:
  ///   - inputs: sources; a folder of videos stands for them.
  ///   - model: another file that must not be written over.
  ///   - skipsExisting: leaves out whose outputs are all there.
  init(_ inputs: [String], _ outputs: OutputOptions, model: String?, skipsExisting: Bool) throws {
    let names = outputs.names
    let named = names.filter { $0.contains(Self.placeholder) }
    guard !named.isEmpty else {
      if skipsExisting { throw PosecamError("--skip-existing is for outputs with \(Self.placeholder) in their names") }
      try Self.checkIsOne(inputs)
      try outputs.check(inputs: inputs + [model])
      jobs = [Job(inputs: inputs, outputs: outputs)]
      return
    }
    if let shared = names.first(where: { !$0.contains(Self.placeholder) }) {
      throw PosecamError("\(shared): every video needs outputs of its own; put \(Self.placeholder) into this name too")
    }
    if outputs.serve != nil { throw PosecamError("--serve takes one source, and outputs without \(Self.placeholder)") }

    let inputs = try inputs.flatMap { input throws(VideoError) in
      let videos = try videosIn(folder: input)
      return videos.isEmpty ? [input] : videos
    }
    // By what tells files from each other, however they are called.
    func identity(_ name: String) -> String { OutputNames.identity(name) ?? name }
    var owners: [String: Int] = [:]
    for (index, input) in inputs.enumerated() {
      let own = outputs.named(Self.name(of: input))
      for output in own.names {
        if let other = owners.updateValue(index, forKey: identity(output)), other != index {
          throw PosecamError(
            "\(output): would be written for \(withoutCredentials(inputs[other])) and for \(withoutCredentials(input)); rename one of them"
          )
        }
      }
      jobs.append(Job(inputs: [input], outputs: own))
    }
    for job in jobs { try job.outputs.check(inputs: job.inputs + [model]) }
    if let input = inputs.first(where: { owners[identity($0)] != nil }) {
      throw PosecamError("\(input): is an input, and an output of another; choose another output")
    }
    if skipsExisting {
      if outputs.files.isEmpty {
        throw PosecamError(
          "--skip-existing: no folder tells whether it was finished; write a file too, such as a .jsonl")
      }
      let all = jobs.count
      jobs.removeAll { $0.outputs.names.allSatisfy { FileManager.default.fileExists(atPath: $0) } }
      skipped = all - jobs.count
    }
    for output in named { try Self.makeFolder(of: output) }
  }

  /// Several sources that share their outputs must be pictures.
  private static func checkIsOne(_ inputs: [String]) throws {
    let example = "give outputs with \(placeholder) in their names, as in -o 'annotated/\(placeholder).mp4'"
    if inputs.count > 1, let video = inputs.first(where: { !isPictureName($0) }) {
      throw PosecamError("\(video): several sources need outputs of their own; \(example)")
    }
    guard inputs.count == 1, let videos = try? videosIn(folder: inputs[0], unlessPictures: true), !videos.isEmpty else {
      return
    }
    throw PosecamError(
      "\(inputs[0]): a folder with \(videos.count == 1 ? "a video" : "\(videos.count) videos"); \(example)")
  }

  /// What stands for a source in the names of its outputs.
  static func name(of input: String) -> String {
    let last = ((withoutCredentials(input) as NSString).lastPathComponent as NSString).deletingPathExtension
    let name = last.replacingOccurrences(of: "/", with: "")
    return ["", "-", ".", ".."].contains(name) ? "video" : name
  }

  private static func makeFolder(of output: String) throws(PosecamError) {
    let place = (output.hasSuffix("/") ? String(output.dropLast()) : output) as NSString
    let folder = place.deletingLastPathComponent
    guard !folder.isEmpty, !folder.contains(placeholder), !FileManager.default.fileExists(atPath: folder) else {
      return
    }
    guard mkdir(folder, 0o777) == 0 else { throw PosecamError("\(folder): cannot be made: \(PosecamError.reason)") }
  }
}

extension OutputOptions {
  /// Everything that is written, by name.
  var names: [String] { output + [json, pictures].compactMap { $0 } }

  /// With the placeholder filled in.
  func named(_ name: String) -> OutputOptions {
    func filled(_ text: String) -> String { text.replacingOccurrences(of: Worklist.placeholder, with: name) }
    var own = self
    own.output = output.map(filled)
    (own.json, own.pictures) = (json.map(filled), pictures.map(filled))
    return own
  }
}
