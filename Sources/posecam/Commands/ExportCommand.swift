import ArgumentParser
import Foundation
import Infer
import Tracker

/// `posecam export`: a model in another program's format, or one of another program in ours.
struct ExportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "export",
    abstract: "Writes a model as ONNX, as a PyTorch checkpoint or as safetensors.",
    discussion: """
      posecam export -o student.onnx                   for other runtimes
      posecam export --model m.safetensors -o m.pth    for PyTorch
      posecam export --model m.onnx -o m.safetensors   the other way

      The ending of --output says the format; --model takes all three everywhere. What is written is read back and compared before it is kept. An ONNX file takes \
      pictures of any number and size as 'data' (N,3,H,W), BGR, (x - 128) / 256, gives every stage's heat-maps and fields \
      at an eighth of the size, and names the key points and limbs of its channels in its metadata.
      """)

  @Option(
    help: ArgumentHelp(
      "Model file (safetensors, PyTorch checkpoint or ONNX); the built-in one if absent.", valueName: "file"),
    completion: .models)
  var model: String?
  @Option(
    name: [.short, .long], help: ArgumentHelp("File to write: .onnx, .pth or .safetensors.", valueName: "file"),
    completion: .models)
  var output: String
  @Option(
    help: ArgumentHelp(
      "Let an ONNX file take one picture of this height and width at a time, for runtimes that want a fixed size.",
      valueName: "256x456"))
  var size: NetworkSize?

  private var format: ModelFormat? { ModelFormat(ending: URL(fileURLWithPath: output).pathExtension) }

  func validate() throws {
    guard let format else {
      throw ValidationError("--output: '\(output)' ends in none of .onnx, .pth, .pt and .safetensors.")
    }
    if let size {
      guard format == .onnx else { throw ValidationError("--size: only ONNX files can be of a fixed size.") }
      guard case .whole = size else { throw ValidationError("--size takes height and width here, such as 256x456.") }
    }
  }

  func run() throws {
    guard let format else { return }
    try OutputNames.check([output], inputs: [model])
    try OutputNames.checkWritable(output)
    let model = try NetworkOptions.loadModel(model)
    var fixed: (height: Int, width: Int)?
    if case .whole(let height, let width)? = size { fixed = (height, width) }
    let data = try model.exported(as: format, size: fixed, metadata: format == .onnx ? Self.meaning : [:])
    try WeightFile.write(data, to: output)
    print(
      "\(output): \(format.rawValue), \(String(format: "%.1f", Double(data.count) / 1e6)) MB, read back: the same network, "
        + "the same weights")
    if format != .safetensors, model.precisions(at: .detected).contains(.int8) {
      print("what int8 needs stays behind: this format holds floats")
    }
  }

  /// What the channels of the maps mean, for those who decode them elsewhere.
  private static var meaning: [String: String] {
    let names = Skeleton.keypointNames
    let limbs = Skeleton.limbs.sorted { $0.x < $1.x }.map { #"["\#(names[$0.a])","\#(names[$0.b])"]"# }
    return [
      "stride": "\(LightweightOpenPose.stride)",
      "heatmaps": "[\((names + ["background"]).map { "\"\($0)\"" }.joined(separator: ","))]",
      // Two channels each, x and y of the unit vector from the first to the second.
      "pafs": "[\(limbs.joined(separator: ","))]",
    ]
  }
}
