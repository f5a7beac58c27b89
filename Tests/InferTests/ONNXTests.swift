import Foundation
import TestSupport
import Testing

@testable import Infer

struct ONNXTests {
  private func model(stages: Int = 1) throws -> Model { try Model(smallWeights(stages: stages), name: "m") }

  private func read(_ bytes: [UInt8]) throws(InferError) -> Model {
    try Model(WeightFile(Data(bytes), name: "theirs.onnx"), name: "theirs.onnx")
  }

  private func message(_ bytes: [UInt8]) -> String {
    do throws(InferError) {
      _ = try read(bytes)
      return ""
    } catch {
      return error.description
    }
  }

  /// All maps of a small picture.
  private func maps(_ model: Model) throws -> [Float] {
    let plan = try Plan(model, height: 40, width: 56, threads: 1)
    var noise = Noise(5)
    noise.floats(3 * 40 * 56).withUnsafeBufferPointer { plan.setInput(planes: $0) }
    plan.run()
    return try model.graph.outputs.flatMap { output in
      var planes: [Float] = []
      try plan.copyOutput(output.name, into: &planes)
      return planes
    }
  }

  private func largest(_ first: [Float], _ second: [Float]) -> Float {
    first.count == second.count ? zip(first, second).map { abs($0 - $1) }.max() ?? 0 : .infinity
  }

  @Test(arguments: [0, 1, 2])
  func exportedFilesReadBackBitForBit(stages: Int) throws {
    let model = try model(stages: stages)
    let bytes = ONNXWriter.bytes(of: model, size: nil, metadata: ["provenance": "here"])
    let copy = try read(bytes)
    #expect(copy.tensors == model.tensors && copy.network == model.network)
    #expect(copy.metadata == ["provenance": "here"])
    #expect(try read(ONNXWriter.bytes(of: model, size: (64, 96), metadata: [:])).tensors == model.tensors)
  }

