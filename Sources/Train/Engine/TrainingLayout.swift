import CKernels
import Infer

/// What of a graph is computed together in training, and how its values lie in memory.
struct TrainingLayout {
  /// Nodes computed together.
  struct Step {
    var node: Int
    var output: Int
    var activation = Graph.Activation.none
  }

  let steps: [Step]
  private let graph: Graph
  private let readers: [[Int]]
  private let (count, height, width): (Int, Int, Int)
  /// Steps of batch norm, by the node they read.
  private let batchNorms: [Int: Step]
  /// The nodes that batch norms read, by what these give.
  private let normalisedNodes: [Int: Int]
  private let normalisedByReader: Set<Int>
  private let inPanels: Set<Int>
  private let margins: [Int: Int]
  private let isHalf: Bool

  /// - Parameter isHalf: whether panels are kept in bfloat16.
  init(_ graph: Graph, count: Int, height: Int, width: Int, isHalf: Bool) throws(TrainError) {
    self.graph = graph
    (self.count, self.height, self.width) = (count, height, width)
    self.isHalf = isHalf
    let readers = graph.readers
    self.readers = readers
    steps = try Self.steps(of: graph)
    let outputs = Set(graph.outputs.map(\.value.node))
    let isStaged = { (node: Int) in Self.isStaged(graph.nodes[node].operation) }

    let norms = steps.filter { graph.nodes[$0.node].operation == .batchNorm }
    batchNorms = Dictionary(uniqueKeysWithValues: norms.map { (graph.nodes[$0.node].inputs[0], $0) })
    normalisedNodes = Dictionary(uniqueKeysWithValues: norms.map { ($0.output, graph.nodes[$0.node].inputs[0]) })
    let normalisedByReader = Set(
      norms.map(\.output).filter { !outputs.contains($0) && readers[$0].count == 1 && isStaged(readers[$0][0]) })
    self.normalisedByReader = normalisedByReader

    // Panels are for values that only see the cache, not each other's neighbours.
    inPanels = Set(
      steps.filter { step in
        normalisedByReader.contains(step.output)
          || isStaged(step.node) && !outputs.contains(step.output)
            && readers[step.output].allSatisfy { isStaged($0) || graph.nodes[$0].operation == .batchNorm }
      }.map(\.output))

    // As far as the kernels reach that read a value, or, of gradients, that computed it.
    var margins: [Int: Int] = [:]
    for step in steps {
      guard case .convolution(let convolution) = graph.nodes[step.node].operation, !isStaged(step.node) else {
        continue
      }
      let reach = convolution.kernel / 2 * convolution.dilation
      for node in [graph.nodes[step.node].inputs[0], step.output] { margins[node] = max(reach, margins[node] ?? 0) }
    }
    self.margins = margins
  }

  private static func steps(of graph: Graph) throws(TrainError) -> [Step] {
    let readers = graph.readers
    let outputs = Set(graph.outputs.map(\.value.node))
    var fused: Set<Int> = []
    var steps: [Step] = []
    for (index, node) in graph.nodes.enumerated() where !fused.contains(index) {
      var step = Step(node: index, output: index)
      let only = readers[index].count == 1 && !outputs.contains(index) ? readers[index].first : nil
      switch node.operation {
      case .input: continue
      case .convolution, .batchNorm:
        if let only, case .activation(let activation) = graph.nodes[only].operation,
          node.operation != .batchNorm || activation != .elu
        {
          (step.output, step.activation) = (only, activation)
          fused.insert(only)
        }
        guard node.operation == .batchNorm else { break }
        guard case .convolution = graph.nodes[node.inputs[0]].operation, readers[node.inputs[0]].count == 1,
          !outputs.contains(node.inputs[0])
        else {
          throw TrainError("\(node.name): training needs a convolution before batch norm that nothing else reads")
        }
      case .activation, .add, .concatenate: break
      }
      guard outputs.contains(step.output) || !readers[step.output].isEmpty else {
        throw TrainError("node \(index) '\(node.name)' of the network leads to no output")
      }
      steps.append(step)
    }
    return steps
  }

  /// Whether a layer brings what it reads into the cache by itself: 1 × 1 and depthwise convolutions.
  private static func isStaged(_ operation: Graph.Operation) -> Bool {
    guard case .convolution(let convolution) = operation else { return false }
    return convolution.isDepthwise || convolution.kernel == 1 && convolution.stride == 1
  }

  func isStaged(_ node: Int) -> Bool { Self.isStaged(graph.nodes[node].operation) }

  /// Whether what batch norm gives exists only in the cache of the layer that reads it.
  func isNormalisedByReader(_ node: Int) -> Bool { normalisedByReader.contains(node) }

  /// What the batch norm read that gives `node`.
  func normalised(_ node: Int) -> Int {
    guard let input = normalisedNodes[node] else { preconditionFailure("node \(node) is no batch norm") }
    return input
  }

  func batchNorm(after node: Int) -> Step? { batchNorms[node] }

  // MARK: - Shapes

  func shape(_ node: Int) -> Pictures.Shape {
    let size = graph.size(ofNode: node, height: height, width: width)
    // 3 × 3 convolutions take the few channels of a picture as they are.
    let isPadded = node != 0 || readers[0].contains(where: isStaged)
    let shape = Pictures.Shape(
      count: count, height: size.height, width: size.width, channels: graph.nodes[node].channels,
      margin: margins[node] ?? 0, isPadded: isPadded)
    guard inPanels.contains(node) else { return shape }
    // What comes through batch norm is of the kind of what that read.
    return shape.inPanels(isHalf: isHalf && inPanels.contains(normalisedNodes[node] ?? node))
  }

  /// The gradient of a node lies as the node does.
  func gradientShape(_ node: Int) -> Pictures.Shape { shape(node) }

  // MARK: - Needs of layers

  /// Parts in which a layer takes sums over pixels; `nil` if it does not.
  func parts(_ node: Int, _ kernels: TrainingKernels) -> Int32? {
    guard case .convolution(let convolution) = graph.nodes[node].operation, isStaged(node) else { return nil }
    let (input, output) = (shape(graph.nodes[node].inputs[0]), shape(node))
    return convolution.isDepthwise
      ? DepthwiseLayer.needs(convolution, input: input, output: output, kernels: kernels).parts
      : ck_pointwise_parts(output.extent)
  }

  func scratch(_ kernels: TrainingKernels, _ memory: FloatMemory) throws(TrainError) -> Scratch {
    var (partials, weights, packed, transforms) = (0, 0, 0, 0)
    for step in steps {
      let node = graph.nodes[step.node]
      guard case .convolution(let convolution) = node.operation else { continue }
      let (input, output) = (shape(node.inputs[0]), shape(step.output))
      var needed = (packed: 0, transforms: 0)
      if convolution.isDepthwise {
        needed.transforms =
          DepthwiseLayer.needs(convolution, input: input, output: output, kernels: kernels).scratch
      } else if isStaged(step.node) {
        needed = PointwiseLayer.scratch(input: input, output: output, kernels: kernels)
      } else {
        needed = ConvolutionLayer.scratch(convolution, input: input, output: output, kernels: kernels)
        weights = max(weights, convolution.kernel * convolution.kernel * input.depth * output.depth)
        partials = max(partials, Int(ck_band_parts(output.extent)) * output.depth)
      }
      (packed, transforms) = (max(packed, needed.packed), max(transforms, needed.transforms))
    }
    return Scratch(
      partials: try memory.zeros(partials), packed: try memory.zeros(packed), weights: try memory.zeros(weights),
      transforms: try memory.zeros(transforms))
  }
}
