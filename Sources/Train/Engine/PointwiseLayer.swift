import CKernels
import Infer

/// A 1 × 1 convolution with its bias and activation, or with batch norm on either side.
final class PointwiseLayer: Layer {
  private let kernels: TrainingKernels
  private let scratch: Scratch
  private let output: OutputGradient
  private let inputGradient: GradientPlace?
  private var layer: ck_pointwise
  private let weights: UnsafeMutablePointer<Float>
  private let weightsGradient: UnsafeMutablePointer<Float>
  private let bias: (values: UnsafeMutablePointer<Float>, gradient: UnsafeMutablePointer<Float>)?
  /// The bias, and zeros.
  private let paddedBias: UnsafeMutablePointer<Float>

  init(
    _ name: String, _ shape: Graph.Convolution, input: Source, output: OutputGradient, inputGradient: GradientPlace?,
    parameters: ParameterSet, gradients: ParameterSet, kernels: TrainingKernels, scratch: Scratch, memory: FloatMemory
  ) throws(TrainError) {
    self.kernels = kernels
    self.scratch = scratch
    self.output = output
    self.inputGradient = inputGradient
    weights = parameters["\(name).weight"]
    weightsGradient = gradients["\(name).weight"]
    bias = shape.hasBias ? (parameters["\(name).bias"], gradients["\(name).bias"]) : nil
    let size = output.values.shape
    paddedBias = try memory.zeros(size.depth)
    layer = ck_pointwise()
    layer.extent = size.extent
    layer.inputs = Int32(input.pictures.shape.depth)
    (layer.real_inputs, layer.real_outputs) = (Int32(input.pictures.shape.channels), Int32(size.channels))
    layer.in = input.kernel
    layer.out = output.values.view
    if bias != nil { layer.bias = UnsafePointer(paddedBias) }
    layer.activation = output.activation
    layer.bf16 = kernels.products
    layer.scratch = scratch.transforms
  }

  func forward(_ statistics: BatchStatistics) {
    if let bias { paddedBias.update(from: bias.values, count: Int(layer.real_outputs)) }
    pack(transposed: false)
    ck_pointwise_forward(
      kernels.training, kernels.pool, &layer, scratch.packed, statistics == .running ? nil : output.normalisation?.parts
    )
  }

  func backward() {
    var gradient = output.kernel
    guard var place = inputGradient?.kernel else {
      ck_pointwise_backward(
        kernels.training, kernels.pool, &layer, &gradient, nil, nil, weightsGradient, bias?.gradient)
      return
    }
    pack(transposed: true)
    ck_pointwise_backward(
      kernels.training, kernels.pool, &layer, &gradient, scratch.packed, &place, weightsGradient, bias?.gradient)
  }

  private func pack(transposed: Bool) {
    var packing = ck_packing()
    packing.weights = UnsafePointer(weights)
    (packing.inputs, packing.outputs, packing.taps) = (layer.real_inputs, layer.real_outputs, 1)
    packing.is_transposed = transposed
    let (inputs, outputs) = (layer.inputs, layer.extent.channels)
    (packing.depth, packing.channels) = transposed ? (outputs, inputs) : (inputs, outputs)
    packing.block = kernels.convolution.pointee.block
    packing.is_bf16 = kernels.products != nil
    packing.packed = UnsafeMutableRawPointer(scratch.packed)
    ck_pack_weights(kernels.training, kernels.pool, &packing)
  }

  /// Floats of scratch memory for packed weights, and for everything else.
  static func scratch(
    input: Pictures.Shape, output: Pictures.Shape, kernels: TrainingKernels
  ) -> (packed: Int, transforms: Int) {
    let needed = ck_pointwise_scratch(
      kernels.training, output.extent, Int32(input.depth), Int32(kernels.threads))
    return (input.depth * output.depth, needed)
  }
}
