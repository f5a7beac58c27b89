import TestSupport
import Testing

@testable import Infer

/// A small network with random weights, as a file.
func smallWeights(stages: Int = 1, backboneWidth: Double = 0.25, channels: Int = 24) -> WeightFile {
  var network = LightweightOpenPose()
  (network.channels, network.headChannels) = (channels, 40)
  (network.refinementStages, network.backboneWidth) = (stages, backboneWidth)
  var noise = Noise(3)
  var tensors: [String: Tensor] = [:]
  for (name, shape) in network.graph.tensorShapes {
    let fan = Float(shape.dropFirst().reduce(1, *))
    var values = noise.floats(shape.reduce(1, *))
    if name.hasSuffix("running_var") {
      values = values.map { 1 + 0.5 * $0 }
    } else if shape.count == 4 {
      values = values.map { $0 * (6 / fan).squareRoot() }
    }
    tensors[name] = Tensor(shape: shape, values: values)
  }
  return WeightFile(tensors: tensors, metadata: [:])
}

struct ModelTests {
  private func message(_ change: (inout WeightFile) -> Void) -> String {
    var file = smallWeights()
    change(&file)
    do throws(InferError) {
      _ = try Model(file, name: "m")
      return ""
    } catch {
      return error.description
    }
  }

  @Test(arguments: [0, 1, 3])
  func optionsComeFromTheShapes(stages: Int) throws {
    var file = smallWeights(stages: stages)
    file.tensors["model.0.1.num_batches_tracked"] = Tensor(shape: [], values: [7])
    let model = try Model(file, name: "m")
    #expect(model.network.refinementStages == stages)
    #expect(model.network.backboneWidth == 0.25)
    #expect(model.network.channels == 24)
    #expect(model.network.headChannels == 40)
  }

  @Test(arguments: ["-1", "50", "some"])
  func floatLayersMustBeThere(text: String) {
    let complaint = message { $0.metadata["int8_float_layers"] = text }
    #expect(complaint.contains("m: its metadata says int8_float_layers = \(text)"))
    #expect(complaint.contains("posecam quantize"))
  }

  @Test func rangesMustFitTheirLayer() {
    let ranges = Tensor(shape: [5, 3], values: [Float](repeating: 0, count: 15))
    #expect(message { $0.tensors["quantization.junk"] = ranges }.contains("'quantization.junk' does not fit"))
    #expect(message { $0.tensors["quantization.model.0.0"] = ranges }.contains("'model.0.0'"))
  }

  /// In which a dense layer and a depthwise one look alike.
  @Test func layersOfOneChannelAreRefused() {
    #expect(throws: InferError.self) { try Model(smallWeights(backboneWidth: 0.03), name: "m") }
    #expect(throws: InferError.self) { try Model(smallWeights(channels: 1), name: "m") }
  }

  /// Not only those that give the stem a whole number of channels.
  @Test(arguments: [0.05, 0.3, 0.35, 0.45, 0.6, 0.75, 1, 1.1])
  func everyBackboneWidthIsFound(width: Double) throws {
    var file = smallWeights(backboneWidth: width)
    let model = try Model(file, name: "m")
    #expect(model.network.backboneWidth == width)
    file.metadata = ["backbone_width": "\(width)"]
    #expect(try Model(file, name: "m").network.backboneWidth == width)
  }

  /// The average of the weights is the model; what the optimiser keeps is not.
  @Test func aCheckpointHoldsAModel() throws {
    let weights = smallWeights()
    var file = WeightFile(
      tensors: [:], metadata: ["kind": "\(WeightFile.checkpointKind) 1", "provenance": "a run", "step": "3"])
    for (name, tensor) in weights.tensors {
      file.tensors["\(name.contains("running") ? "statistics" : "weights")/\(name)"] = tensor
      file.tensors["mean/\(name)"] = tensor
    }
    var model = try Model(file, name: "last.ckpt")
    #expect(model.tensors == weights.tensors && model.metadata == ["provenance": "a run"])
    let doubled = weights.tensors.mapValues { Tensor(shape: $0.shape, values: $0.values.map { 2 * $0 }) }
    for (name, tensor) in doubled { file.tensors["average/\(name)"] = tensor }
    model = try Model(file, name: "last.ckpt")
    #expect(model.tensors == doubled)
  }

