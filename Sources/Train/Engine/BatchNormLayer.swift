import CKernels
import Infer

/// Batch norm with the statistics of the batch, and the ReLU after it (Ioffe and Szegedy, 2015).
///
/// Finds statistics and slopes; the layers around it apply them, unless what it gives has several readers. Running statistics
/// move by a tenth towards those of the batch, the variance unbiased, as in PyTorch.
final class BatchNormLayer: Layer {
  static let epsilon: Float = 1e-5
  static let momentum: Float = 0.1

  let name: String
  private let kernels: TrainingKernels
  private let normalisation: Normalisation
  private let input: Pictures
  /// `nil` where the layer after it normalises.
  private let output: Pictures?
  private let outputGradient: Pictures
  private let gamma: UnsafeMutablePointer<Float>
  private let beta: UnsafeMutablePointer<Float>
  private let gammaGradient: UnsafeMutablePointer<Float>
  private let betaGradient: UnsafeMutablePointer<Float>
  private let runningMean: UnsafeMutablePointer<Float>
  private let runningVariance: UnsafeMutablePointer<Float>
  /// Sums over the batches that were measured, and their number.
  private var measured: (means: [Double], variances: [Double], count: Int) = ([], [], 0)
  /// Of gradients, and of gradients times values: [2][channels].
  private let sums: UnsafeMutableBufferPointer<Double>
  /// Of the processes that share a batch, and whether its statistics are those of all of them while it learns.
  var shared: (sums: BatchNormSums, always: Bool)?

  init(
    _ name: String, _ normalisation: Normalisation, input: Pictures, output: Pictures?, outputGradient: Pictures,
    parameters: ParameterSet, gradients: ParameterSet, statistics: ParameterSet, kernels: TrainingKernels,
    memory: FloatMemory
  ) throws(TrainError) {
    self.name = name
    self.kernels = kernels
    self.normalisation = normalisation
    self.input = input
    self.output = output
    self.outputGradient = outputGradient
    (gamma, beta) = (parameters["\(name).weight"], parameters["\(name).bias"])
    (gammaGradient, betaGradient) = (gradients["\(name).weight"], gradients["\(name).bias"])
    (runningMean, runningVariance) = (statistics["\(name).running_mean"], statistics["\(name).running_var"])
    sums = try memory.doubles(2 * input.shape.depth)
  }

  /// What mean and variance are taken over.
  private var pixels: Int {
    let own = input.shape.count * input.shape.height * input.shape.width
    guard let shared, shared.always else { return own }
    return shared.sums.pixels(own)
  }

  func forward(_ statistics: BatchStatistics) {
    let (shape, it) = (input.shape, normalisation)
    if statistics != .running {
      if it.momentParts == nil {
        ck_batch_moments(kernels.training, kernels.pool, input.extent, input.view, it.parts)
      }
      ck_join_moments(
        it.parts, it.momentParts ?? ck_band_parts(input.extent), Int32(shape.depth), it.mean, it.variance)
      if let shared, shared.always || statistics == .measured {
        shared.sums.join(it.mean, it.variance, count: shape.channels)
      }
    }
    if statistics == .measured { measure() }
    if statistics == .batch {
      let pixels = Float(pixels)
      let unbiased = pixels / max(1, pixels - 1)
      for channel in 0..<shape.channels {
        runningMean[channel] += Self.momentum * (it.mean[channel] - runningMean[channel])
        runningVariance[channel] += Self.momentum * (it.variance[channel] * unbiased - runningVariance[channel])
      }
    } else {
      it.mean.update(from: runningMean, count: shape.channels)
      it.variance.update(from: runningVariance, count: shape.channels)
    }
    for channel in 0..<shape.channels {
      it.scale[channel] = gamma[channel] / (it.variance[channel] + Self.epsilon).squareRoot()
      it.shift[channel] = beta[channel] - it.mean[channel] * it.scale[channel]
    }
    if let output {
      var source = Source(pictures: input, normalisation: it).kernel
      ck_normalise(kernels.training, kernels.pool, input.extent, &source, output.view)
    }
  }

  /// With x' = (x - mean) / deviation and g the gradient of gamma x' + beta:
  /// dx = gamma / deviation * (g - average(g) - x' average(g x')), which is linear in g and x.
  func backward() {
    let (depth, it) = (input.shape.depth, normalisation)
    if it.sumParts == nil {
      var source = Source(pictures: input, normalisation: it).kernel
      ck_norm_sums(
        kernels.training, kernels.pool, input.extent, &source, it.mean, outputGradient.view, it.parts)
    }
    ck_join_sums(it.parts, it.sumParts ?? ck_band_parts(input.extent), Int32(depth), sums.baseAddress)
    for channel in 0..<input.shape.channels {
      let precision = 1 / (Double(it.variance[channel]) + Double(Self.epsilon))
      gammaGradient[channel] += Float(sums[depth + channel] * precision.squareRoot())
      betaGradient[channel] += Float(sums[channel])
    }
    if let shared, shared.always { shared.sums.add(sums) }
    for channel in 0..<input.shape.channels {
      let precision = 1 / (Double(it.variance[channel]) + Double(Self.epsilon))
      let factor = -Double(it.scale[channel]) / Double(pixels)
      let slope = factor * precision * sums[depth + channel]
      it.slope[channel] = Float(slope)
      it.offset[channel] = Float(factor * sums[channel] - slope * Double(it.mean[channel]))
    }
  }

  private func measure() {
    let channels = input.shape.channels
    if measured.count == 0 {
      let zeros = [Double](repeating: 0, count: channels)
      measured = (zeros, zeros, 0)
    }
    measured.count += 1
    for channel in 0..<channels {
      measured.means[channel] += Double(normalisation.mean[channel])
      measured.variances[channel] += Double(normalisation.variance[channel])
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
