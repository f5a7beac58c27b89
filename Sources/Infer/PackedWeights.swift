import CKernels

/// The weights of all layers as the kernels read them: batch norm folded in, channels padded with zeros.
struct PackedWeights {
  private(set) var values: [Float] = []
  let block: Int

  init(block: Int) { self.block = block }

  /// [channels / block][taps][depth][block], then the bias. See `ck_convolution`.
  /// - Parameters:
  ///   - channelMap: channel in memory of every input channel.
  ///   - channels: of the input in memory, padding included.
  ///   - pixel: floats per pixel of the input; more than `channels` where it is one part of a concatenation.
  mutating func append(
    _ layer: PlanLayout.Fused, of model: Model, channelMap: [Int], channels inputChannels: Int, pixel: Int
  ) -> (weights: Int, bias: Int, depth: Int, taps: Int) {
    let convolution = layer.convolution
    let (kernel, outputs, inputs) = (convolution.kernel, convolution.outputs, channelMap.count)
    let (scale, bias) = Self.fold(
      model, name: layer.name, batchNorm: layer.batchNorm, outputs: outputs, hasBias: convolution.hasBias)
    // Three neighbouring pixels lie side by side: a row of an undilated kernel is one long place.
    let isWholeRow = kernel == 3 && convolution.dilation == 1 && inputChannels == pixel
    let taps = isWholeRow ? 3 : kernel * kernel
    let depth = isWholeRow ? 3 * pixel : inputChannels

    let channels = PlanLayout.padded(outputs)
    let start = align()
    values.append(contentsOf: repeatElement(0, count: channels * taps * depth))
    guard let weight = model.tensors["\(layer.name).weight"]?.values else {
      preconditionFailure("the model was checked to hold '\(layer.name).weight'")
    }
    values.withUnsafeMutableBufferPointer { target in
      weight.withUnsafeBufferPointer { weight in
        for output in 0..<outputs {
          let first = output / block * block
          let blockWidth = min(block, channels - first)
          let blockStart = start + first * taps * depth + output - first
          for y in 0..<kernel {
            for x in 0..<kernel {
              let row = isWholeRow ? (y * depth + x * pixel) : (y * kernel + x) * depth
              for input in 0..<inputs {
                target[blockStart + (row + channelMap[input]) * blockWidth] =
                  weight[((output * inputs + input) * kernel + y) * kernel + x] * scale[output]
              }
            }
          }
        }
      }
    }
    return (start, append(bias, padTo: channels), depth, taps)
  }

  /// A 3 × 3 kernel in Winograd's form, then the bias. See `ck_winograd_weights`.
  mutating func append(
    winograd layer: PlanLayout.Fused, of model: Model, inputs: Int, channels depth: Int
  ) -> (weights: Int, bias: Int, depth: Int, taps: Int) {
    let outputs = layer.convolution.outputs
    let (scale, bias) = Self.fold(
      model, name: layer.name, batchNorm: layer.batchNorm, outputs: outputs, hasBias: layer.convolution.hasBias)
    guard let weight = model.tensors["\(layer.name).weight"]?.values else {
      preconditionFailure("the model was checked to hold '\(layer.name).weight'")
    }
    let channels = PlanLayout.padded(outputs)
    let start = align()
    values.append(contentsOf: repeatElement(0, count: 36 * depth * channels))
    values.withUnsafeMutableBufferPointer { target in
      ck_winograd_weights(
        weight, scale, Int32(inputs), Int32(outputs), Int32(channels), Int32(depth), Int32(block),
        target.baseAddress.map { $0 + start })
    }
    return (start, append(bias, padTo: channels), depth, 1)
  }

  /// [9][channels], then the bias. See `ck_depthwise`.
  mutating func append(
    depthwise layer: PlanLayout.Depthwise, of model: Model, channels: Int
  ) -> (weights: Int, bias: Int) {
    let count = layer.convolution.outputs
    let (scale, bias) = Self.fold(
      model, name: layer.name, batchNorm: layer.batchNorm, outputs: count, hasBias: layer.convolution.hasBias)
    guard let weight = model.tensors["\(layer.name).weight"]?.values else {
      preconditionFailure("the model was checked to hold '\(layer.name).weight'")
    }
    let start = align()
    for place in 0..<9 {
      values.append(contentsOf: (0..<count).map { weight[$0 * 9 + place] * scale[$0] })
      values.append(contentsOf: repeatElement(0, count: channels - count))
    }
    return (start, append(bias, padTo: channels))
  }

  private mutating func append(_ bias: [Float], padTo channels: Int) -> Int {
    let start = align()
    values.append(contentsOf: bias)
    values.append(contentsOf: repeatElement(0, count: channels - bias.count))
    return start
  }

  /// The next cache line.
  private mutating func align() -> Int {
    values.append(contentsOf: repeatElement(0, count: (16 - values.count % 16) % 16))
    return values.count
  }

  /// Batch norm as a factor and a bias per output channel: y = (x - mean) / sqrt(variance + 1e-5) · weight + bias.
  private static func fold(
    _ model: Model, name: String, batchNorm: String?, outputs: Int, hasBias: Bool
  ) -> (scale: [Float], bias: [Float]) {
    func tensor(_ name: String) -> [Float] {
      guard let tensor = model.tensors[name] else { preconditionFailure("the model was checked to hold '\(name)'") }
      return tensor.values
    }
    let bias = hasBias ? tensor("\(name).bias") : [Float](repeating: 0, count: outputs)
    guard let batchNorm else { return ([Float](repeating: 1, count: outputs), bias) }
    let (weight, shift) = (tensor("\(batchNorm).weight"), tensor("\(batchNorm).bias"))
    let (mean, variance) = (tensor("\(batchNorm).running_mean"), tensor("\(batchNorm).running_var"))
    let scale = (0..<outputs).map { weight[$0] / (variance[$0] + 1e-5).squareRoot() }
    return (scale, (0..<outputs).map { (bias[$0] - mean[$0]) * scale[$0] + shift[$0] })
  }
}
