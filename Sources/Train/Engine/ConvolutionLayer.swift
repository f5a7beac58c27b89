import CKernels
import Infer

/// A dense convolution, 3 × 3 as a rule, with its bias and activation.
///
/// The gradient of its input is a convolution of its output's gradient with the weights reversed and transposed, so that both
/// ways use the kernels of inference; the gradient of its weights is a product of matrices per place of the kernel.
final class ConvolutionLayer: Layer {
  private let kernels: TrainingKernels
  private let scratch: Scratch
  private let input: Pictures
  private let output: Pictures
  private let outputGradient: OutputGradient
  /// Where the gradient of the sum is computed, before it is used: in the place of what it is made from.
  private let sumGradient: Pictures
  private let inputGradient: GradientPlace?
  private let shape: Graph.Convolution
  private let inputs: Int
  private let isWinograd: Bool
  private let weights: UnsafeMutablePointer<Float>
  private let weightsGradient: UnsafeMutablePointer<Float>
  private let bias: (values: UnsafeMutablePointer<Float>, gradient: UnsafeMutablePointer<Float>)?
  /// Zeros, and the bias at their start.
  private let paddedBias: UnsafeMutablePointer<Float>
  private let zeros: UnsafeMutablePointer<Float>

  init(
    _ name: String, _ shape: Graph.Convolution, input: Pictures, output: OutputGradient, inputGradient: GradientPlace?,
    parameters: ParameterSet, gradients: ParameterSet, kernels: TrainingKernels, scratch: Scratch, memory: FloatMemory
  ) throws(TrainError) {
    guard inputGradient == nil || shape.stride == 1 else {
      throw TrainError("\(name): the gradient of a dense convolution with stride \(shape.stride) is not supported")
    }
    self.kernels = kernels
    self.scratch = scratch
    self.input = input
    self.output = output.values
    outputGradient = output
    sumGradient = output.normalisation == nil ? output.pictures : output.values
    self.inputGradient = inputGradient
    self.shape = shape
    inputs = input.shape.channels
    isWinograd = Self.isWinograd(shape, inputs: inputs, output.values.shape, kernels)
    weights = parameters["\(name).weight"]
    weightsGradient = gradients["\(name).weight"]
    bias = shape.hasBias ? (parameters["\(name).bias"], gradients["\(name).bias"]) : nil
    paddedBias = try memory.zeros(self.output.shape.depth)
    zeros = try memory.zeros(max(input.shape.depth, self.output.shape.depth))
  }

  private var taps: Int { shape.kernel * shape.kernel }

  private var window: ck_window {
    ck_window(size: Int32(shape.kernel), stride: Int32(shape.stride), dilation: Int32(shape.dilation))
  }

  func forward(_ statistics: BatchStatistics) {
    if let bias { paddedBias.update(from: bias.values, count: shape.outputs) }
    convolve(
      input, depth: inputs, to: output, channels: shape.outputs, transposed: false, bias: paddedBias,
      activation: outputGradient.activation, adds: false)
  }

  func backward() {
    if outputGradient.normalisation != nil || outputGradient.activation != ck_activation_none || bias != nil {
      var gradient = outputGradient.kernel
      ck_take_slope(
        kernels.training, kernels.pool, output.extent, &gradient, sumGradient.view, scratch.partials,
        Int32(shape.outputs), bias?.gradient)
    }
    if isWinograd {
      var layer = Self.winogradLayer(shape, input: input.shape, output: output.shape, kernels)
      (layer.in, layer.out_gradient, layer.scratch) = (input.view, sumGradient.view, scratch.transforms)
      ck_winograd_dense_weights(kernels.convolution, kernels.training, kernels.pool, &layer, scratch.weights)
    } else {
      ck_dense_weights(
        kernels.training, kernels.pool, output.extent, window, input.view, Int32(inputs), sumGradient.view,
        scratch.weights)
    }
    ck_unpack_gradient(
      scratch.weights, Int32(inputs), Int32(shape.outputs), Int32(output.shape.depth), Int32(taps), weightsGradient)
    guard let inputGradient else { return }
    convolve(
      sumGradient, depth: shape.outputs, to: inputGradient.pictures, channels: inputs, transposed: true, bias: zeros,
      activation: ck_activation_none, adds: inputGradient.adds)
  }

