import CKernels
import Infer

/// Which layers a graph becomes for training, and where values and gradients lie.
///
/// Activations are computed with the convolution or batch norm before them. Where batch norm lies between 1 × 1 and depthwise
/// convolutions, these do its work while they have the pixels in the cache, and what it gives is nowhere in memory.
struct TrainingProgram {
  private(set) var layers: [any Layer] = []
  /// Of the graph's nodes that the layers compute; tensors are named after them.
  private(set) var names: [String] = []
  private(set) var values: [Int: Pictures] = [:]
  private(set) var outputGradients: [Pictures] = []
  let input: Pictures

  init(
    _ graph: Graph, count: Int, height: Int, width: Int, kernels: TrainingKernels, parameters: ParameterSet,
    gradients: ParameterSet, statistics: ParameterSet, memory: FloatMemory
  ) throws(TrainError) {
    let layout = try TrainingLayout(
      graph, count: count, height: height, width: width, isHalf: kernels.products != nil)
    input = try Pictures(layout.shape(0), in: memory)
    values[0] = input
    for step in layout.steps where !layout.isNormalisedByReader(step.output) {
      values[step.output] = try Pictures(layout.shape(step.output), in: memory)
    }
    func value(_ node: Int) -> Pictures {
      guard let pictures = values[node] else { preconditionFailure("node \(node) has no place") }
      return pictures
    }

    var normalisations: [Int: Normalisation] = [:]
    for step in layout.steps where graph.nodes[step.node].operation == .batchNorm {
      let input = graph.nodes[step.node].inputs[0]
      normalisations[step.output] = try Normalisation(
        layout.shape(input), activation: step.activation, momentParts: layout.parts(input, kernels),
        sumParts: layout.isNormalisedByReader(step.output) ? layout.parts(graph.readers[step.output][0], kernels) : nil,
        memory: memory)
    }
    func source(_ node: Int) -> Source {
      layout.isNormalisedByReader(node)
        ? Source(pictures: value(layout.normalised(node)), normalisation: normalisations[node])
        : Source(pictures: value(node))
    }

    // Places of gradients, in the order of the way back.
    let gradientMemory = GradientMemory()
    var places: [Int: GradientMemory.Place] = [:]
    var isWritten: Set<Int> = []
    func take(_ node: Int) -> GradientMemory.Place {
      if let place = places[node] { return place }
      let place = gradientMemory.take(layout.gradientShape(node))
      places[node] = place
      return place
    }
    for output in graph.outputs {
      _ = take(output.value.node)
      isWritten.insert(output.value.node)
    }
    var adds: [Int: [Bool]] = [:]
    for step in layout.steps.reversed() {
      let node = graph.nodes[step.node]
      // Batch norm leaves the gradient to the convolution before it.
      guard node.operation != .batchNorm else { continue }
      for input in node.inputs where input != 0 {
        _ = take(input)
        adds[step.node, default: []].append(!isWritten.insert(input).inserted)
      }
      gradientMemory.give(back: take(layout.batchNorm(after: step.output)?.output ?? step.output))
    }
    try gradientMemory.allocate(in: memory)
    func gradient(_ node: Int) -> Pictures {
      guard let place = places[node] else { preconditionFailure("node \(node) has no gradient") }
      return gradientMemory.pictures(layout.gradientShape(node), at: place)
    }
    outputGradients = graph.outputs.map { gradient($0.value.node) }

    let scratch = try layout.scratch(kernels, memory)
    for step in layout.steps {
      let node = graph.nodes[step.node]
      let inputs = node.inputs.map(source)
      let inputGradients = zip(node.inputs, adds[step.node] ?? []).map { node, adds in
        GradientPlace(
          pictures: gradient(node), adds: adds,
          normalisation: layout.isNormalisedByReader(node) ? normalisations[node] : nil)
      }
      let after = layout.batchNorm(after: step.output)?.output
      names.append(node.name)
      switch node.operation {
      case .convolution(let convolution):
        let output = OutputGradient(
          pictures: gradient(after ?? step.output), values: value(step.output), activation: step.activation.kernel,
          normalisation: after.flatMap { normalisations[$0] })
        if convolution.isDepthwise {
          layers.append(
            try DepthwiseLayer(
              node.name, convolution, input: inputs[0], output: output, inputGradient: inputGradients.first,
              parameters: parameters, gradients: gradients, kernels: kernels, scratch: scratch, memory: memory))
        } else if layout.isStaged(step.node) {
          layers.append(
            try PointwiseLayer(
              node.name, convolution, input: inputs[0], output: output, inputGradient: inputGradients.first,
              parameters: parameters, gradients: gradients, kernels: kernels, scratch: scratch, memory: memory))
        } else {
          layers.append(
            try ConvolutionLayer(
              node.name, convolution, input: inputs[0].pictures, output: output, inputGradient: inputGradients.first,
              parameters: parameters, gradients: gradients, kernels: kernels, scratch: scratch, memory: memory))
        }
      case .batchNorm:
        guard let normalisation = normalisations[step.output] else { continue }
        layers.append(
          try BatchNormLayer(
            node.name, normalisation, input: inputs[0].pictures, output: values[step.output],
            outputGradient: gradient(step.output), parameters: parameters, gradients: gradients,
            statistics: statistics, kernels: kernels, memory: memory))
      case .activation(let activation):
        layers.append(
          ActivationLayer(
            activation, input: inputs[0].pictures, output: value(step.output), outputGradient: gradient(step.output),
            inputGradient: inputGradients.first, kernels: kernels))
      case .add:
        layers.append(
          AdditionLayer(
            inputs: (inputs[0].pictures, inputs[1].pictures), output: value(step.output),
            outputGradient: gradient(step.output), inputGradients: inputGradients, kernels: kernels))
      case .concatenate:
        layers.append(
          ConcatenationLayer(
            inputs: inputs.map(\.pictures), output: value(step.output), outputGradient: gradient(step.output),
            inputGradients: inputGradients, kernels: kernels))
      case .input: break
      }
    }
  }
}
