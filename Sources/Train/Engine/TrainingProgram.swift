import CKernels
import Infer

/// Which layers a graph becomes for training, and where values and gradients lie.
///
/// Activations are computed with the convolution or batch norm before them. A gradient lives from the last reader of a value
/// back to the layer that computed it; gradients of one shape share memory, and batch norm leaves its own in its input.
struct TrainingProgram {
  private(set) var layers: [any Layer] = []
  /// Of the graph's nodes that the layers compute; tensors are named after them.
  private(set) var names: [String] = []
  private(set) var values: [Int: Pictures] = [:]
  private(set) var outputGradients: [Pictures] = []
  let input: Pictures

  /// Nodes computed together.
  private struct Step {
    var node: Int
    var output: Int
    var activation = Graph.Activation.none
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
        if node.operation == .batchNorm, readers[node.inputs[0]].count > 1 || outputs.contains(node.inputs[0]) {
          throw TrainError("\(node.name): training needs what batch norm reads to be read by nothing else")
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

  private static func convolution(_ operation: Graph.Operation) -> Graph.Convolution? {
    if case .convolution(let convolution) = operation { convolution } else { nil }
  }

  init(
    _ graph: Graph, count: Int, height: Int, width: Int, kernels: TrainingKernels, parameters: ParameterSet,
    gradients: ParameterSet, statistics: ParameterSet, memory: FloatMemory
  ) throws(TrainError) {
    let steps = try Self.steps(of: graph)

    // Margins: of values, as far as the kernels reach that read them; of gradients, as far as the one that computed them.
    var margins: [Int: Int] = [:]
    var gradientMargins: [Int: Int] = [:]
    for step in steps {
      guard let convolution = Self.convolution(graph.nodes[step.node].operation) else { continue }
      let reach = convolution.kernel / 2 * convolution.dilation
      margins[graph.nodes[step.node].inputs[0]] = max(reach, margins[graph.nodes[step.node].inputs[0]] ?? 0)
      gradientMargins[step.output] = reach
    }
    let normalised = Set(
      steps.filter { graph.nodes[$0.node].operation == .batchNorm }.map { graph.nodes[$0.node].inputs[0] })
    for node in normalised { margins[node] = max(margins[node] ?? 0, gradientMargins[node] ?? 0) }

    func shape(_ node: Int, margin: Int, isPadded: Bool = true) -> Pictures.Shape {
      let size = graph.size(ofNode: node, height: height, width: width)
      return Pictures.Shape(
        count: count, height: size.height, width: size.width, channels: graph.nodes[node].channels, margin: margin,
        isPadded: isPadded)
    }
    // Dense convolutions take the few channels of a picture as they are.
    let isDense = graph.readers[0].allSatisfy { Self.convolution(graph.nodes[$0].operation)?.isDepthwise == false }
    input = try Pictures(shape(0, margin: margins[0] ?? 0, isPadded: !isDense), in: memory)
    values[0] = input
    for step in steps {
      values[step.output] = try Pictures(shape(step.output, margin: margins[step.output] ?? 0), in: memory)
    }

    // Gradients, in the order of the way back.
    var places: [Int: Pictures] = [:]
    var free: [Pictures.Shape: [Pictures]] = [:]
    func place(_ node: Int) throws(TrainError) -> GradientPlace {
      if let pictures = places[node] { return GradientPlace(pictures: pictures, adds: true) }
      if normalised.contains(node), let pictures = values[node] {
        places[node] = pictures
        return GradientPlace(pictures: pictures, adds: false)
      }
      let shape = shape(node, margin: gradientMargins[node] ?? 0)
      var pictures = free[shape]?.popLast()
      if pictures == nil { pictures = try Pictures(shape, in: memory) }
      guard let pictures else { preconditionFailure("no place for a gradient") }
      places[node] = pictures
      return GradientPlace(pictures: pictures, adds: false)
    }
    for output in graph.outputs { outputGradients.append(try place(output.value.node).pictures) }
    var ways: [(step: Step, output: Pictures, inputs: [GradientPlace?])] = []
    for step in steps.reversed() {
      let output = try place(step.output).pictures
      var inputs: [GradientPlace?] = []
      for node in graph.nodes[step.node].inputs { inputs.append(node == 0 ? nil : try place(node)) }
      ways.append((step, output, inputs))
      if !normalised.contains(step.output) { free[output.shape, default: []].append(output) }
    }

    let scratch = try Self.scratch(graph, steps, values, kernels, memory)
    func value(_ node: Int) -> Pictures {
      guard let pictures = values[node] else { preconditionFailure("node \(node) has no place") }
      return pictures
    }
    for way in ways.reversed() {
      let node = graph.nodes[way.step.node]
      let inputs = node.inputs.map(value)
      let output = value(way.step.output)
      names.append(node.name)
      switch node.operation {
      case .convolution(let convolution) where convolution.isDepthwise:
        layers.append(
          try DepthwiseLayer(
            node.name, convolution, activation: way.step.activation, input: inputs[0], output: output,
            outputGradient: way.output, inputGradient: way.inputs[0], parameters: parameters, gradients: gradients,
            kernels: kernels, scratch: scratch, memory: memory))
      case .convolution(let convolution):
        layers.append(
          try ConvolutionLayer(
            node.name, convolution, activation: way.step.activation, input: inputs[0], output: output,
            outputGradient: way.output, inputGradient: way.inputs[0], parameters: parameters, gradients: gradients,
            kernels: kernels, scratch: scratch, memory: memory))
      case .batchNorm:
        layers.append(
          try BatchNormLayer(
            node.name, activation: way.step.activation, input: inputs[0], output: output, outputGradient: way.output,
            parameters: parameters, gradients: gradients, statistics: statistics, kernels: kernels, scratch: scratch,
            memory: memory))
      case .activation(let activation):
        layers.append(
          ActivationLayer(
            activation, input: inputs[0], output: output, outputGradient: way.output, inputGradient: way.inputs[0],
            kernels: kernels, scratch: scratch))
      case .add:
        layers.append(
          AdditionLayer(
            inputs: (inputs[0], inputs[1]), output: output, outputGradient: way.output, inputGradients: way.inputs,
            kernels: kernels))
      case .concatenate:
        layers.append(
          ConcatenationLayer(
            inputs: inputs, output: output, outputGradient: way.output, inputGradients: way.inputs, kernels: kernels))
      case .input: break
      }
    }
  }

  private static func scratch(
    _ graph: Graph, _ steps: [Step], _ values: [Int: Pictures], _ kernels: TrainingKernels, _ memory: FloatMemory
  ) throws(TrainError) -> Scratch {
    let partials = values.values.map { ck_partials_size($0.extent, 9) }.max() ?? 0
    var (weights, packed, transforms) = (0, 0, 0)
    for step in steps {
      let node = graph.nodes[step.node]
      guard let convolution = convolution(node.operation), let output = values[step.output]?.shape,
        let input = values[node.inputs[0]]?.shape
      else { continue }
      weights = max(weights, convolution.kernel * convolution.kernel * input.pixel * output.pixel)
      let needed = ConvolutionLayer.scratch(convolution, input: input, output: output, kernels: kernels)
      (packed, transforms) = (max(packed, needed.packed), max(transforms, needed.transforms))
    }
    return Scratch(
      partials: try memory.zeros(partials), packed: try memory.zeros(packed), weights: try memory.zeros(weights),
      transforms: try memory.zeros(transforms))
  }
}
