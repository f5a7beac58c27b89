/// What a network's layers are, give and cost.
public struct GraphSummary: Sendable {
  /// A convolution with the batch norm after it.
  public struct Layer: Sendable {
    /// Prefix of its parameters' names.
    public var name: String
    /// "3x3", "depthwise 3x3, stride 2".
    public var kind: String
    public var channels: Int
    /// Pixels of its result for the picture that was asked about.
    public var height: Int
    public var width: Int
    /// Trained ones; running statistics are not among them.
    public var parameters: Int
    public var multiplyAdds: Int
  }

  public private(set) var layers: [Layer] = []

  /// - Parameters:
  ///   - height, width: pixels of the network's input.
  public init(_ graph: Graph, height: Int, width: Int) {
    for (index, node) in graph.nodes.enumerated() {
      let parameters = graph.parameters(ofNode: index).filter { !$0.name.contains(".running_") }
        .reduce(0) { $0 + $1.shape.reduce(1, *) }
      switch node.operation {
      case .convolution(let layer):
        var kind = "\(layer.kernel)x\(layer.kernel)"
        if layer.isDepthwise { kind = "depthwise \(kind)" }
        if layer.stride > 1 { kind += ", stride \(layer.stride)" }
        if layer.dilation > 1 { kind += ", dilation \(layer.dilation)" }
        let size = graph.size(ofNode: index, height: height, width: width)
        layers.append(
          Layer(
            name: node.name, kind: kind, channels: node.channels, height: size.height, width: size.width,
            parameters: parameters, multiplyAdds: graph.multiplyAdds(ofNode: index, height: height, width: width)))
      case .batchNorm: layers[layers.count - 1].parameters += parameters
      default: break
      }
    }
  }
}
