import Foundation

/// A network with its weights, checked to fit each other.
public struct Model: Sendable {
  /// What people call it: its file's name, or "built in".
  public let name: String
  public let network: LightweightOpenPose
  public let graph: Graph
  public let metadata: [String: String]
  package let tensors: [String: Tensor]
  /// What the channels of the layers' results lie between, by the layer's name; empty if the model was not calibrated for bytes.
  let ranges: [String: [ChannelRange]]
  /// Weights in bytes, by the layer's name, where they were not rounded to the nearest.
  let roundedWeights: [String: [Int8]]
  /// The weights as plans read them; filled when the first plan is made.
  let packed = PackedWeights()

  private static let rangePrefix = "quantization."
  private static let roundedSuffix = ".weight"

  /// Reads a model file: safetensors, a PyTorch checkpoint of the reference implementation, ONNX, or a run's checkpoint.
  public init(contentsOf path: String) throws(InferError) {
    try self.init(WeightFile(contentsOf: path), name: URL(fileURLWithPath: path).lastPathComponent)
  }

  /// - Parameter name: what messages call the file.
  public init(_ file: WeightFile, name: String) throws(InferError) {
    let file = file.model
    self.name = name
    metadata = file.metadata
    network = try Self.network(of: file, name: name)
    graph = network.graph

    var tensors: [String: Tensor] = [:]
    for (tensorName, shape) in graph.tensorShapes {
      guard let tensor = file.tensors[tensorName] else {
        throw InferError("\(name): tensor '\(tensorName)' is missing")
      }
      guard tensor.shape == shape else {
        throw InferError("\(name): tensor '\(tensorName)' has shape \(tensor.shape), the network needs \(shape)")
      }
      guard tensor.values.allSatisfy(\.isFinite) else {
        throw InferError("\(name): tensor '\(tensorName)' holds a value that is not a number or infinite")
      }
      // Batch norm divides by its square root.
      guard !tensorName.hasSuffix(".running_var") || tensor.values.allSatisfy({ $0 >= 0 }) else {
        throw InferError("\(name): tensor '\(tensorName)' holds a negative variance")
      }
      tensors[tensorName] = tensor
    }
    ranges = try Self.ranges(in: file, name: name, weights: tensors)
    roundedWeights = try Self.roundedWeights(in: file, name: name, weights: tensors)
    // Batch norm's step counter is PyTorch's bookkeeping; anything else that is left over means another network.
    let extra = file.tensors.keys.filter {
      tensors[$0] == nil && !$0.hasSuffix(".num_batches_tracked") && !$0.hasPrefix(Self.rangePrefix)
    }
    if let first = extra.min() {
      throw InferError("\(name): \(extra.count) tensors belong to no layer of the network, '\(first)' first")
    }
    self.tensors = tensors
    floatLayers = try Self.floatLayers(in: metadata, graph: graph, name: name)
  }

  /// A tensor that the initialiser has checked to be there.
  func values(_ name: String) -> [Float] {
    guard let tensor = tensors[name] else { preconditionFailure("the model was checked to hold '\(name)'") }
    return tensor.values
  }

  /// Metadata of a calibrated model: how alike its poses are at int8 and f32 (mean OKS of matched poses), and the least that
  /// its maker accepts.
  public static let agreementKey = "int8_agreement"
  public static let leastAgreementKey = "int8_least_agreement"

  /// Metadata of a calibrated model: how many of the first layers stay with floats at int8, since their results are read by
  /// all others and have the finest differences.
  public static let floatLayersKey = "int8_float_layers"

  /// First layers that compute with floats at int8, depthwise and pointwise ones counted as one.
  let floatLayers: Int

  private static func floatLayers(
    in metadata: [String: String], graph: Graph, name: String
  ) throws(InferError) -> Int {
    guard let text = metadata[floatLayersKey] else { return 0 }
    do throws(InferError) {
      guard let count = Int(text), count >= 0 else { throw InferError("no number of layers") }
      _ = try PlanLayout(graph, height: 64, width: 64, of: .bytes(after: count))
      return count
    } catch {
      throw InferError(
        "\(name): its metadata says \(floatLayersKey) = \(text.prefix(20)): \(error); 'posecam quantize' makes it anew")
    }
  }

  /// The fastest precision: int8 where its poses are within the limit that the model records, else bf16 where the processor
  /// multiplies it faster than floats, as other engines do by default: most key points move by a fraction of a pixel, faint
  /// ones may come or go. docs/model-card.md tells what that costs the built-in network.
  public func bestPrecision(at level: CPULevel = .detected) -> Precision {
    if !ranges.isEmpty, level.hasFastBytes, let agreement = metadata[Self.agreementKey].flatMap({ Double($0) }),
      let least = metadata[Self.leastAgreementKey].flatMap({ Double($0) }), agreement >= least
    {
      return .int8
    }
    return level.hasFastHalves ? .bf16 : .f32
  }

  /// What plans at this level can compute with.
  public func precisions(at level: CPULevel) -> [Precision] {
    Precision.allCases.filter { precision in
      switch precision {
      case .f32: true
      case .bf16: level.hasHalves
      case .int8: !ranges.isEmpty
      }
    }
  }

  /// This model with ranges for bytes, as a file.
  /// - Parameter rounded: weights in bytes by layer; those of other layers are rounded to the nearest.
  public func file(
    ranges: [String: [ChannelRange]], rounded: [String: [Int8]] = [:], metadata added: [String: String]
  ) -> WeightFile {
    var file = WeightFile(tensors: tensors, metadata: metadata)
    file.metadata.merge(added) { $1 }
    for (layer, ranges) in ranges {
      file.tensors[Self.rangePrefix + layer] = Tensor(
        shape: [ranges.count, 3], values: ranges.flatMap { [$0.low, $0.high, $0.mean] })
    }
    for (layer, bytes) in rounded {
      file.tensors[Self.rangePrefix + layer + Self.roundedSuffix] = Tensor(
        shape: tensors["\(layer).weight"]?.shape ?? [bytes.count], values: bytes.map(Float.init), isBytes: true)
    }
    return file
  }

