import CKernels
import Infer

/// Batch norm with the statistics of the batch, and the ReLU after it (Ioffe and Szegedy, 2015).
///
/// What it normalises is read by nobody else, so that its gradient takes its place. Running statistics move by a tenth towards
/// those of the batch, the variance unbiased, as in PyTorch.
final class BatchNormLayer: Layer {
  static let epsilon: Float = 1e-5
  static let momentum: Float = 0.1

  let name: String
  private let kernels: TrainingKernels
  private let scratch: Scratch
  private let input: Pictures
  private let output: Pictures
  private let outputGradient: Pictures
  private let activation: ck_activation
  private let gamma: UnsafeMutablePointer<Float>
  private let beta: UnsafeMutablePointer<Float>
  private let gammaGradient: UnsafeMutablePointer<Float>
  private let betaGradient: UnsafeMutablePointer<Float>
  private let runningMean: UnsafeMutablePointer<Float>
  private let runningVariance: UnsafeMutablePointer<Float>
  private let mean: UnsafeMutablePointer<Float>
  private let variance: UnsafeMutablePointer<Float>
  /// Sums over the batches that were measured, and their number.
  private var measured: (means: [Double], variances: [Double], count: Int) = ([], [], 0)
  private let scale: UnsafeMutablePointer<Float>
  private let shift: UnsafeMutablePointer<Float>
  /// Of gradients and of gradients times values, [2][channels].
  private let sums: UnsafeMutableBufferPointer<Double>
  /// Of the processes that share a batch, and whether its statistics are those of all of them while it learns.
  var shared: (sums: BatchNormSums, always: Bool)?

  init(
    _ name: String, activation: Graph.Activation, input: Pictures, output: Pictures, outputGradient: Pictures,
    parameters: ParameterSet, gradients: ParameterSet, statistics: ParameterSet, kernels: TrainingKernels,
    scratch: Scratch, memory: FloatMemory
  ) throws(TrainError) {
    self.name = name
    self.kernels = kernels
    self.scratch = scratch
    self.input = input
    self.output = output
    self.outputGradient = outputGradient
    self.activation = activation.kernel
    (gamma, beta) = (parameters["\(name).weight"], parameters["\(name).bias"])
    (gammaGradient, betaGradient) = (gradients["\(name).weight"], gradients["\(name).bias"])
    (runningMean, runningVariance) = (statistics["\(name).running_mean"], statistics["\(name).running_var"])
    mean = try memory.zeros(input.shape.pixel)
    variance = try memory.zeros(input.shape.pixel)
    scale = try memory.zeros(input.shape.pixel)
    shift = try memory.zeros(input.shape.pixel)
    sums = try memory.doubles(2 * input.shape.pixel)
  }

  func forward(_ statistics: BatchStatistics) {
    let shape = input.shape
    if statistics != .running {
      ck_batch_statistics(
        kernels.training, kernels.pool, input.extent, input.view, scratch.partials, mean, variance)
      if let shared, shared.always || statistics == .measured {
        shared.sums.join(mean, variance, count: shape.channels)
      }
    }
    if statistics == .measured { measure() }
    if statistics == .batch {
      let pixels = Float(pixels)
      let unbiased = pixels / max(1, pixels - 1)
      for channel in 0..<shape.channels {
        runningMean[channel] += Self.momentum * (mean[channel] - runningMean[channel])
        runningVariance[channel] += Self.momentum * (variance[channel] * unbiased - runningVariance[channel])
      }
    } else {
      mean.update(from: runningMean, count: shape.channels)
      variance.update(from: runningVariance, count: shape.channels)
    }
    for channel in 0..<shape.channels {
      scale[channel] = gamma[channel] / (variance[channel] + Self.epsilon).squareRoot()
      shift[channel] = beta[channel] - mean[channel] * scale[channel]
    }
    ck_scale_shift(
      kernels.training, kernels.pool, input.extent, input.view, scale, shift, activation, output.view)
  }

  func backward() {
    ck_batch_norm_sums(
      kernels.training, kernels.pool, input.extent, input.view, mean, variance, scale, shift, activation,
      outputGradient.view, scratch.partials, Int32(input.shape.channels), gammaGradient, betaGradient, sums.baseAddress)
    if let shared, shared.always { shared.sums.add(sums) }
    ck_batch_norm_backward(
      kernels.training, kernels.pool, input.extent, input.view, mean, variance, scale, shift, activation,
      outputGradient.view, scratch.partials, sums.baseAddress, Double(pixels))
  }

  /// What mean and variance are taken over.
  private var pixels: Int {
    let own = input.shape.count * input.shape.height * input.shape.width
    guard let shared, shared.always else { return own }
    return shared.sums.pixels(own)
  }

  private func measure() {
    let channels = input.shape.channels
    if measured.count == 0 {
      let zeros = [Double](repeating: 0, count: channels)
      measured = (zeros, zeros, 0)
    }
    measured.count += 1
    for channel in 0..<channels {
      measured.means[channel] += Double(mean[channel])
      measured.variances[channel] += Double(variance[channel])
    }
  }

  /// - Parameter isWanted: whether what was measured is used, or forgotten.
  func adoptMeasured(_ isWanted: Bool) {
    defer { measured.count = 0 }
    guard isWanted, measured.count > 0 else { return }
    for channel in 0..<input.shape.channels {
      let mean = Float(measured.means[channel] / Double(measured.count))
      let variance = Float(measured.variances[channel] / Double(measured.count))
      let slope = gamma[channel] / (runningVariance[channel] + Self.epsilon).squareRoot()
      beta[channel] += (mean - runningMean[channel]) * slope
      gamma[channel] = slope * (variance + Self.epsilon).squareRoot()
      (runningMean[channel], runningVariance[channel]) = (mean, variance)
    }
  }
}
