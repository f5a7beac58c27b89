import Foundation

/// A network with its weights, checked to fit each other.
public struct Model: Sendable {
  /// What people call it: its file's name, or "built in".
  public let name: String
  public let network: LightweightOpenPose
  public let graph: Graph
  public let metadata: [String: String]
  package let tensors: [String: Tensor]

  /// Reads a model file: safetensors, or a PyTorch checkpoint of the reference implementation.
  public init(contentsOf path: String) throws(InferError) {
    try self.init(WeightFile(contentsOf: path), name: URL(fileURLWithPath: path).lastPathComponent)
  }

  /// - Parameter name: what messages call the file.
  public init(_ file: WeightFile, name: String) throws(InferError) {
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
    // Batch norm's step counter is PyTorch's bookkeeping; anything else that is left over means another network.
    let extra = file.tensors.keys.filter { tensors[$0] == nil && !$0.hasSuffix(".num_batches_tracked") }
    if let first = extra.min() {
      throw InferError("\(name): \(extra.count) tensors belong to no layer of the network, '\(first)' first")
    }
    self.tensors = tensors
  }

  /// The network's options: from the metadata, or from the shapes of the tensors where there is none.
  private static func network(of file: WeightFile, name: String) throws(InferError) -> LightweightOpenPose {
    if let architecture = file.metadata["architecture"], architecture != LightweightOpenPose.architecture {
      throw InferError(
        "\(name): its architecture is '\(architecture)'; this version runs '\(LightweightOpenPose.architecture)'")
    }
    guard let stem = file.tensors["model.0.0.weight"], let align = file.tensors["cpm.align.0.weight"],
      let head = file.tensors["initial_stage.heatmaps.0.0.weight"], !stem.shape.isEmpty, !align.shape.isEmpty,
      !head.shape.isEmpty
    else { throw InferError("\(name): not a Lightweight OpenPose model: its tensors have other names") }

    var network = LightweightOpenPose()
    network.backboneWidth = Double(stem.shape[0]) / 32
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
    // Far above any network that runs; what it keeps out is a file of a few bytes that claims a million stages.
    guard network.refinementStages <= 16, (1...4096).contains(network.channels),
      (1...4096).contains(network.headChannels),
      (0.01...8).contains(network.backboneWidth)
    else { throw InferError("\(name): no network of these proportions is supported: \(network)") }
    return network
  }
}
