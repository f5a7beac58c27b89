import ArgumentParser
import Foundation
import Infer
import Tracker
import Video

/// `posecam group`: maps to key points and poses, for comparison with other software.
struct GroupCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "group",
    abstract: "Groups given heat-maps and fields into poses and writes them as JSON.",
    discussion: """
      Writes {"keypoints": 18 lists of [x, y, score, id] in up-sampled pixels, "entries": lists of 18 ids or -1, total score, \
      number of key points}.
      """)

  @Option(
    help: ArgumentHelp("Safetensors file with NAME/heatmaps (19,h,w) and NAME/pafs (38,h,w).", valueName: "file"),
    completion: .file(extensions: ["safetensors"]))
  var maps: String
  @Option(name: .customLong("case"), help: ArgumentHelp("Which maps of the file.", valueName: "name"))
  var name: String
  @Option(help: "Up-sampled pixels per cell: 4 or 8.")
  var upsample = 4
  @Flag(help: "Exactly as the reference implementation, quirks included.")
  var compat = false
  @Option(
    name: [.short, .long], help: ArgumentHelp("JSON file to write, - for standard output.", valueName: "file"),
    completion: .file())
  var output: String

  func validate() throws {
    guard upsample == 4 || upsample == 8 else { throw ValidationError("--upsample takes 4 or 8.") }
  }

  func run() throws {
    try OutputNames.check([output], inputs: [maps])
    let file = try WeightFile(contentsOf: maps)
    func tensor(_ kind: String, _ channels: Int) throws -> Tensor {
      guard let tensor = file.tensors["\(name)/\(kind)"] else {
        throw PosecamError("\(maps): holds no '\(name)/\(kind)'")
      }
      guard tensor.shape.count == 3, tensor.shape[0] == channels,
        tensor.shape[1...].allSatisfy({ (1...4096).contains($0) })
      else { throw PosecamError("\(maps): '\(name)/\(kind)' has shape \(tensor.shape), not (\(channels),h,w)") }
      return tensor
    }
    let (heatmaps, fields) = (try tensor("heatmaps", Skeleton.heatmapCount), try tensor("pafs", Skeleton.fieldCount))
    guard heatmaps.shape[1...] == fields.shape[1...] else {
      throw PosecamError(
        "\(maps): heat-maps of \(heatmaps.shape[1...]) and fields of \(fields.shape[1...]) differ in size")
    }
    var fieldMaps = FieldMaps(width: heatmaps.shape[2], height: heatmaps.shape[1])
    (fieldMaps.heatmaps, fieldMaps.fields) = (heatmaps.values, fields.values)
    var options = PoseAssembler.Options()
    options.upsample = upsample
    options.isCompatible = compat
    var assembler = PoseAssembler(options: options)
    let grouping = assembler.group(fieldMaps)

    let keypoints = grouping.keypoints.map { candidates in
      candidates.map { [Double($0.x), Double($0.y), Double($0.score), Double($0.id)] }
    }
    let entries = grouping.entries.map { $0.ids.map(Double.init) + [Double($0.totalScore), Double($0.count)] }
    guard keypoints.joined().joined().allSatisfy(\.isFinite), entries.joined().allSatisfy(\.isFinite) else {
      throw PosecamError("\(maps): its numbers are so large that sums of them are infinite")
    }
    let json: [String: Any] = ["keypoints": keypoints, "entries": entries]
    let data = try JSONSerialization.data(withJSONObject: json, options: [.sortedKeys]) + Data("\n".utf8)
    guard output != "-" else { return print(String(decoding: data, as: UTF8.self), terminator: "") }
    try PartialFile.write(String(decoding: data, as: UTF8.self), to: output)
  }
}
