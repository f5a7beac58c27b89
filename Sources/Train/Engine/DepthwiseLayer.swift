import CKernels
import Infer

/// A 3 × 3 convolution of every channel by itself, without bias, with its activation.
final class DepthwiseLayer: Layer {
  private let kernels: TrainingKernels
  private let scratch: Scratch
  private let input: Pictures
  private let output: Pictures
  private let outputGradient: Pictures
  private let inputGradient: GradientPlace?
  private let activation: ck_activation
  private let window: ck_window
  private let weights: UnsafeMutablePointer<Float>
  private let weightsGradient: UnsafeMutablePointer<Float>
  /// [9][channels]
  private let packed: UnsafeMutablePointer<Float>

  init(
    _ name: String, _ shape: Graph.Convolution, activation: Graph.Activation, input: Pictures, output: Pictures,
    outputGradient: Pictures, inputGradient: GradientPlace?, parameters: ParameterSet, gradients: ParameterSet,
    kernels: TrainingKernels, scratch: Scratch, memory: FloatMemory
  ) throws(TrainError) {
    self.kernels = kernels
    self.scratch = scratch
    self.input = input
    self.output = output
    self.outputGradient = outputGradient
    self.inputGradient = inputGradient
    self.activation = activation.kernel
    window = ck_window(size: 3, stride: Int32(shape.stride), dilation: Int32(shape.dilation))
    weights = parameters["\(name).weight"]
    weightsGradient = gradients["\(name).weight"]
    packed = try memory.zeros(9 * output.shape.pixel)
  }

  func forward(_ statistics: BatchStatistics) {
    let pixel = output.shape.pixel
    for channel in 0..<output.shape.channels {
      for tap in 0..<9 { packed[tap * pixel + channel] = weights[channel * 9 + tap] }
    }
    ck_depthwise_forward(
      kernels.training, kernels.pool, output.extent, window, input.view, packed, activation, output.view)
  }

  func backward() {
    if activation != ck_activation_none {
      ck_activation_backward(
        kernels.training, kernels.pool, output.extent, output.view, activation, outputGradient.view, scratch.partials,
        0, nil)
    }
    ck_depthwise_weights(
      kernels.training, kernels.pool, output.extent, window, input.view, outputGradient.view, scratch.partials,
      scratch.weights)
    let pixel = output.shape.pixel
    for channel in 0..<output.shape.channels {
      for tap in 0..<9 { weightsGradient[channel * 9 + tap] += scratch.weights[tap * pixel + channel] }
    }
    guard let inputGradient else { return }
    ck_depthwise_backward(
      kernels.training, kernels.pool, input.extent, window, outputGradient.view, packed, inputGradient.adds,
      inputGradient.pictures.view)
  }
}
