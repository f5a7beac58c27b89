import CKernels
import Infer

/// activation(input)
final class ActivationLayer: Layer {
  private let kernels: TrainingKernels
  private let input: Pictures
  private let output: Pictures
  private let outputGradient: Pictures
  private let inputGradient: GradientPlace?
  private let activation: ck_activation

  init(
    _ activation: Graph.Activation, input: Pictures, output: Pictures, outputGradient: Pictures,
    inputGradient: GradientPlace?, kernels: TrainingKernels
  ) {
    self.kernels = kernels
    self.input = input
    self.output = output
    self.outputGradient = outputGradient
    self.inputGradient = inputGradient
    self.activation = activation.kernel
  }

  func forward(_ statistics: BatchStatistics) {
    var source = ck_source(values: input.view, scale: nil, shift: nil, activation: activation)
    ck_normalise(kernels.training, kernels.pool, output.extent, &source, output.view)
  }

  func backward() {
    guard let inputGradient else { return }
    var gradient = ck_output_gradient()
    (gradient.gradient, gradient.values, gradient.activation) = (outputGradient.view, output.view, activation)
    ck_take_slope(kernels.training, kernels.pool, output.extent, &gradient, outputGradient.view, nil, 0, nil)
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
    ck_add(kernels.pool, output.extent, inputs.0.view, inputs.1.view, output.view)
  }

  func backward() {
    for case .some(let place) in inputGradients {
      ck_copy_channels(
        kernels.pool, output.extent, Int32(output.shape.depth), outputGradient.view, place.adds, place.pictures.view)
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
    view.base += channels * MemoryLayout<Float>.size
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