  @Test func outputsHaveTheReferencesNames() throws {
    let bytes = ONNXWriter.bytes(of: try model(), size: nil, metadata: [:])
    let outputs = try bytes.withUnsafeBytes { bytes in try ONNXFile(bytes, name: "m").outputs }
    #expect(
      outputs == [
        "stage_0_output_1_heatmaps", "stage_0_output_0_pafs", "stage_1_output_1_heatmaps", "stage_1_output_0_pafs",
      ])
  }

  @Test func othersFilesAreReadAsTheyAre() throws {
    let model = try model(stages: 2)
    for exporter in [
      OtherExporter(), OtherExporter(weights: .listed), OtherExporter(weights: .doubles),
      OtherExporter(swapsSums: true), OtherExporter(usesConstants: true), OtherExporter(givesLastStageOnly: true),
    ] {
      let copy = try read(exporter.bytes(of: model))
      #expect(copy.tensors == model.tensors && copy.network == model.network, "\(exporter)")
      #expect(copy.metadata.isEmpty, "others' metadata is theirs")
    }
  }

  /// Layers of the backbone and the stages may have as many channels as there are maps.
  @Test(arguments: [(0.3, 24), (0.25, 19), (0.25, 38), (0.05, 8)])
  func channelsLikeMapsAreNoMaps(width: Double, channels: Int) throws {
    let model = try Model(smallWeights(stages: 2, backboneWidth: width, channels: channels), name: "m")
    for exporter in [OtherExporter(), OtherExporter(foldsNorms: true)] {
      #expect(try read(exporter.bytes(of: model)).network == model.network)
    }
  }

  @Test func foldedNormsGiveTheSameMaps() throws {
    let model = try model(stages: 2)
    let expected = try maps(model)
    let scale = expected.map(abs).max() ?? 0
    for exporter in [OtherExporter(foldsNorms: true), OtherExporter(foldsNorms: true, swapsSums: true)] {
      let error = largest(try maps(try read(exporter.bytes(of: model))), expected)
      #expect(error <= 1e-5 * scale, "\(error) of \(scale)")
    }
  }

  @Test func otherEpsilonsGoIntoTheVariance() throws {
    let model = try model()
    let copy = try read(OtherExporter(epsilon: 1e-3).bytes(of: model))
    let (theirs, ours) = (copy.values("model.0.1.running_var"), model.values("model.0.1.running_var"))
    #expect(largest(theirs, ours.map { $0 + 0.99e-3 }) < 1e-6)
  }

  /// A variance of 0 with an epsilon below ours: the factor is larger than ours can be.
  @Test func smallerEpsilonsGiveTheSameFactor() throws {
    var file = smallWeights()
    let name = "model.0.1"
    file.tensors["\(name).running_var"]?.values[0] = 0
    let copy = try read(OtherExporter(epsilon: 1e-7).bytes(of: try Model(file, name: "m")))
    func factor(_ values: (String) -> [Float], _ epsilon: Float) -> [Float] {
      zip(values("\(name).weight"), values("\(name).running_var")).map { $0 / ($1 + epsilon).squareRoot() }
    }
    let expected = factor({ file.tensors[$0]?.values ?? [] }, 1e-7)
    let pairs = zip(factor(copy.values, 1e-5), expected)
    #expect(pairs.allSatisfy { abs($0 - $1) <= 1e-4 * abs($1) })
  }

  /// As they are, and in numbers of 32 bits each.
  @Test(arguments: [OtherExporter.Weights.halves, .listedHalves])
  func halvesAreRead(_ weights: OtherExporter.Weights) throws {
    let model = try model()
    let copy = try read(OtherExporter(weights: weights).bytes(of: model))
    for name in ["model.0.0.weight", "model.0.1.running_var"] {
      let pairs = zip(copy.values(name), model.values(name))
      #expect(pairs.allSatisfy { $0 * $1 > 0 && abs($0) <= abs($1) && abs($0) * 2 > abs($1) }, "\(name)")
    }
  }

  @Test func anotherNetworkIsNamed() throws {
    let model = try model()
    func complaint(
      _ layer: String, _ change: @escaping (inout String, inout [String: [Int]]) -> Void
    ) -> String {
      var exporter = OtherExporter()
      exporter.change = { if $1 == layer { change(&$0, &$2) } }
      return message(exporter.bytes(of: model))
    }
    #expect(complaint("model.2.0") { $1["strides"] = [1, 1] }.contains("'model.2.0' is, a depthwise convolution"))
    #expect(complaint("model.2.3") { $1["pads"] = [0, 0, 1, 1] }.contains("'model.2.3'"))
    #expect(complaint("model.7.0") { $1["dilations"] = [1, 1] }.contains("stride 1, dilation 2"))
    #expect(complaint("cpm.align.0") { $1["group"] = [2] }.contains("'cpm.align.0'"))
    #expect(
      complaint("model.3.1") { operation, _ in operation = "Softmax" }.contains("(Softmax) is where the batch norm"))
    var exporter = OtherExporter()
    exporter.change = { operation, _, _ in if operation == "Relu" { operation = "LeakyRelu" } }
    #expect(message(exporter.bytes(of: model)).contains("(LeakyRelu) is where a ReLU is"))
    exporter.change = { operation, _, _ in if operation == "Concat" { operation = "Sum" } }
    #expect(message(exporter.bytes(of: model)).contains("(Sum)"))
    #expect(message(OtherExporter(isElsewhere: true).bytes(of: model)).contains("without external data"))
    let nothing = WireMessage { $0.integer(1, 8) }.bytes
    #expect(message(nothing).contains("neither a model file nor"))
    let empty = WireMessage {
      $0.integer(1, 8)
      $0.message(7) { $0.text(2, "empty") }
    }.bytes
    #expect(message(empty).contains("no layer gives 19 heat-maps"))
  }

  @Test func everyTruncationIsAnError() throws {
    let bytes = OtherExporter().bytes(of: try Model(smallWeights(backboneWidth: 0.05), name: "m"))
    for length in stride(from: 1, to: bytes.count, by: bytes.count / 100) {
      #expect(!message(Array(bytes.prefix(length))).isEmpty, "\(length) of \(bytes.count) bytes")
    }
  }

  /// Whatever is in a file, it ends in a model or a message: bytes of the structure, not of the weights, are overwritten.
  @Test func damagedFilesNeverTrap() throws {
    var exporter = OtherExporter()
    exporter.usesConstants = true
    let bytes = exporter.bytes(of: try Model(smallWeights(backboneWidth: 0.05), name: "m"))
    let words = Array("nvwbcpicture".utf8)
    let places = bytes.indices.filter { $0 > 0 && (bytes[$0] < 0x20 || words.contains(bytes[$0])) }
    var noise = Noise(11)
    for _ in 0..<200 {
      var damaged = bytes
      for _ in 0..<Int.random(in: 1...3, using: &noise) {
        damaged[places.randomElement(using: &noise) ?? 0] = UInt8.random(in: 0...255, using: &noise)
      }
      _ = message(damaged)
    }
  }

  /// Identity nodes in a ring, and a value that is its own input.
  @Test func ringsEnd() throws {
    let bytes = WireMessage { file in
      file.integer(1, 8)
      file.message(7) { graph in
        for (input, output) in [("a", "b"), ("b", "a")] {
          graph.message(1) { node in
            node.text(1, input)
            node.text(2, output)
            node.text(4, "Identity")
          }
        }
        graph.message(1) { node in
          for input in ["a", "w"] { node.text(1, input) }
          node.text(2, "maps")
          node.text(4, "Conv")
        }
        graph.message(5) { tensor in
          tensor.integers(1, [19, 8, 1, 1])
          tensor.integer(2, 1)
          tensor.text(8, "w")
          tensor.data(9, [UInt8](repeating: 0, count: 19 * 8 * 4))
        }
        graph.message(12) { $0.text(1, "maps") }
      }
    }.bytes
    #expect(message(bytes).contains("theirs.onnx"))
  }

  /// A name that thousands of nodes take would be compared for hours.
  @Test func namesAreShort() throws {
    let bytes = WireMessage { file in
      file.integer(1, 8)
      file.message(7) { graph in
        graph.message(1) { node in
          node.text(1, String(repeating: "e\u{301}", count: 300))
          node.text(2, "maps")
          node.text(4, "Identity")
        }
      }
    }.bytes
    #expect(message(bytes) == "theirs.onnx: a name of 900 bytes; the file is damaged")
  }
}

