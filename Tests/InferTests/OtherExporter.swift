@testable import Infer

/// An ONNX file of a model as another exporter would write it.
struct OtherExporter {
  enum Weights { case raw, listed, halves, listedHalves, doubles }

  var weights = Weights.raw
  var foldsNorms = false
  var swapsSums = false
  /// Weights come from Constant nodes, through Identity nodes.
  var usesConstants = false
  var givesLastStageOnly = false
  var epsilon: Float = 1e-5
  /// Changes a node's operation or attributes: its operation, its name, then the message so far.
  var change: (_ operation: inout String, _ name: String, _ attributes: inout [String: [Int]]) -> Void = { _, _, _ in }
  var isElsewhere = false

  func bytes(of model: Model) -> [UInt8] {
    let graph = model.graph
    var messages: [WireMessage] = []
    var initializers: [(name: String, tensor: Tensor)] = []
    func value(_ index: Int) -> String {
      var index = index
      // A folded norm's value is that of its convolution.
      if foldsNorms, case .convolution = graph.nodes[index].operation, let norm = norm(after: index) { index = norm }
      return index == 0 ? "picture" : "v\(index)"
    }
    func norm(after index: Int) -> Int? {
      graph.readers[index].first { graph.nodes[$0].operation == .batchNorm }
    }
    func values(_ name: String) -> [Float] { model.values(name) }
    func add(_ operation: String, _ index: Int, _ inputs: [String], _ attributes: [String: [Int]] = [:]) {
      var (operation, attributes) = (operation, attributes)
      change(&operation, graph.nodes[index].name, &attributes)
      messages.append(
        WireMessage { node in
          for input in inputs { node.text(1, input) }
          node.text(2, value(index))
          node.text(3, "n\(index)")
          node.text(4, operation)
          for (key, numbers) in attributes {
            node.message(5) { attribute in
              attribute.text(1, key)
              if numbers.count == 1 {
                attribute.integer(3, numbers[0])
              } else {
                for number in numbers { attribute.integer(8, number) }
              }
            }
          }
          if operation == "BatchNormalization" {
            node.message(5) { attribute in
              attribute.text(1, "epsilon")
              attribute.float(2, epsilon)
            }
          }
        })
    }
    for (index, node) in graph.nodes.enumerated() {
      let inputs = node.inputs.map(value)
      switch node.operation {
      case .input, .activation(.none): break
      case .convolution(let layer):
        var weight = values("\(node.name).weight")
        var bias = layer.hasBias ? values("\(node.name).bias") : nil
        if foldsNorms, let norm = norm(after: index) {
          let prefix = graph.nodes[norm].name
          let (scale, shift) = (values("\(prefix).weight"), values("\(prefix).bias"))
          let (mean, variance) = (values("\(prefix).running_mean"), values("\(prefix).running_var"))
          let factors = zip(scale, variance).map { $0 / ($1 + 1e-5).squareRoot() }
          let size = weight.count / factors.count
          for place in weight.indices { weight[place] *= factors[place / size] }
          bias = (0..<factors.count).map { ((bias?[$0] ?? 0) - mean[$0]) * factors[$0] + shift[$0] }
        }
        let shape = model.tensors["\(node.name).weight"]?.shape ?? []
        initializers.append(("w\(index)", Tensor(shape: shape, values: weight)))
        if let bias { initializers.append(("b\(index)", Tensor(shape: [bias.count], values: bias))) }
        let padding = layer.kernel / 2 * layer.dilation
        var attributes = ["pads": [padding, padding, padding, padding], "strides": [layer.stride, layer.stride]]
        if layer.dilation > 1 { attributes["dilations"] = [layer.dilation, layer.dilation] }
        if layer.isDepthwise { attributes["group"] = [node.channels] }
        add("Conv", index, inputs + ["w\(index)"] + (bias == nil ? [] : ["b\(index)"]), attributes)
      case .batchNorm:
        guard !foldsNorms else { continue }
        let keys = ["weight", "bias", "running_mean", "running_var"]
        for key in keys {
          let values = values("\(node.name).\(key)")
          initializers.append(("\(key)\(index)", Tensor(shape: [values.count], values: values)))
        }
        add("BatchNormalization", index, inputs + keys.map { "\($0)\(index)" })
      case .activation(.relu): add("Relu", index, inputs)
      case .activation(.elu): add("Elu", index, inputs)
      case .add: add("Add", index, swapsSums ? inputs.reversed() : inputs)
      case .concatenate: add("Concat", index, inputs, ["axis": [1]])
      }
    }
    return WireMessage { file in
      file.integer(1, 8)
      file.text(2, "other")
      file.message(14) {
        $0.text(1, "architecture")
        $0.text(2, "something that is not ours to read")
      }
      file.message(7) { graphMessage in
        for (name, tensor) in initializers {
          if usesConstants {
            graphMessage.message(1) { node in
              node.text(2, "c\(name)")
              node.text(4, "Constant")
              node.message(5) { attribute in
                attribute.text(1, "value")
                attribute.message(5) { write(tensor, "", into: &$0) }
              }
            }
            graphMessage.message(1) { node in
              node.text(1, "c\(name)")
              node.text(2, name)
              node.text(4, "Identity")
            }
          } else {
            graphMessage.message(5) { write(tensor, name, into: &$0) }
          }
        }
        for message in messages { graphMessage.data(1, message.bytes) }
        graphMessage.message(11) { $0.text(1, "picture") }
        // The fields before the heat-maps: the order is the exporter's.
        for output in graph.outputs.suffix(givesLastStageOnly ? 2 : 100).reversed() {
          graphMessage.message(12) { $0.text(1, value(output.value.node)) }
        }
      }
    }.bytes
  }

  private func write(_ tensor: Tensor, _ name: String, into message: inout WireMessage) {
    for size in tensor.shape { message.integer(1, size) }
    message.text(8, name)
    if isElsewhere { message.integer(14, 1) }
    var bytes: [UInt8] = []
    switch weights {
    case .raw, .listed:
      message.integer(2, 1)
      for value in tensor.values { withUnsafeBytes(of: value) { bytes += $0 } }
    case .halves, .listedHalves:
      message.integer(2, 10)
      // Powers of two are exact: sign, exponent, no fraction.
      for value in tensor.values {
        let bits: UInt16 =
          value == 0 ? 0 : (value < 0 ? 0x8000 : 0) | UInt16(max(1, min(30, Int(value.exponent) + 15))) << 10
        if weights == .listedHalves { message.integer(5, Int(bits)) }
        withUnsafeBytes(of: bits) { bytes += $0 }
      }
      if weights == .listedHalves { return }
    case .doubles:
      message.integer(2, 11)
      for value in tensor.values { withUnsafeBytes(of: Double(value)) { bytes += $0 } }
    }
    message.data(weights == .listed ? 4 : weights == .doubles ? 10 : 9, bytes)
  }
}
