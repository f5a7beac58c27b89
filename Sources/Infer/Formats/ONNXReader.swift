/// Weights from an ONNX file: this program's own, PyTorch's or another exporter's, batch norms folded into the convolutions or
/// not.
///
/// Names are the exporter's business. What a weight belongs to is found by walking from the maps of the last stage towards the
/// picture, in the file and in the declared network at once; where the two differ, the file is of another network.
struct ONNXReader {
  private let file: ONNXFile
  private let name: String
  private let graph: Graph
  /// What the file calls the value of each of the network's nodes.
  private var values: [Int: String] = [:]
  private var tensors: [String: Tensor] = [:]
  /// Elements that may still be read; many layers that share one weight must not let a small file claim any amount of memory.
  private var remaining: Int

  static func read(_ bytes: UnsafeRawBufferPointer, name: String) throws(InferError) -> WeightFile {
    let file = try ONNXFile(bytes, name: name)
    var reader = try ONNXReader(file, size: bytes.count, name: name)
    try reader.matchOutputs()
    // Others' metadata may use our words for their things.
    return WeightFile(tensors: reader.tensors, metadata: file.producer == ONNXWriter.producer ? file.metadata : [:])
  }

  private init(_ file: ONNXFile, size: Int, name: String) throws(InferError) {
    (self.file, self.name, remaining) = (file, name, size)
    graph = try Self.network(of: file, name: name).graph
  }

  // MARK: - Which network it is

  /// The network's proportions, from the shapes of its first convolution and of those before the heat-maps.
  private static func network(of file: ONNXFile, name: String) throws(InferError) -> LightweightOpenPose {
    // The maps themselves; other layers may have as many channels, but a norm or an activation follows them.
    let followed = Set(
      file.nodes.filter { ["BatchNormalization", "Relu", "Elu"].contains($0.operation) }.compactMap(\.inputs.first)
        .map(file.plain))
    let heads = file.nodes.filter { node in
      file.kernels(node)?[0] == 19 && !node.outputs.contains(where: followed.contains)
    }
    // All else depends on the backbone, which is a chain: the stem and the ends of its blocks are the first dense layers.
    let dense = file.nodes.lazy.filter { $0.integer("group", 1) == 1 }.compactMap(file.kernels)
    let widths = Array(dense.prefix(LightweightOpenPose.widthLayers.count).map { $0[0] })
    guard let head = heads.first, let inner = file.kernels(head)?[1],
      let channels = convolution(before: head.inputs[0], in: file).flatMap(file.kernels)?[1]
    else { throw InferError("\(name): an ONNX file, but not of Lightweight OpenPose: no layer gives 19 heat-maps") }
    guard let width = LightweightOpenPose.backboneWidth(of: widths) else {
      throw InferError(
        "\(name): an ONNX file, but not of Lightweight OpenPose: its first layers have \(widths) channels")
    }
    var network = LightweightOpenPose()
    network.backboneWidth = width
    (network.channels, network.headChannels) = (channels, inner)
    network.refinementStages = heads.count - 1
    try network.check(name: name)
    return network
  }

  /// The convolution at or before a value, what has one input passed over.
  private static func convolution(before value: String, in file: ONNXFile) -> ONNXFile.Node? {
    var value = value
    for _ in 0..<8 {
      guard let node = file.producer(value).map({ file.nodes[$0] }), let input = node.inputs.first else { return nil }
      if node.operation == "Conv" { return node }
      value = input
    }
    return nil
  }

  // MARK: - Which weight is whose

  private mutating func matchOutputs() throws(InferError) {
    // A file may give the maps of all stages or of the last alone, in any order.
    for output in graph.outputs.suffix(2) {
      let channels = graph.nodes[output.value.node].channels
      let last = file.outputs.compactMap { value -> (place: Int, value: String)? in
        let value = file.plain(value)
        guard let place = file.producer(value), file.kernels(file.nodes[place])?[0] == channels else { return nil }
        return (place, value)
      }.max { $0.place < $1.place }
      guard let last else {
        throw InferError("\(name): none of its outputs is a layer of \(channels) maps, as Lightweight OpenPose has")
      }
      try match(output.value.node, last.value)
    }
  }

