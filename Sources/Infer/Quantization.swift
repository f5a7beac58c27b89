import CKernels

/// What a channel of a layer's results was seen to hold.
public struct ChannelRange: Sendable, Equatable {
  /// Bytes cover what lies between.
  public var low: Float
  public var high: Float
  public var mean: Float
}

/// How bytes stand for the numbers of a picture: value = (byte - zero) · scale, as in Jacob et al., "Quantization and Training
/// of Neural Networks for Efficient Integer-Arithmetic-Only Inference", CVPR 2018.
///
/// Where nothing is negative, each channel has a scale of its own, which costs nothing: the layer that writes it has a scale
/// per output channel anyway, and those that read it take the scale into their weights.
struct Quantization: Sendable, Equatable {
  /// By channel.
  var scales: [Float]
  /// 0...most, whole.
  var zero: Float
  /// What each channel's numbers are on average.
  var means: [Float]
  /// The largest byte.
  var most: Float = 255

  /// Pictures as they come, x standing for (x - 128) / 256.
  static let pictures = Quantization(scales: [Float](repeating: 1 / 256, count: 3), zero: 128, means: [0, 0, 0])

  init(scales: [Float], zero: Float, means: [Float]) {
    (self.scales, self.zero, self.means) = (scales, zero, means)
  }

  /// Covers the ranges of all channels, 0 always among them.
  /// - Parameters:
  ///   - isShared: one scale for all channels, whatever their signs.
  ///   - most: the largest byte.
  init(_ ranges: [ChannelRange], isShared: Bool, most: Float = 255) {
    self.most = most
    means = ranges.map(\.mean)
    let low = ranges.reduce(0) { min($0, $1.low) }
    let high = ranges.reduce(0) { max($0, $1.high) }
    if low < 0 || isShared {
      let scale = max(high - low, 1e-6) / most
      scales = [Float](repeating: scale, count: ranges.count)
      zero = min(most, max(0, (-low / scale).rounded()))
    } else {
      // A channel that hardly ever speaks must not make the others' weights vanish beside its own.
      scales = ranges.map { max($0.high, high / 256, 1e-6) / most }
      zero = 0
    }
  }
}

extension Quantization {
  func input(channel: Int, of index: Int) -> InputChannel {
    InputChannel(channel: channel, scale: scales[index], zero: zero, mean: means[index])
  }
}

/// A channel that a layer reads.
struct InputChannel {
  /// Place in memory.
  var channel: Int
  var scale: Float
  var zero: Float
  var mean: Float
}

/// Weights of a layer as the kernels of bytes read them.
struct QuantizedLayer: @unchecked Sendable {
  var weights: UnsafeRawPointer
  var scale: UnsafePointer<Float>
  var bias: UnsafePointer<Float>
  var depth = 0
  var taps = 0
  var isWinograd = false
}

/// A weight of up to 127 units; weights so large that the unit is not finite become 0.
private func signedByte(_ units: Float) -> Int8 {
  let whole = units.rounded()
  return abs(whole) <= 127 ? Int8(whole) : 0
}

extension PackedWeights {
  /// What a convolution needs to know to turn its weights into bytes.
  struct QuantizedForm {
    var inputs: [InputChannel]
    /// Channels of the input in memory, padding included, and bytes per pixel.
    var channels: Int
    var pixel: Int
    /// Code of the result; `nil` where it stays a float.
    var output: Quantization?
    /// The activation is not the same at any scale, so the result is brought to the output's scale after it.
    var scalesLater: Bool
    /// What a depthwise part leaves, of bytes up to 127.
    var has7Bits = false
    /// By Winograd's transforms, unless its weights are too large for them.
    var suitsWinograd = false

    /// What one of the steps in which a channel leaves is worth.
    fileprivate func step(_ channel: Int) -> Float { scalesLater ? 1 : output?.scales[channel] ?? 1 }
  }