  private static func ranges(
    in file: WeightFile, name: String, weights: [String: Tensor]
  ) throws(InferError) -> [String: [ChannelRange]] {
    var ranges: [String: [ChannelRange]] = [:]
    for (key, tensor) in file.tensors where key.hasPrefix(rangePrefix) && !key.hasSuffix(roundedSuffix) {
      let starts = stride(from: 0, to: tensor.values.count, by: 3)
      guard tensor.shape.count == 2, tensor.shape[1] == 3, tensor.values.allSatisfy({ abs($0) < 1e30 }),
        starts.allSatisfy({ tensor.values[$0] <= tensor.values[$0 + 1] })
      else { throw InferError("\(name): tensor '\(key)' holds no ranges of numbers") }
      let layer = String(key.dropFirst(rangePrefix.count))
      guard weights["\(layer).weight"]?.shape.first == tensor.shape[0] else {
        throw InferError("\(name): tensor '\(key)' does not fit the channels of a layer '\(layer)'")
      }
      ranges[layer] = starts.map {
        ChannelRange(low: tensor.values[$0], high: tensor.values[$0 + 1], mean: tensor.values[$0 + 2])
      }
    }
    return ranges
  }

  private static func roundedWeights(
    in file: WeightFile, name: String, weights: [String: Tensor]
  ) throws(InferError) -> [String: [Int8]] {
    var rounded: [String: [Int8]] = [:]
    for (key, tensor) in file.tensors where key.hasPrefix(rangePrefix) && key.hasSuffix(roundedSuffix) {
      let layer = String(key.dropFirst(rangePrefix.count).dropLast(roundedSuffix.count))
      guard let weight = weights["\(layer).weight"], weight.shape == tensor.shape else {
        throw InferError("\(name): tensor '\(key)' does not fit the weights of a layer '\(layer)'")
      }
      let bytes = tensor.values.compactMap { Int8(exactly: $0) }
      guard bytes.count == tensor.values.count, !bytes.contains(-128) else {
        throw InferError("\(name): tensor '\(key)' holds what is no whole number of -127 to 127")
      }
      rounded[layer] = bytes
    }
    return rounded
  }

  /// The network's options: from the metadata, or from the shapes of the tensors where there is none.
  private static func network(of file: WeightFile, name: String) throws(InferError) -> LightweightOpenPose {
    if let architecture = file.metadata["architecture"], architecture != LightweightOpenPose.architecture {
      throw InferError(
        "\(name): its architecture is '\(architecture)'; this version runs '\(LightweightOpenPose.architecture)'")
    }
    let widths = LightweightOpenPose.widthLayers.compactMap { file.tensors["\($0).weight"]?.shape.first }
    guard widths.count == LightweightOpenPose.widthLayers.count, let align = file.tensors["cpm.align.0.weight"],
      let head = file.tensors["initial_stage.heatmaps.0.0.weight"], !align.shape.isEmpty, !head.shape.isEmpty
    else { throw InferError("\(name): not a Lightweight OpenPose model: its tensors have other names") }

    var network = LightweightOpenPose()
    let claimed = file.metadata["backbone_width"].flatMap(Double.init)
    guard let width = LightweightOpenPose.backboneWidth(of: widths, claimed: claimed) else {
      throw InferError("\(name): no factor on the channels of its backbone gives \(widths)")
    }
    network.backboneWidth = width
    network.channels = align.shape[0]
    network.headChannels = head.shape[0]
    let stages = file.tensors.keys.compactMap { key -> Int? in
      let parts = key.split(separator: ".", maxSplits: 2)
      return parts.first == "refinement_stages" && parts.count > 1 ? Int(parts[1]) : nil
    }
    let lastStage = stages.max() ?? -1
    guard lastStage < 16 else {
      throw InferError("\(name): no network with a refinement stage \(lastStage) is supported")
    }
    network.refinementStages = lastStage + 1

    func option<Value: LosslessStringConvertible & Equatable>(
      _ key: String, is value: Value, as type: Value.Type
    ) throws(InferError) {
      guard let text = file.metadata[key] else { return }
      guard type.init(text) == value else {
        throw InferError("\(name): its metadata says \(key) = \(text), its tensors say \(value)")
      }
    }
    try option("backbone_width", is: network.backboneWidth, as: Double.self)
    try option("channels", is: network.channels, as: Int.self)
    try option("head_channels", is: network.headChannels, as: Int.self)
    try option("refinement_stages", is: network.refinementStages, as: Int.self)
    try network.check(name: name)
    return network
  }
}

extension WeightFile {
  /// What a run's checkpoint says it is, before a number.
  package static let checkpointKind = "posecam training checkpoint"

  /// The model in a run's checkpoint, which holds other things too: the average of its weights, or where it keeps none the last
  /// ones. Any other file is as it is.
  public var model: WeightFile {
    guard metadata["kind"]?.hasPrefix(Self.checkpointKind) == true else { return self }
    var model = WeightFile(tensors: [:], metadata: metadata.filter { $0.key == "provenance" && !$0.value.isEmpty })
    for kind in ["weights/", "statistics/", "average/"] {
      for (name, tensor) in tensors where name.hasPrefix(kind) {
        model.tensors[String(name.dropFirst(kind.count))] = tensor
      }
    }
    return model
  }
}