  private func convolve(
    _ from: Pictures, depth: Int, to: Pictures, channels: Int, transposed: Bool, bias: UnsafeMutablePointer<Float>,
    activation: ck_activation, adds: Bool
  ) {
    var packing = ck_packing()
    packing.weights = UnsafePointer(weights)
    (packing.inputs, packing.outputs, packing.taps) = (Int32(inputs), Int32(shape.outputs), Int32(taps))
    (packing.is_transposed, packing.is_winograd) = (transposed, isWinograd)
    packing.depth = Int32(isWinograd ? from.shape.depth : depth)
    packing.channels = Int32(to.shape.depth)
    packing.block = kernels.convolution.pointee.block
    packing.is_bf16 = isWinograd && kernels.products != nil
    packing.packed = UnsafeMutableRawPointer(scratch.packed)
    ck_pack_weights(kernels.training, kernels.pool, &packing)

    var layer = ck_convolution()
    layer.in = from.first
    layer.out = to.first
    if adds { layer.residual = to.first }
    (layer.height, layer.width) = (Int32(to.shape.height), Int32(to.shape.width))
    layer.stride = Int32(shape.stride)
    (layer.taps, layer.depth, layer.channels) = (packing.taps, packing.depth, packing.channels)
    layer.weights = UnsafePointer(scratch.packed)
    layer.bias = UnsafePointer(bias)
    layer.activation = activation
    if isWinograd {
      layer.winograd = Int32(shape.dilation)
      layer.rows_per_task = Int32(Self.winogradRows(to.shape, depth: from.shape.depth, shape.dilation, kernels))
      layer.scratch = scratch.transforms
      let columns = ck_winograd_tiles(layer.width, layer.winograd)
      layer.scratch_size = (ck_winograd_scratch(layer.rows_per_task * columns, layer.depth) + 31) / 32 * 32
    } else {
      if shape.kernel == 3 {
        withUnsafeMutableBytes(of: &layer.tap_offset) { bytes in
          let offsets = bytes.bindMemory(to: Int.self)
          for tap in 0..<9 {
            offsets[tap] = ((tap / 3 - 1) * from.view.row + (tap % 3 - 1) * from.view.pixel) * shape.dilation
          }
        }
      }
      let rowBytes = from.view.row * shape.stride * 4
      layer.rows_per_task = Int32(max(1, min(to.shape.height, (256 << 10) / rowBytes)))
    }
    ck_convolve_pictures(
      kernels.convolution, kernels.pool, &layer, Int32(to.shape.count), from.view.picture, to.view.picture)
  }

  // MARK: - Winograd's transforms

  private static func isWinograd(
    _ shape: Graph.Convolution, inputs: Int, _ output: Pictures.Shape, _ kernels: TrainingKernels
  ) -> Bool {
    kernels.convolution.pointee.winograd_in != nil
      && shape.suitsWinograd(inputs: inputs, height: output.height, width: output.width)
  }

  /// Rows of tiles whose transforms stay in the cache.
  private static func winogradRows(_ to: Pictures.Shape, depth: Int, _ dilation: Int, _ kernels: TrainingKernels) -> Int
  {
    let columns = Int(ck_winograd_tiles(Int32(to.width), Int32(dilation)))
    let rowBytes = Graph.Convolution.winogradRowBytes(
      columns: columns, depth: depth, size: kernels.products == nil ? 4 : 2)
    return min(
      Int(ck_winograd_tiles(Int32(to.height), Int32(dilation))), max(1, Graph.Convolution.winogradCache / rowBytes))
  }

  /// Without its places in memory.
  private static func winogradLayer(
    _ shape: Graph.Convolution, input: Pictures.Shape, output: Pictures.Shape, _ kernels: TrainingKernels
  ) -> ck_winograd_layer {
    var layer = ck_winograd_layer()
    (layer.extent, layer.dilation) = (output.extent, Int32(shape.dilation))
    (layer.inputs, layer.depth) = (Int32(input.channels), Int32(input.depth))
    layer.bf16 = kernels.products
    return layer
  }

  /// Floats of scratch memory for packed weights, both ways, and for all transforms.
  static func scratch(
    _ shape: Graph.Convolution, input: Pictures.Shape, output: Pictures.Shape, kernels: TrainingKernels
  ) -> (packed: Int, transforms: Int) {
    guard isWinograd(shape, inputs: input.channels, output, kernels) else {
      return (shape.kernel * shape.kernel * input.depth * output.depth, 0)
    }
    let columns = ck_winograd_tiles(Int32(output.width), Int32(shape.dilation))
    let perThread = [input.depth, output.depth].map { depth in
      let rows = winogradRows(output, depth: depth, shape.dilation, kernels)
      return (ck_winograd_scratch(Int32(rows) * columns, Int32(depth)) + 31) / 32 * 32
    }
    var layer = winogradLayer(shape, input: input, output: output, kernels)
    let forWeights = ck_winograd_weights_scratch(&layer, Int32(kernels.threads))
    return (36 * input.depth * output.depth, max(max(perThread[0], perThread[1]) * kernels.threads, forWeights))
  }
}