  /// [channels / block][taps][depth / group][block][group] with a scale per output channel, the largest weight becoming 127;
  /// or see `ck_q8_winograd_weights`.
  ///
  /// The zeros of the input are moved into the bias, and so is what rounding the weights changes on average: inputs after a
  /// ReLU are far from 0 on average, so this is most of the error (Nagel et al., "Data-Free Quantization Through Weight
  /// Equalization and Bias Correction", ICCV 2019).
  func quantized(
    _ layer: PlanLayout.Fused, of model: Model, _ form: QuantizedForm, kernels: UnsafePointer<ck_q8_kernels>
  ) -> QuantizedLayer {
    let block = kernels.pointee.block
    let key =
      "\(layer.name), int8 by \(String(cString: kernels.pointee.name)), \(form.channels) of \(form.pixel), \(form.suitsWinograd)"
    return self.layer(key) { store in
      let convolution = layer.convolution
      let (kernel, outputs) = (convolution.kernel, convolution.outputs)
      let (fold, bias) = Self.fold(
        model, name: layer.name, batchNorm: layer.batchNorm, outputs: outputs, hasBias: convolution.hasBias)
      let places = kernel * kernel
      let size = form.channels * places
      let channels = PlanLayout.padded(outputs)
      // [outputs][channels][kernel][kernel]
      var bytes = [Int8](repeating: 0, count: outputs * size)
      var (scales, biases) = ([Float](), [Float]())
      let weight = model.values("\(layer.name).weight")
      let rounded = model.roundedWeights[layer.name]
      for output in 0..<outputs {
        let (row, unit) = Self.row(
          output, of: weight, fold[output], scales: form.inputs.map(\.scale), places: places)
        var (zeros, shift): (Float, Float) = (0, 0)
        for (index, value) in row.enumerated() {
          let input = form.inputs[index / places]
          let byte = rounded?[output * row.count + index] ?? signedByte(value / unit)
          zeros += Float(byte) * input.zero
          shift += (value - Float(byte) * unit) * input.mean / input.scale
          bytes[output * size + input.channel * places + index % places] = byte
        }
        scales.append(unit / form.step(output))
        biases.append((bias[output] - zeros * unit + shift) / form.step(output))
      }

      let (scale, newBias) = (store.copy(scales, padTo: channels), store.copy(biases, padTo: channels))
      if form.suitsWinograd {
        let target = store.allocate(channels * 36 * form.channels, of: Int16.self)
        let depth = Int32(form.channels)
        if ck_q8_winograd_weights(bytes, depth, Int32(outputs), Int32(channels), depth, block, target) {
          return QuantizedLayer(
            weights: target, scale: scale, bias: newBias, depth: form.channels, taps: 1, isWinograd: true)
        }
      }
      let isWholeRow = kernel == 3 && convolution.dilation == 1 && form.channels == form.pixel
      let taps = isWholeRow ? 3 : places
      let depth = isWholeRow ? 3 * form.pixel : form.channels
      // [channels][taps][depth]
      var rows = [Int8](repeating: 0, count: channels * taps * depth)
      for output in 0..<outputs {
        for channel in 0..<form.channels {
          for place in 0..<places {
            let at =
              isWholeRow
              ? place / kernel * depth + place % kernel * form.pixel + channel : place * depth + channel
            rows[output * taps * depth + at] = bytes[output * size + channel * places + place]
          }
        }
      }
      let target = store.allocate(
        bytes: ck_q8_weights_size(kernels, Int32(channels), Int32(taps), Int32(depth), form.has7Bits))
      ck_q8_pack_weights(kernels, rows, Int32(channels), Int32(taps), Int32(depth), form.has7Bits, target)
      return QuantizedLayer(weights: target, scale: scale, bias: newBias, depth: depth, taps: taps)
    }
  }

  /// A depthwise part; see `ck_q8_pack_depthwise`.
  func quantized(
    _ part: PlanLayout.Depthwise, of model: Model, input: Quantization, output: Quantization, channels: Int,
    kernels: UnsafePointer<ck_q8_kernels>
  ) -> QuantizedLayer {
    layer("\(part.name), int8 by \(kernels.pointee.depthwise_block), \(kernels.pointee.group)") { store in
      let count = part.convolution.outputs
      let (fold, bias) = Self.fold(
        model, name: part.name, batchNorm: part.batchNorm, outputs: count, hasBias: part.convolution.hasBias)
      let weight = model.values("\(part.name).weight")
      let rounded = model.roundedWeights[part.name]
      var bytes = [Int8](repeating: 0, count: channels * 9)
      var (scales, biases) = ([Float](repeating: 0, count: channels), [Float](repeating: 0, count: channels))
      for channel in 0..<count {
        let step = part.activation == .elu ? 1 : output.scales[channel]
        let (row, unit) = Self.row(
          channel, of: weight, fold[channel], scales: [input.scales[channel]], places: 9)
        for (place, value) in row.enumerated() {
          bytes[channel * 9 + place] = rounded?[channel * 9 + place] ?? signedByte(value / unit)
        }
        let zeros = bytes[channel * 9..<channel * 9 + 9].reduce(Float(0)) { $0 + Float($1) * input.zero }
        let rest = row.reduce(0, +) - bytes[channel * 9..<channel * 9 + 9].reduce(Float(0)) { $0 + Float($1) * unit }
        let shift = rest * input.means[channel] / input.scales[channel]
        scales[channel] = unit / step
        biases[channel] = (bias[channel] - zeros * unit + shift) / step
      }
      let target = store.allocate(bytes: ck_q8_depthwise_size(kernels, Int32(channels)))
      ck_q8_pack_depthwise(kernels, bytes, Int32(channels), target)
      let block = Int(kernels.pointee.depthwise_block)
      let whole = (channels + block - 1) / block * block
      func packed(_ values: [Float]) -> UnsafePointer<Float> {
        let target = store.allocate(whole)
        ck_q8_pack_channels(kernels, values, Int32(channels), target)
        return UnsafePointer(target)
      }
      return QuantizedLayer(weights: target, scale: packed(scales), bias: packed(biases))
    }
  }

  /// Weights of an output channel, batch norm and the inputs' scales in them, and what a byte counts in.
  static func row(
    _ output: Int, of weights: [Float], _ factor: Float, scales: [Float], places: Int
  ) -> (values: [Float], unit: Float) {
    let size = scales.count * places
    let values = (0..<size).map { weights[output * size + $0] * factor * scales[$0 / places] }
    return (values, max(values.reduce(0) { max($0, abs($1)) }, 1e-30) / 127)
  }

  /// One number per channel, then zeros.
  func factors(_ values: [Float], padTo count: Int, key: String) -> UnsafePointer<Float> {
    struct Factors: @unchecked Sendable { var start: UnsafePointer<Float> }
    return layer("\(key), residual") { Factors(start: $0.copy(values, padTo: count)) }.start
  }
}
