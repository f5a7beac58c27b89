import ArgumentParser
import Foundation
import Video

extension PoseFormat: ExpressibleByArgument {}
extension Coordinates: ExpressibleByArgument {}
extension OpenPoseWriter.Order: ExpressibleByArgument {}
extension PoseServer.Address: ExpressibleByArgument {
  init?(argument: String) { self.init(argument) }
}

/// What is written of people, and where.
struct OutputOptions: ParsableArguments {
  @Option(
    name: [.short, .long],
    help: ArgumentHelp(
      "Write to FILE; may be repeated. The name tells the format: .mp4 .mov .mkv .ts annotated video; .png .jpg annotated "
        + "picture; .jsonl JSON lines; .csv table; .json COCO results; a folder/ OpenPose's JSON files; - standard output.",
      valueName: "file"), completion: .file())
  var output: [String] = []

  @Option(
    help: ArgumentHelp(
      "Write every frame, with everyone drawn, as a picture into FOLDER: NAME_rendered.png.", valueName: "folder"),
    completion: .directory)
  var pictures: String?

  @Option(
    help: ArgumentHelp(
      "Format of the outputs that are no video, whatever their names.",
      valueName: "format"))
  var format: PoseFormat?

  @Option(
    help: ArgumentHelp("Write JSON lines to FILE, - for standard output.", valueName: "file"), completion: .file())
  var json: String?

  @Option(
    help: ArgumentHelp(
      "Send JSON lines to the programs that connect to a Unix socket or a port of this machine.",
      valueName: "unix:path|port"))
  var serve: PoseServer.Address?

  @Option(help: "Coordinates: pixel, or normalized to 0...1 across and down the picture.")
  var coordinates = Coordinates.pixel

  @Option(help: "Key points of OpenPose's JSON: its coco model's 18, or body25.")
  var openposeOrder = OpenPoseWriter.Order.coco

  /// The format of an output; nil for video and pictures.
  private func format(of path: String) throws(PosecamError) -> PoseFormat? {
    if VideoWriter.hasExtension(path) || PictureWriter.hasExtension(path) { return nil }
    if let format { return format }
    if path == "-" { return .jsonl }
    if let known = PoseFormat(path: path) { return known }
    if PartialFile.isDevice(path) { return nil }
    throw PosecamError(
      "\(path): its name does not tell the format; use .mp4, .mov, .mkv, .ts, .png, .jpg, .jsonl, .csv, .json, a folder/, or --format"
    )
  }

  var isEmpty: Bool { output.isEmpty && pictures == nil && json == nil && serve == nil }

  /// Whether standard output is taken.
  var usesStandardOutput: Bool { (output + [json].compactMap { $0 }).contains(where: OutputNames.isStandardOutput) }

  func validate() throws {
    if output.contains("") || json == "" || pictures == "" { throw ValidationError("An output has no name.") }
    let formats: [PoseFormat?]
    do {
      formats = try output.map { path throws(PosecamError) in try format(of: path) }
    } catch { throw ValidationError(error.description) }
    if let format,
      let video = output.first(where: {
        VideoWriter.hasExtension($0) || PictureWriter.hasExtension($0)
      })
    {
      throw ValidationError("\(video): a video's or picture's name; --format \(format.rawValue) is for other outputs.")
    }
    if let format, format != .openpose, let folder = output.first(where: { $0.hasSuffix("/") }) {
      throw ValidationError("\(folder): a folder's name; --format \(format.rawValue) is one file.")
    }
    if let video = zip(output, formats).filter({
      $0.1 == nil && !PictureWriter.hasExtension($0.0)
    }).dropFirst().first {
      throw ValidationError("\(video.0): one annotated video is written at a time.")
    }
    if coordinates != .pixel, formats.contains(.coco) {
      throw ValidationError("COCO results are in pixels; leave out --coordinates \(coordinates.rawValue).")
    }
  }

  /// Refuses what would overwrite an input, or one output by another, before anything is opened.
  func check(inputs: [String?]) throws(PosecamError) {
    try OutputNames.check(output + [json, pictures], inputs: inputs)
  }

  /// Outputs that appear under their names when they are whole, as files do and folders do not.
  var files: [String] { output.filter { (try? format(of: $0)) != .openpose } + (json.map { [$0] } ?? []) }

  /// Opens all outputs.
  func open(
    _ stream: PoseStream, startTime: Double, video settings: AnnotatedVideo.Settings, keepsParts: Bool = true,
    _ measurements: Measurements
  ) throws -> Outputs {
    var writers: [any PoseWriter] = []
    var drawn: [any DrawnOutput] = []
    for path in output {
      if let format = try format(of: path) {
        writers.append(try format.writer(path: path, stream, coordinates: coordinates, order: openposeOrder))
      } else if PictureWriter.hasExtension(path) {
        drawn.append(try AnnotatedPictures(path: path, stream, settings: settings, measurements))
      } else {
        drawn.append(try AnnotatedVideo(path: path, settings: settings, measurements: measurements))
      }
    }
    if let json { writers.append(try JSONLinesWriter(path: json, stream, coordinates: coordinates)) }
    if let serve { writers.append(try PoseServer(serve, stream, coordinates: coordinates)) }
    if let pictures { drawn.append(try AnnotatedPictures(folder: pictures, stream, settings: settings, measurements)) }
    return Outputs(writers, drawn: drawn, startTime: startTime, keepsParts: keepsParts)
  }
}

extension PoseStream {
  init(_ info: SourceInfo, model: String) {
    self.init(
      source: info.name, width: info.width, height: info.height, model: model, isStill: info.isStill,
      isSingle: info.frameCount == 1, isLive: info.isLive)
  }
}
