import CKernels
import Infer

/// activation(input)
final class ActivationLayer: Layer {
  private let kernels: TrainingKernels
  private let scratch: Scratch
  private let input: Pictures
  private let output: Pictures
  private let outputGradient: Pictures
  private let inputGradient: GradientPlace?
  private let activation: ck_activation

  init(
    _ activation: Graph.Activation, input: Pictures, output: Pictures, outputGradient: Pictures,
    inputGradient: GradientPlace?, kernels: TrainingKernels, scratch: Scratch
  ) {
    self.kernels = kernels
    self.scratch = scratch
    self.input = input
    self.output = output
    self.outputGradient = outputGradient
    self.inputGradient = inputGradient
    self.activation = activation.kernel
  }

  func forward(_ statistics: BatchStatistics) {
    ck_add(
      kernels.training, kernels.pool, output.extent, input.view, ck_pictures(), activation, output.view)
  }

  func backward() {
    guard let inputGradient else { return }
    ck_activation_backward(
      kernels.training, kernels.pool, output.extent, output.view, activation, outputGradient.view, scratch.partials, 0,
      nil)
    ck_copy_channels(
      kernels.pool, output.extent, Int32(output.shape.channels), outputGradient.view, inputGradient.adds,
      inputGradient.pictures.view)
  }
}

/// The sum of two values.
final class AdditionLayer: Layer {
  private let kernels: TrainingKernels
  private let inputs: (Pictures, Pictures)
  private let output: Pictures
  private let outputGradient: Pictures
  private let inputGradients: [GradientPlace?]

  init(
    inputs: (Pictures, Pictures), output: Pictures, outputGradient: Pictures, inputGradients: [GradientPlace?],
    kernels: TrainingKernels
  ) {
    self.kernels = kernels
    self.inputs = inputs
    self.output = output
    self.outputGradient = outputGradient
    self.inputGradients = inputGradients
  }

  func forward(_ statistics: BatchStatistics) {
    ck_add(
      kernels.training, kernels.pool, output.extent, inputs.0.view, inputs.1.view, ck_activation_none, output.view)
  }

  func backward() {
    for case .some(let place) in inputGradients {
      ck_add(
        kernels.training, kernels.pool, output.extent, outputGradient.view,
        place.adds ? place.pictures.view : ck_pictures(), ck_activation_none, place.pictures.view)
    }
  }
}

/// Channels of several values side by side.
final class ConcatenationLayer: Layer {
  private let kernels: TrainingKernels
  private let inputs: [Pictures]
  private let output: Pictures
  private let outputGradient: Pictures
  private let inputGradients: [GradientPlace?]

  init(
    inputs: [Pictures], output: Pictures, outputGradient: Pictures, inputGradients: [GradientPlace?],
    kernels: TrainingKernels
  ) {
    self.kernels = kernels
    self.inputs = inputs
    self.output = output
    self.outputGradient = outputGradient
    self.inputGradients = inputGradients
  }

  private static func shifted(_ pictures: Pictures, by channels: Int) -> ck_pictures {
    var view = pictures.view
    view.base += channels
    return view
  }

  func forward(_ statistics: BatchStatistics) {
    var channel = 0
    for input in inputs {
      ck_copy_channels(
        kernels.pool, output.extent, Int32(input.shape.channels), input.view, false,
        Self.shifted(output, by: channel))
      channel += input.shape.channels
    }
  }

  func backward() {
    var channel = 0
    for (input, place) in zip(inputs, inputGradients) {
      if let place {
        ck_copy_channels(
          kernels.pool, output.extent, Int32(input.shape.channels), Self.shifted(outputGradient, by: channel),
          place.adds, place.pictures.view)
      }
      channel += input.shape.channels
    }
  }
}
