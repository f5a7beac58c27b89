import CKernels
import Infer

/// A network for one size of batch, forward and backward: every activation is kept, all memory is taken at the start.
///
/// Use it from one thread at a time. Equal weights, batches and settings give equal bits, whatever the number of threads.
public final class TrainingNetwork {
  public let graph: Graph
  public let count: Int
  public let height: Int
  public let width: Int
  /// Bytes of activations, gradients and scratch memory.
  public var memoryBytes: Int { memory.bytes }

  let parameters: ParameterSet
  let gradients: ParameterSet
  /// Running means and variances of batch norm.
  let statistics: ParameterSet

  private let kernels: TrainingKernels
  private let memory = FloatMemory()
  private let values: [Int: Pictures]
  private let outputGradients: [Pictures]
  private let layers: [any Layer]
  private let names: [String]
  private let input: Pictures

  /// - Parameters:
  ///   - count: pictures of a batch.
  ///   - height, width: of the input in pixels.
  public init(
    _ graph: Graph, count: Int, height: Int, width: Int, threads: Int = 1, level: CPULevel = .detected,
    precision: TrainingPrecision = .f32
  ) throws(TrainError) {
    guard (1...4096).contains(count), (1...8192).contains(height), (1...8192).contains(width),
      count * height * width <= 1 << 28
    else { throw TrainError("batches of \(count) pictures of \(height)x\(width) pixels are not supported") }
    self.graph = graph
    (self.count, self.height, self.width) = (count, height, width)
    kernels = try TrainingKernels(level: level, threads: threads, precision: precision)
    let isStatistic = { (name: String) in name.contains(".running_") }
    parameters = try ParameterSet(graph.tensorShapes.filter { !isStatistic($0.name) })
    gradients = try ParameterSet(graph.tensorShapes.filter { !isStatistic($0.name) })
    statistics = try ParameterSet(graph.tensorShapes.filter { isStatistic($0.name) })

    let program = try TrainingProgram(
      graph, count: count, height: height, width: width, kernels: kernels, parameters: parameters, gradients: gradients,
      statistics: statistics, memory: memory)
    (layers, names, values, outputGradients, input) = (
      program.layers, program.names, program.values, program.outputGradients, program.input
    )
  }

  // MARK: - Weights

  /// Every parameter and running statistic, as a model file holds them.
  public var tensors: [String: Tensor] { parameters.tensors.merging(statistics.tensors) { first, _ in first } }

  /// Takes the values of all tensors that have the name and shape of one of ours.
  /// - Returns: the names of ours that were not among them and stay as they are.
  @discardableResult
  public func load(_ tensors: [String: Tensor]) -> [String] {
    parameters.load(tensors) + statistics.load(tensors)
  }

  /// The gradients that were added up since `clearGradients`.
  public var gradientTensors: [String: Tensor] { gradients.tensors }

  public func clearGradients() { gradients.clear() }

  // MARK: - Running

  /// - Parameters:
  ///   - images: (N, 3, height, width), BGR, (x - 128) / 256.
  ///   - statistics: what batch norm normalises with; `backward` needs those of the batch.
  public func forward(_ images: [Float], statistics: BatchStatistics) {
    precondition(images.count == count * input.shape.channels * height * width)
    ck_pictures_from_planes(kernels.pool, images, Int32(input.shape.channels), input.extent, input.view)
    for layer in layers { layer.forward(statistics) }
  }

  /// Takes the statistics that were measured over some batches for the running ones, and changes scale and shift so that
  /// batch norm with running statistics computes what it did.
  /// - Parameter isWanted: which batch norms, by name.
  public func adoptMeasuredStatistics(where isWanted: (String) -> Bool) {
    for case let layer as BatchNormLayer in layers { layer.adoptMeasured(isWanted(layer.name)) }
  }

  /// The loss of every output, sum(((prediction - target) * mask)²) / 2 / N, in the order of the graph's outputs; prepares
  /// `backward` from its gradient.
  /// - Parameter factor: on the gradients; 1 / n to average over n batches.
  public func loss(_ batch: borrowing Batch, factor: Float = 1) -> [Double] {
    precondition(batch.count == count && batch.height == height && batch.width == width)
    return graph.outputs.indices.map { index in
      let target = graph.outputs[index].name.hasSuffix("_heatmaps") ? batch.heatmaps : batch.fields
      return loss(ofOutput: index, target: target, mask: batch.mask, factor: factor)
    }
  }

  /// The loss of one output; target (N, C, H, W), mask (N, 1, H, W).
  func loss(ofOutput index: Int, target: [Float], mask: [Float], factor: Float = 1) -> Double {
    let pictures = self.pictures(of: graph.outputs[index].value)
    let shape = pictures.shape
    precondition(target.count == mask.count * shape.channels && mask.count == shape.count * shape.height * shape.width)
    return ck_masked_squares(
      pictures.extent, Int32(shape.channels), pictures.view, target, mask, factor, false, outputGradients[index].view)
  }

  /// Adds the gradient of the last loss to the gradients of all parameters. What `forward` computed is gone afterwards.
  /// - Parameter isComplete: called with the name of each layer as soon as the gradients of its parameters are there.
  public func backward(_ isComplete: (String) -> Void = { _ in }) {
    for (layer, name) in zip(layers, names).reversed() {
      layer.backward()
      isComplete(name)
    }
  }

  /// Lets batch norm take its statistics over the pictures of several processes: where they are measured, and `always` if so.
  func share(_ sums: BatchNormSums, always: Bool) {
    for case let layer as BatchNormLayer in layers { layer.shared = (sums, always) }
  }

  /// An output's planes (N, C, H, W).
  public func output(_ index: Int) -> [Float] {
    let pictures = self.pictures(of: graph.outputs[index].value)
    let shape = pictures.shape
    let plane = shape.channels * shape.height * shape.width
    var planes = [Float](repeating: 0, count: shape.count * plane)
    planes.withUnsafeMutableBufferPointer { buffer in
      for picture in 0..<shape.count {
        var view = pictures.first
        view.base += picture * pictures.view.picture
        ck_planes_from_view(
          view, Int32(shape.channels), Int32(shape.height), Int32(shape.width),
          buffer.baseAddress.map { $0 + picture * plane })
      }
    }
    return planes
  }

  private func pictures(of value: Graph.Value) -> Pictures {
    guard let pictures = values[value.node] else { preconditionFailure("no output at node \(value.node)") }
    return pictures
  }
}
