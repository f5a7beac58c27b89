import CKernels
import Infer

/// A 3 × 3 convolution of every channel by itself, without bias, with its activation, or with batch norm on either side.
final class DepthwiseLayer: Layer {
  private let kernels: TrainingKernels
  private let output: OutputGradient
  private let inputGradient: GradientPlace?
  private var layer: ck_depthwise_layer
  private let weights: UnsafeMutablePointer<Float>
  private let weightsGradient: UnsafeMutablePointer<Float>
  /// [channels / 16][9][16]
  private let packed: UnsafeMutablePointer<Float>

  init(
    _ name: String, _ shape: Graph.Convolution, input: Source, output: OutputGradient, inputGradient: GradientPlace?,
    parameters: ParameterSet, gradients: ParameterSet, kernels: TrainingKernels, scratch: Scratch, memory: FloatMemory
  ) throws(TrainError) {
    self.kernels = kernels
    self.output = output
    self.inputGradient = inputGradient
    weights = parameters["\(name).weight"]
    weightsGradient = gradients["\(name).weight"]
    packed = try memory.zeros(9 * output.values.shape.depth)
    layer = Self.layer(shape, input: input.pictures.shape, output: output.values.shape)
    layer.in = input.kernel
    layer.out = output.values.view
    layer.weights = UnsafePointer(packed)
    layer.activation = output.activation
    layer.scratch = scratch.transforms
  }

  func forward(_ statistics: BatchStatistics) {
    for channel in 0..<output.values.shape.channels {
      let first = channel / 16 * 9 * 16 + channel % 16
      for tap in 0..<9 { packed[first + tap * 16] = weights[channel * 9 + tap] }
    }
    ck_depthwise_forward(
      kernels.training, kernels.pool, &layer, statistics == .running ? nil : output.normalisation?.parts)
  }

  func backward() {
    var gradient = output.kernel
    let channels = Int32(output.values.shape.channels)
    if var place = inputGradient?.kernel {
      ck_depthwise_backward(
        kernels.training, kernels.pool, &layer, &gradient, &place, channels, weightsGradient)
    } else {
      ck_depthwise_backward(kernels.training, kernels.pool, &layer, &gradient, nil, channels, weightsGradient)
    }
  }

  private static func layer(
    _ shape: Graph.Convolution, input: Pictures.Shape, output: Pictures.Shape
  ) -> ck_depthwise_layer {
    var layer = ck_depthwise_layer()
    layer.extent = output.extent
    (layer.height, layer.width) = (Int32(input.height), Int32(input.width))
    layer.window = ck_window(size: 3, stride: Int32(shape.stride), dilation: Int32(shape.dilation))
    return layer
  }

  /// Parts of sums over pixels, and floats of scratch memory.
  static func needs(
    _ shape: Graph.Convolution, input: Pictures.Shape, output: Pictures.Shape, kernels: TrainingKernels
  ) -> (parts: Int32, scratch: Int) {
    var layer = layer(shape, input: input, output: output)
    return (ck_depthwise_parts(&layer), ck_depthwise_scratch(&layer, Int32(kernels.threads)))
  }
}
