/// A network as data flow: what is computed from what, and with which parameters. It holds no weights and runs nothing;
/// `Plan`, the summary, and the check of a weight file all read it.
public struct Graph: Sendable {
  /// A value in the graph: the node that computes it.
  public struct Value: Hashable, Sendable {
    package let node: Int
  }

  package enum Activation: Sendable, Equatable {
    case none, relu
    /// x for x > 0, else exp(x) - 1.
    case elu
  }

  package struct Convolution: Sendable, Equatable {
    package var outputs: Int
    package var kernel: Int
    package var stride: Int
    package var dilation: Int
    /// Every channel by itself: one kernel per channel, `outputs` equal to the input's channels.
    package var isDepthwise: Bool
    package var hasBias: Bool
  }

  package enum Operation: Sendable, Equatable {
    case input
    case convolution(Convolution)
    /// Normalisation by running statistics; epsilon 1e-5.
    case batchNorm
    case activation(Activation)
    case add
    case concatenate
  }

  package struct Node: Sendable {
    /// Prefix of its parameters' names, as PyTorch's state dict has them; empty for nodes without parameters.
    package var name: String
    package var operation: Operation
    package var inputs: [Int]
    package var channels: Int
    /// Pixels of the network's input per pixel of this value, both ways.
    package var stride: Int
  }

  package init() {}

  package private(set) var nodes: [Node] = []
  /// What the network gives, by name, in order.
  public private(set) var outputs: [(name: String, value: Value)] = []

  // MARK: - Declaring

  package mutating func input(channels: Int) -> Value {
    append(Node(name: "", operation: .input, inputs: [], channels: channels, stride: 1))
  }

  /// Zero padding keeps the size, divided by the stride and rounded up.
  package mutating func convolution(
    _ input: Value, _ name: String, to outputs: Int, kernel: Int, stride: Int = 1, dilation: Int = 1, bias: Bool
  ) -> Value {
    let convolution = Convolution(
      outputs: outputs, kernel: kernel, stride: stride, dilation: dilation, isDepthwise: false, hasBias: bias)
    return append(
      Node(
        name: name, operation: .convolution(convolution), inputs: [input.node], channels: outputs,
        stride: nodes[input.node].stride * stride))
  }

  /// 3 × 3, without bias.
  package mutating func depthwise(_ input: Value, _ name: String, stride: Int = 1, dilation: Int = 1) -> Value {
    let channels = nodes[input.node].channels
    let convolution = Convolution(
      outputs: channels, kernel: 3, stride: stride, dilation: dilation, isDepthwise: true, hasBias: false)
    return append(
      Node(
        name: name, operation: .convolution(convolution), inputs: [input.node], channels: channels,
        stride: nodes[input.node].stride * stride))
  }

  package mutating func batchNorm(_ input: Value, _ name: String) -> Value {
    derive(name, .batchNorm, [input], channels: nodes[input.node].channels)
  }

  package mutating func relu(_ input: Value) -> Value {
    derive("", .activation(.relu), [input], channels: nodes[input.node].channels)
  }

  package mutating func elu(_ input: Value) -> Value {
    derive("", .activation(.elu), [input], channels: nodes[input.node].channels)
  }

  package mutating func add(_ first: Value, _ second: Value) -> Value {
    derive("", .add, [first, second], channels: nodes[first.node].channels)
  }

  package mutating func concatenate(_ inputs: [Value]) -> Value {
    derive("", .concatenate, inputs, channels: inputs.reduce(0) { $0 + nodes[$1.node].channels })
  }

  package mutating func output(_ name: String, _ value: Value) {
    outputs.append((name, value))
  }

  private mutating func derive(_ name: String, _ operation: Operation, _ inputs: [Value], channels: Int) -> Value {
    append(
      Node(
        name: name, operation: operation, inputs: inputs.map(\.node), channels: channels,
        stride: nodes[inputs[0].node].stride))
  }

  private mutating func append(_ node: Node) -> Value {
    nodes.append(node)
    return Value(node: nodes.count - 1)
  }

  // MARK: - Reading

  /// Every parameter and running statistic with its shape, in the order of the graph.
  public var tensorShapes: [(name: String, shape: [Int])] { nodes.indices.flatMap(parameters(ofNode:)) }

  /// Parameters and running statistics of a node with their shapes, in the order in which it takes them.
  func parameters(ofNode index: Int) -> [(name: String, shape: [Int])] {
    let node = nodes[index]
    switch node.operation {
    case .convolution(let convolution):
      let inputs = convolution.isDepthwise ? 1 : nodes[node.inputs[0]].channels
      let weight = ("\(node.name).weight", [convolution.outputs, inputs, convolution.kernel, convolution.kernel])
      return convolution.hasBias ? [weight, ("\(node.name).bias", [convolution.outputs])] : [weight]
    case .batchNorm:
      return ["weight", "bias", "running_mean", "running_var"].map { ("\(node.name).\($0)", [node.channels]) }
    default:
      return []
    }
  }

  /// Number of trained parameters; running statistics are not among them.
  public var parameterCount: Int {
    tensorShapes.reduce(0) { $1.name.contains(".running_") ? $0 : $0 + $1.shape.reduce(1, *) }
  }

  /// Multiply-adds of all convolutions for an input of this size.
  public func multiplyAdds(height: Int, width: Int) -> Int {
    nodes.indices.reduce(0) { $0 + multiplyAdds(ofNode: $1, height: height, width: width) }
  }

  func multiplyAdds(ofNode index: Int, height: Int, width: Int) -> Int {
    guard case .convolution(let convolution) = nodes[index].operation else { return 0 }
    let inputs = convolution.isDepthwise ? 1 : nodes[nodes[index].inputs[0]].channels
    let size = size(ofNode: index, height: height, width: width)
    return size.height * size.width * convolution.outputs * inputs * convolution.kernel * convolution.kernel
  }

  package func size(ofNode index: Int, height: Int, width: Int) -> (height: Int, width: Int) {
    let stride = nodes[index].stride
    return ((height + stride - 1) / stride, (width + stride - 1) / stride)
  }

  /// Nodes that read each node.
  package var readers: [[Int]] {
    var readers = [[Int]](repeating: [], count: nodes.count)
    for (index, node) in nodes.enumerated() {
      for input in node.inputs { readers[input].append(index) }
    }
    return readers
  }
}