  private mutating func match(_ index: Int, _ given: String) throws(InferError) {
    let value = file.plain(given)
    if let known = values[index] {
      guard known == value else {
        throw InferError("\(name): '\(value)' is used where Lightweight OpenPose uses '\(known)' again")
      }
      return
    }
    values[index] = value
    let node = graph.nodes[index]
    switch node.operation {
    case .input:
      guard file.inputs.contains(value) else { throw unlike(node, producer(value)) }
    case .convolution(let convolution):
      let theirs = try expect("Conv", value, node)
      try match(node.inputs[0], try convolve(theirs, convolution, node))
      if convolution.hasBias {
        tensors["\(node.name).bias"] = try bias(theirs, channels: node.channels)
      } else if theirs.inputs.count > 2, !theirs.inputs[2].isEmpty {
        throw unlike(node, theirs)
      }
    case .batchNorm:
      guard let theirs = producer(value) else { throw unlike(node, nil) }
      if theirs.operation == "Conv" { try matchFolded(node, theirs) } else { try matchNorm(node, value) }
    case .activation(.relu):
      try match(node.inputs[0], try input(try expect("Relu", value, node), 0))
    case .activation(.elu):
      let theirs = try expect("Elu", value, node)
      if case .number(let alpha)? = theirs.attributes["alpha"], alpha != 1 { throw unlike(node, theirs) }
      try match(node.inputs[0], try input(theirs, 0))
    case .activation(.none):
      try match(node.inputs[0], value)
    case .add:
      let theirs = try expect("Add", value, node)
      var inputs = [try input(theirs, 0), try input(theirs, 1)]
      // A sum has no order; the two terms differ in what they are.
      if node.inputs.map(kind) != inputs.map(kind), node.inputs.map(kind) == inputs.reversed().map(kind) {
        inputs.reverse()
      }
      for (ours, input) in zip(node.inputs, inputs) { try match(ours, input) }
    case .concatenate:
      let theirs = try expect("Concat", value, node)
      guard theirs.inputs.count == node.inputs.count, theirs.integer("axis", 1) == 1 else { throw unlike(node, theirs) }
      for (ours, input) in zip(node.inputs, theirs.inputs) { try match(ours, input) }
    }
  }

  /// Checks a convolution's attributes, takes its weights and tells its input.
  private mutating func convolve(
    _ theirs: ONNXFile.Node, _ ours: Graph.Convolution, _ node: Graph.Node
  ) throws(InferError) -> String {
    let (stride, dilation) = (ours.stride, ours.dilation)
    let padding = ours.kernel / 2 * dilation
    let groups = ours.isDepthwise ? node.channels : 1
    guard theirs.integers("strides", [1, 1]) == [stride, stride], theirs.integer("group", 1) == groups,
      theirs.integers("dilations", [1, 1]) == [dilation, dilation],
      theirs.integers("pads", [0, 0, 0, 0]) == [padding, padding, padding, padding],
      ["NOTSET", ""].contains(theirs.text("auto_pad", ""))
    else { throw unlike(node, theirs) }
    tensors["\(node.name).weight"] = try weight(theirs, 1)
    return try input(theirs, 0)
  }

  private mutating func matchNorm(_ node: Graph.Node, _ value: String) throws(InferError) {
    let theirs = try expect("BatchNormalization", value, node)
    for (place, key) in ["weight", "bias", "running_mean", "running_var"].enumerated() {
      tensors["\(node.name).\(key)"] = try weight(theirs, place + 1)
    }
    if case .number(let epsilon)? = theirs.attributes["epsilon"], epsilon != Self.epsilon {
      guard epsilon > 0, epsilon.isFinite else { throw unlike(node, theirs) }
      putIntoVariance(epsilon, of: node.name)
    }
    try match(node.inputs[0], try input(theirs, 0))
  }

  /// What every batch norm of ours adds to its variance.
  private static let epsilon: Float = 1e-5

  /// Changes a norm that adds another epsilon to its variance so that it gives the same with that.
  private mutating func putIntoVariance(_ epsilon: Float, of norm: String) {
    guard var variance = tensors["\(norm).running_var"], var weight = tensors["\(norm).weight"],
      variance.values.count == weight.values.count
    else { return }
    for (channel, value) in variance.values.enumerated() where value >= 0 {
      variance.values[channel] = max(0, value + (epsilon - Self.epsilon))
      // Smaller than ours can be: then the factor must be larger.
      weight.values[channel] *= ((variance.values[channel] + Self.epsilon) / (value + epsilon)).squareRoot()
    }
    (tensors["\(norm).running_var"], tensors["\(norm).weight"]) = (variance, weight)
  }