struct ModelExportTests {
  @Test(arguments: ModelFormat.allCases)
  func everyFormatReadsBack(format: ModelFormat) throws {
    var file = smallWeights()
    file.metadata = ["provenance": "here", "int8_agreement": "0.99"]
    let model = try Model(file, name: "m")
    let data = try model.exported(as: format, metadata: ["stride": "8"])
    let copy = try Model(WeightFile(data, name: "copy"), name: "copy")
    #expect(copy.tensors == model.tensors)
    #expect(copy.metadata["provenance"] == "here" && copy.metadata["stride"] == "8")
    #expect(copy.metadata["channels"] == "24")
    #expect((copy.metadata["int8_agreement"] == nil) == (format != .safetensors), "others know no ranges")
    #expect(try model.exported(as: format, metadata: ["stride": "8"]) == data, "equal models, equal files")
  }

  @Test func rangesForBytesStay() throws {
    let model = try Model(smallWeights(), name: "m")
    var calibration = Calibration()
    let plan = try Plan(model, height: 40, width: 56, threads: 1)
    var noise = Noise(5)
    noise.floats(3 * 40 * 56).withUnsafeBufferPointer { plan.setInput(planes: $0) }
    calibration.observe(plan)
    calibration.beginCounting()
    calibration.observe(plan)
    let calibrated = try Model(model.file(ranges: calibration.ranges(.extremes), metadata: [:]), name: "m")
    let copy = try Model(WeightFile(calibrated.exported(as: .safetensors), name: "copy"), name: "copy")
    #expect(!copy.ranges.isEmpty && copy.ranges == calibrated.ranges)
    let plain = try Model(WeightFile(calibrated.exported(as: .onnx), name: "copy"), name: "copy")
    #expect(plain.ranges.isEmpty)
  }
}
