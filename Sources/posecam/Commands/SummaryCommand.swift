import ArgumentParser
import Foundation
import Infer

/// `posecam summary`: what a model file holds.
struct SummaryCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "summary",
    abstract: "Tells what a model is: layers, parameters, multiply-adds, metadata.")

  @Option(
    help: ArgumentHelp(
      "Model file (safetensors, PyTorch checkpoint or ONNX); the built-in one if absent.", valueName: "file"),
    completion: .models)
  var model: String?
  @Option(help: ArgumentHelp("Network input: pixels of height, or height x width.", valueName: "256|256x456"))
  var size = NetworkSize.whole(height: 256, width: 456)
  @Flag(help: "Print one JSON object.") var json = false

  private struct Report: Encodable {
    struct Layer: Encodable {
      var name: String
      var kind: String
      /// Channels, height and width of its result.
      var output: [Int]
      var parameters: Int
      var multiply_adds: Int
    }

    var model: String
    /// Height and width.
    var input: [Int]
    var parameters: Int
    var multiply_adds: Int
    var precisions: [String]
    var layers: [Layer]
    var metadata: [String: String]
  }

  func run() throws {
    let model = try NetworkOptions.loadModel(model)
    let (height, width) = size.pixels
    let summary = GraphSummary(model.graph, height: height, width: width)
    let report = Report(
      model: model.name, input: [height, width], parameters: model.graph.parameterCount,
      multiply_adds: model.graph.multiplyAdds(height: height, width: width),
      precisions: model.precisions(at: .detected).map(\.rawValue),
      layers: summary.layers.map {
        .init(
          name: $0.name, kind: $0.kind, output: [$0.channels, $0.height, $0.width], parameters: $0.parameters,
          multiply_adds: $0.multiplyAdds)
      }, metadata: model.metadata)
    if json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
      return print(String(decoding: try encoder.encode(report), as: UTF8.self))
    }
    show(report)
  }

  private func show(_ report: Report) {
    func row(_ name: String, _ kind: String, _ output: String, _ parameters: Int, _ work: Int) -> String {
      let share = 100 * Double(work) / Double(max(1, report.multiply_adds))
      return name.padding(toLength: 40, withPad: " ", startingAt: 0)
        + kind.padding(toLength: 26, withPad: " ", startingAt: 0)
        + output.padding(toLength: 14, withPad: " ", startingAt: 0)
        + String(format: "%10d %10.1f M %6.1f %%", parameters, Double(work) / 1e6, share)
    }
    print(
      "layer".padding(toLength: 40, withPad: " ", startingAt: 0)
        + "kernel".padding(toLength: 26, withPad: " ", startingAt: 0) + "output        parameters  multiply-adds")
    for layer in report.layers {
      print(
        row(
          layer.name, layer.kind, layer.output.map(String.init).joined(separator: "x"), layer.parameters,
          layer.multiply_adds))
    }
    print(
      "\(report.model.harmless): \(report.parameters) parameters, "
        + String(format: "%.2f G multiply-adds", Double(report.multiply_adds) / 1e9)
        + " at \(report.input[0])x\(report.input[1]); runs at \(report.precisions.joined(separator: ", "))")
    for (key, value) in report.metadata.sorted(by: { $0.key < $1.key }) {
      print("\(key.harmless): \(value.harmless)")
    }
  }
}