  /// A batch norm that the exporter folded into the convolution before it becomes one that only adds.
  private mutating func matchFolded(_ node: Graph.Node, _ theirs: ONNXFile.Node) throws(InferError) {
    let before = graph.nodes[node.inputs[0]]
    guard case .convolution(let convolution) = before.operation else { throw unlike(node, theirs) }
    let input = try convolve(theirs, convolution, before)
    func constant(_ value: Float) -> Tensor {
      Tensor(shape: [node.channels], values: [Float](repeating: value, count: node.channels))
    }
    tensors["\(node.name).weight"] = constant(1)
    tensors["\(node.name).bias"] = try bias(theirs, channels: node.channels)
    tensors["\(node.name).running_mean"] = constant(0)
    tensors["\(node.name).running_var"] = constant(1 - 1e-5)
    if convolution.hasBias { tensors["\(before.name).bias"] = constant(0) }
    try match(before.inputs[0], input)
  }

  private mutating func bias(_ node: ONNXFile.Node, channels: Int) throws(InferError) -> Tensor {
    guard node.inputs.count > 2, !node.inputs[2].isEmpty else {
      return Tensor(shape: [channels], values: [Float](repeating: 0, count: channels))
    }
    return try weight(node, 2)
  }

  private mutating func weight(_ node: ONNXFile.Node, _ place: Int) throws(InferError) -> Tensor {
    guard let stored = file.weight(node, place) else {
      throw InferError(
        "\(name): weights of its node '\(node.name)' (\(node.operation)) are missing or computed; a float model with "
          + "constant weights is needed")
    }
    remaining -= Tensor.count(of: stored.shape) ?? remaining + 1
    guard remaining >= 0 else { throw InferError("\(name): its layers claim more weights than the file has bytes") }
    return try file.floats(of: stored)
  }

  // MARK: - Words for what is there

  private func producer(_ value: String) -> ONNXFile.Node? { file.producer(value).map { file.nodes[$0] } }

  private func expect(_ operation: String, _ value: String, _ node: Graph.Node) throws(InferError) -> ONNXFile.Node {
    guard let theirs = producer(value), theirs.operation == operation, ["", "ai.onnx"].contains(theirs.domain) else {
      throw unlike(node, producer(value))
    }
    return theirs
  }

  private func input(_ node: ONNXFile.Node, _ place: Int) throws(InferError) -> String {
    guard place < node.inputs.count else {
      throw InferError("\(name): its node '\(node.name)' (\(node.operation)) has no input \(place)")
    }
    return node.inputs[place]
  }

  /// What tells the terms of a sum apart: the activation at its end and the kernel of the convolution before.
  private func kind(_ index: Int) -> String {
    var node = graph.nodes[index]
    var kind = ""
    while true {
      switch node.operation {
      case .activation(.elu): kind += "Elu "
      case .convolution(let convolution): return "\(kind)\(convolution.kernel)"
      case .activation, .batchNorm: break
      default: return kind
      }
      node = graph.nodes[node.inputs[0]]
    }
  }

  private func kind(_ value: String) -> String {
    var (value, kind) = (file.plain(value), "")
    for _ in 0..<8 {
      guard let node = producer(value), let input = node.inputs.first else { break }
      if node.operation == "Elu" { kind += "Elu " }
      if let kernels = file.kernels(node) { return "\(kind)\(kernels[3])" }
      value = file.plain(input)
    }
    return kind
  }

  private func unlike(_ ours: Graph.Node, _ theirs: ONNXFile.Node?) -> InferError {
    let found =
      theirs.map { "its node '\($0.name.prefix(100))' (\($0.operation.prefix(100)))" } ?? "an input or a constant"
    let wanted: String
    switch ours.operation {
    case .input: wanted = "the picture itself, (x - 128) / 256, comes in"
    case .convolution(let layer):
      wanted =
        "the layer '\(ours.name)' is, a \(layer.isDepthwise ? "depthwise " : "")convolution of \(layer.kernel)x\(layer.kernel), "
        + "stride \(layer.stride), dilation \(layer.dilation)"
    case .batchNorm: wanted = "the batch norm '\(ours.name)' is"
    case .activation(.elu): wanted = "an ELU is"
    case .activation: wanted = "a ReLU is"
    case .add: wanted = "a sum is"
    case .concatenate: wanted = "the features and the maps of the stage before are joined"
    }
    return InferError("\(name): not Lightweight OpenPose: \(found) is where \(wanted)")
  }
}

extension ONNXFile.Node {
  fileprivate func integer(_ key: String, _ usual: Int) -> Int {
    if case .integer(let value)? = attributes[key] { value } else { usual }
  }

  fileprivate func integers(_ key: String, _ usual: [Int]) -> [Int] {
    if case .integers(let value)? = attributes[key] { value } else { usual }
  }

  fileprivate func text(_ key: String, _ usual: String) -> String {
    if case .text(let value)? = attributes[key] { value } else { usual }
  }
}