  @Test func metadataMustAgree() throws {
    let right = [
      "architecture": "lightweight-openpose", "backbone_width": "0.25", "channels": "24", "head_channels": "40",
      "refinement_stages": "1", "input": "BGR, (x - 128) / 256",
    ]
    #expect(message { $0.metadata = right } == "")
    #expect(
      message { $0.metadata = right.merging(["channels": "32"]) { $1 } }
        == "m: its metadata says channels = 32, its tensors say 24")
    #expect(message { $0.metadata = right.merging(["refinement_stages": "many"]) { $1 } }.contains("many"))
  }

  @Test func anotherArchitectureIsNamed() {
    let message = message { $0.metadata["architecture"] = "higher-hrnet" }
    #expect(message == "m: its architecture is 'higher-hrnet'; this version runs 'lightweight-openpose'")
  }

  @Test func otherNamesAreNoModel() {
    #expect(
      message { $0.tensors = ["a": Tensor(shape: [1], values: [0])] }.contains("not a Lightweight OpenPose model"))
    #expect(message { $0.tensors = [:] }.contains("not a Lightweight OpenPose model"))
  }

  @Test func missingTensor() {
    #expect(message { $0.tensors["cpm.conv.0.bias"] = nil } == "m: tensor 'cpm.conv.0.bias' is missing")
  }

  @Test func extraTensor() {
    let message = message { $0.tensors["classifier.weight"] = Tensor(shape: [1], values: [0]) }
    #expect(message == "m: 1 tensors belong to no layer of the network, 'classifier.weight' first")
  }

  @Test func misshapenTensor() {
    let message = message {
      $0.tensors["cpm.conv.0.bias"] = Tensor(shape: [23], values: .init(repeating: 0, count: 23))
    }
    #expect(message == "m: tensor 'cpm.conv.0.bias' has shape [23], the network needs [24]")
  }

  @Test(arguments: [Float.nan, .infinity, -.infinity])
  func valueThatIsNoNumber(value: Float) {
    let message = message { $0.tensors["model.3.4.running_mean"]?.values[2] = value }
    #expect(message == "m: tensor 'model.3.4.running_mean' holds a value that is not a number or infinite")
  }

  /// Batch norm divides by the square root of the variance.
  @Test func negativeVariance() {
    let message = message { $0.tensors["model.3.4.running_var"]?.values[2] = -1 }
    #expect(message == "m: tensor 'model.3.4.running_var' holds a negative variance")
  }

  /// Shapes from a hostile file: what the options are read from.
  @Test(arguments: [[], [0], [0, 3, 3, 3]])
  func absurdShapes(shape: [Int]) {
    let values = [Float](repeating: 0, count: shape.reduce(1, *))
    for name in ["model.0.0.weight", "cpm.align.0.weight", "initial_stage.heatmaps.0.0.weight"] {
      #expect(message { $0.tensors[name] = Tensor(shape: shape, values: values) } != "", "\(name) \(shape)")
    }
  }

  @Test func absurdStageNumber() {
    #expect(
      message { file in
        file.tensors = file.tensors.filter { !$0.key.hasPrefix("refinement_stages.") }
        file.tensors["refinement_stages.-5.trunk.0.initial.0.weight"] = Tensor(shape: [1], values: [0])
      }.contains("no network of these proportions"))
    for stage in ["99", "99999999999", "9223372036854775807", "-3"] {
      let name = "refinement_stages.\(stage).trunk.0.initial.0.weight"
      #expect(message { $0.tensors[name] = Tensor(shape: [1], values: [0]) } != "", "\(name)")
    }
  }
}
