/// A model as an ONNX file: the whole network with its batch norms, any number and size of pictures, the reference
/// implementation's names of input and outputs.
///
/// Operator set 13, IR version 7, which every runtime of the last years reads; the fields are those of onnx/onnx.proto3.
enum ONNXWriter {
  static let producer = "posecam"
  static let input = "data"
  private static let float = 1

  /// - Parameters:
  ///   - size: pixels of the only pictures that it takes, one at a time; any number and size if absent.
  ///   - metadata: what the file says of itself.
  static func bytes(
    of model: Model, size: (height: Int, width: Int)?, metadata: [String: String]
  ) -> [UInt8] {
    WireMessage { file in
      file.integer(1, 7)
      file.text(2, producer)
      file.message(7) { graph in write(model, size, into: &graph) }
      file.message(8) { $0.integer(2, 13) }
      for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
        file.message(14) {
          $0.text(1, key)
          $0.text(2, value)
        }
      }
    }.bytes
  }

  /// The reference implementation's name of one of the network's outputs, `stage0_heatmaps` and so on.
  static func name(ofOutput output: String) -> String {
    let parts = output.dropFirst("stage".count).split(separator: "_")
    return "stage_\(parts[0])_output_\(parts[1] == "heatmaps" ? 1 : 0)_\(parts[1])"
  }

  private static func write(
    _ model: Model, _ size: (height: Int, width: Int)?, into file: inout WireMessage
  ) {
    let graph = model.graph
    let outputs = Dictionary(uniqueKeysWithValues: graph.outputs.map { ($0.value.node, name(ofOutput: $0.name)) })
    /// What the value of a node is called.
    func value(_ index: Int) -> String {
      let node = graph.nodes[index]
      if let output = outputs[index] { return output }
      if case .input = node.operation { return input }
      return node.name.isEmpty ? "value_\(index)" : node.name
    }
    for (index, node) in graph.nodes.enumerated() {
      guard let operation = operation(node) else { continue }
      file.message(1) { message in
        for input in node.inputs { message.text(1, value(input)) }
        for parameter in graph.parameters(ofNode: index) { message.text(1, parameter.name) }
        message.text(2, value(index))
        message.text(3, node.name.isEmpty ? "\(operation.name)_\(index)" : node.name)
        message.text(4, operation.name)
        for attribute in operation.attributes { message.message(5, attribute) }
      }
    }
    file.text(2, "Lightweight OpenPose")
    for (name, shape) in graph.tensorShapes {
      file.message(5) { tensor in
        tensor.integers(1, shape)
        tensor.integer(2, float)
        tensor.text(8, name)
        // The elements are little endian, as every processor is that this runs on.
        model.values(name).withUnsafeBytes { tensor.data(9, $0) }
      }
    }
    file.message(11) { declare(input, 3, size.map { ($0.height, $0.width) }, ("height", "width"), in: &$0) }
    for output in graph.outputs {
      let cells = size.map { graph.size(ofNode: output.value.node, height: $0.height, width: $0.width) }
      file.message(12) {
        declare(
          outputs[output.value.node] ?? output.name, graph.nodes[output.value.node].channels,
          cells.map { ($0.height, $0.width) }, ("map_height", "map_width"), in: &$0)
      }
    }
  }

  /// What ONNX calls a node's operation, and its attributes.
  private static func operation(
    _ node: Graph.Node
  ) -> (name: String, attributes: [(inout WireMessage) -> Void])? {
    func integers(_ key: String, _ values: [Int]) -> (inout WireMessage) -> Void {
      {
        $0.text(1, key)
        $0.integers(8, values)
        $0.integer(20, 7)
      }
    }
    func integer(_ key: String, _ value: Int) -> (inout WireMessage) -> Void {
      {
        $0.text(1, key)
        $0.integer(3, value)
        $0.integer(20, 2)
      }
    }
    func number(_ key: String, _ value: Float) -> (inout WireMessage) -> Void {
      {
        $0.text(1, key)
        $0.float(2, value)
        $0.integer(20, 1)
      }
    }
    switch node.operation {
    case .input, .activation(.none): return nil
    case .convolution(let layer):
      let padding = layer.kernel / 2 * layer.dilation
      return (
        "Conv",
        [
          integers("dilations", [layer.dilation, layer.dilation]),
          integer("group", layer.isDepthwise ? node.channels : 1),
          integers("kernel_shape", [layer.kernel, layer.kernel]),
          integers("pads", [padding, padding, padding, padding]),
          integers("strides", [layer.stride, layer.stride]),
        ]
      )
    case .batchNorm: return ("BatchNormalization", [number("epsilon", 1e-5)])
    case .activation(.relu): return ("Relu", [])
    case .activation(.elu): return ("Elu", [number("alpha", 1)])
    case .add: return ("Add", [])
    case .concatenate: return ("Concat", [integer("axis", 1)])
    }
  }

  /// A float tensor (N, channels, rows, columns).
  private static func declare(
    _ name: String, _ channels: Int, _ size: (Int, Int)?, _ names: (String, String), in message: inout WireMessage
  ) {
    message.text(1, name)
    message.message(2) { type in
      type.message(1) { tensor in
        tensor.integer(1, float)
        tensor.message(2) { shape in
          shape.message(1) { if size != nil { $0.integer(1, 1) } else { $0.text(2, "batch") } }
          shape.message(1) { $0.integer(1, channels) }
          shape.message(1) { if let size { $0.integer(1, size.0) } else { $0.text(2, names.0) } }
          shape.message(1) { if let size { $0.integer(1, size.1) } else { $0.text(2, names.1) } }
        }
      }
    }
  }
}
