import Foundation
import Infer
import TestSupport
import Testing

/// `export` as a process.
@Suite(.enabled(if: Program.isPresent, Program.absence))
struct ExportCommandTests {
  /// Out and in again through every format: the maps of a tensor stay the same to the last bit.
  @Test func aModelGoesAroundThroughAllFormats() throws {
    let folder = try Folder()
    var noise = Noise(2)
    let input = Tensor(shape: [1, 3, 40, 72], values: noise.floats(3 * 40 * 72))
    try WeightFile(tensors: ["input": input], metadata: [:]).write(to: folder.path("in.safetensors"))
    let steps = """
      posecam export -o a.onnx && posecam export --model a.onnx -o b.pth && posecam export --model b.pth -o c.safetensors
      """
    let outcome = try Program.run(steps, in: folder)
    #expect(outcome.status == 0 && outcome.errors == "", "\(outcome.errors)")
    #expect(outcome.output.contains("a.onnx: ONNX, "))
    #expect(outcome.output.contains("b.pth: PyTorch checkpoint, "))
    #expect(outcome.output.contains("what int8 needs stays behind"))
    for model in ["", "--model a.onnx", "--model b.pth", "--model c.safetensors"] {
      let name = model.isEmpty ? "first" : "other"
      let run = try Program.run("posecam forward \(model) --input in.safetensors -o \(name).safetensors", in: folder)
      #expect(run.status == 0, "\(run.errors)")
      let first = try WeightFile(contentsOf: folder.path("first.safetensors")).tensors
      let other = try WeightFile(contentsOf: folder.path("\(name).safetensors")).tensors
      #expect(first == other, "\(model)")
    }
    let about = try WeightFile(contentsOf: folder.path("c.safetensors")).metadata
    #expect(about["provenance"]?.contains("posecam") == true && about["pafs"]?.contains("neck") == true)
  }

  @Test func wrongUsageSaysSo() throws {
    let folder = try Folder()
    for (line, word) in [
      ("posecam export -o model.bin", ".onnx"), ("posecam export -o model", ".onnx"),
      ("posecam export -o m.pth --size 256x456", "ONNX"), ("posecam export -o m.onnx --size 256", "256x456"),
    ] {
      let outcome = try Program.run(line, in: folder)
      #expect(outcome.status == 64 && outcome.errors.contains(word), "\(line): \(outcome.errors)")
    }
    #expect(try folder.contents().isEmpty)
  }

  @Test func whatCannotBeWrittenLeavesNothing() throws {
    let folder = try Folder()
    try Data("text".utf8).write(to: URL(fileURLWithPath: folder.path("not.onnx")))
    for (line, word) in [
      ("posecam export -o /dev/full/m.onnx", "/dev/full/m.onnx"), ("posecam export -o none/m.onnx", "none/m.onnx"),
      ("posecam export --model not.onnx -o m.pth", "not.onnx"),
      ("posecam export --model gone.onnx -o m.pth", "gone.onnx"),
    ] {
      let outcome = try Program.run(line, in: folder)
      #expect(outcome.status == 1 && outcome.errors.contains(word) && outcome.complaints.count == 1, "\(line)")
    }
    let same = try Program.run("posecam export -o m.onnx && posecam export --model m.onnx -o ./m.onnx", in: folder)
    #expect(same.status == 1 && same.errors.contains("is the input itself"))
    #expect(try folder.contents() == ["m.onnx", "not.onnx"])
  }
}

/// `summary` as a process.
@Suite(.enabled(if: Program.isPresent, Program.absence))
struct SummaryCommandTests {
  @Test func theTableAndTheObjectSayTheSame() throws {
    struct Report: Decodable {
      struct Layer: Decodable {
        var name: String
        var output: [Int]
      }
      var parameters: Int
      var multiply_adds: Int
      var layers: [Layer]
      var metadata: [String: String]
    }
    let folder = try Folder()
    let object = try Program.run("posecam summary --json", in: folder)
    let report = try JSONDecoder().decode(Report.self, from: Data(object.output.utf8))
    #expect(report.layers.first?.output == [16, 128, 228] && report.metadata["channels"] == "64")
    let table = try Program.run("posecam summary", in: folder)
    #expect(table.status == 0 && table.output.contains("built in: \(report.parameters) parameters"))
    for layer in report.layers { #expect(table.output.contains("\(layer.name) ")) }
  }
}
