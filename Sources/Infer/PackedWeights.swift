import CKernels
import Synchronization

/// The weights of a model's layers as the kernels read them: batch norm folded in, channels padded with zeros.
///
/// One per model: plans of the same model share what they read, so that streams do not push each other's weights out of the
/// cache. Each array has its own memory and lives as long as this object.
final class PackedWeights: Sendable {
  /// An array and the bias, and how the kernel walks the array.
  struct Layer: @unchecked Sendable {
    var weights: UnsafePointer<Float>
    var bias: UnsafePointer<Float>
    var depth = 0
    var taps = 0
  }

  /// Layers by name and form, and the memory they point into.
  struct Store {
    fileprivate var layers: [String: any Sendable] = [:]
    fileprivate var arrays: [UnsafeMutableRawPointer] = []

    /// Zeros, on cache lines of their own.
    mutating func allocate<Element: BinaryInteger>(_ count: Int, of type: Element.Type) -> UnsafeMutablePointer<Element>
    {
      let raw = allocate(bytes: count * MemoryLayout<Element>.stride)
      return raw.assumingMemoryBound(to: type)
    }

    mutating func allocate(_ count: Int) -> UnsafeMutablePointer<Float> {
      allocate(bytes: count * 4).assumingMemoryBound(to: Float.self)
    }

    mutating func allocate(bytes: Int) -> UnsafeMutableRawPointer {
      let size = (bytes + 63) / 64 * 64
      let raw = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: 64)
      raw.initializeMemory(as: UInt8.self, repeating: 0, count: size)
      arrays.append(raw)
      return raw
    }

    /// A copy of `values`, then zeros.
    mutating func copy(_ values: [Float], padTo count: Int) -> UnsafePointer<Float> {
      let target = allocate(count)
      target.update(from: values, count: values.count)
      return UnsafePointer(target)
    }
  }

  private let store = Mutex(Store())

  deinit {
    store.withLock { for array in $0.arrays { array.deallocate() } }
  }

  /// The layer with this key; `pack` makes it the first time it is asked for.
  func layer<Packed: Sendable>(_ key: String, _ pack: (inout Store) -> Packed) -> Packed {
    store.withLock { store in
      if let layer = store.layers[key] as? Packed { return layer }
      let layer = pack(&store)
      store.layers[key] = layer
      return layer
    }
  }

  /// [channels / block][taps][depth][block], of halves [channels / block][taps][depth / 2][block][2]; then the bias. See
  /// `ck_convolution`.
  /// - Parameters:
  ///   - channelMap: channel in memory of every input channel.
  ///   - channels: of the input in memory, padding included.
  ///   - pixel: numbers per pixel of the input; more than `channels` where it is one part of a concatenation.
  ///   - size: bytes of a number.
  func convolution(
    _ layer: PlanLayout.Fused, of model: Model, channelMap: [Int], channels inputChannels: Int, pixel: Int, block: Int,
    size: Int
  ) -> Layer {
    self.layer("\(layer.name) by \(block), \(inputChannels) of \(pixel), \(size)") { store in
      let convolution = layer.convolution
      let (kernel, outputs, inputs) = (convolution.kernel, convolution.outputs, channelMap.count)
      let (scale, bias) = Self.fold(
        model, name: layer.name, batchNorm: layer.batchNorm, outputs: outputs, hasBias: convolution.hasBias)
      // Three neighbouring pixels lie side by side: a row of an undilated kernel is one long place.
      let isWholeRow = kernel == 3 && convolution.dilation == 1 && inputChannels == pixel
      let taps = isWholeRow ? 3 : kernel * kernel
      let depth = isWholeRow ? 3 * pixel : inputChannels

      let channels = PlanLayout.padded(outputs)
      let target = store.allocate(bytes: channels * taps * depth * size)
      let (floats, halves) = (target.assumingMemoryBound(to: Float.self), target.assumingMemoryBound(to: UInt16.self))
      let weight = model.values("\(layer.name).weight")
      weight.withUnsafeBufferPointer { weight in
        for output in 0..<outputs {
          let first = output / block * block
          let blockWidth = min(block, channels - first)
          let blockStart = first * taps * depth + (size == 4 ? output - first : 0)
          for y in 0..<kernel {
            for x in 0..<kernel {
              let row = isWholeRow ? (y * depth + x * pixel) : (y * kernel + x) * depth
              for input in 0..<inputs {
                let value = weight[((output * inputs + input) * kernel + y) * kernel + x] * scale[output]
                let place = row + channelMap[input]
                if size == 4 {
                  floats[blockStart + place * blockWidth] = value
                } else {
                  halves[blockStart + place / 2 * 2 * blockWidth + (output - first) * 2 + place % 2] = ck_bf16_of(value)
                }
              }
            }
          }
        }
      }
      return Layer(
        weights: UnsafePointer(floats), bias: store.copy(bias, padTo: channels), depth: depth, taps: taps)
    }
  }

  /// A 3 × 3 kernel in Winograd's form, then the bias. See `ck_winograd_weights`.
  func winograd(_ layer: PlanLayout.Fused, of model: Model, inputs: Int, channels depth: Int, block: Int, size: Int)
    -> Layer
  {
    self.layer("\(layer.name) by \(block), Winograd, \(size)") { store in
      let outputs = layer.convolution.outputs
      let (scale, bias) = Self.fold(
        model, name: layer.name, batchNorm: layer.batchNorm, outputs: outputs, hasBias: layer.convolution.hasBias)
      let weight = model.values("\(layer.name).weight")
      let channels = PlanLayout.padded(outputs)
      let target = store.allocate(bytes: 36 * depth * channels * size)
      ck_winograd_weights(
        weight, scale, Int32(inputs), Int32(outputs), Int32(channels), Int32(depth), Int32(block), size == 2, target)
      return Layer(
        weights: UnsafePointer(target.assumingMemoryBound(to: Float.self)), bias: store.copy(bias, padTo: channels),
        depth: depth, taps: 1)
    }
  }

  /// [9][channels], then the bias. See `ck_depthwise`.
  func depthwise(_ layer: PlanLayout.Depthwise, of model: Model, channels: Int) -> Layer {
    self.layer(layer.name) { store in
      let count = layer.convolution.outputs
      let (scale, bias) = Self.fold(
        model, name: layer.name, batchNorm: layer.batchNorm, outputs: count, hasBias: layer.convolution.hasBias)
      let weight = model.values("\(layer.name).weight")
      let target = store.allocate(9 * channels)
      for place in 0..<9 {
        for channel in 0..<count { target[place * channels + channel] = weight[channel * 9 + place] * scale[channel] }
      }
      return Layer(weights: UnsafePointer(target), bias: store.copy(bias, padTo: channels))
    }
  }

  /// Batch norm as a factor and a bias per output channel: y = (x - mean) / sqrt(variance + 1e-5) · weight + bias.
  static func fold(
    _ model: Model, name: String, batchNorm: String?, outputs: Int, hasBias: Bool
  ) -> (scale: [Float], bias: [Float]) {
    let bias = hasBias ? model.values("\(name).bias") : [Float](repeating: 0, count: outputs)
    guard let batchNorm else { return ([Float](repeating: 1, count: outputs), bias) }
    let (weight, shift) = (model.values("\(batchNorm).weight"), model.values("\(batchNorm).bias"))
    let (mean, variance) = (model.values("\(batchNorm).running_mean"), model.values("\(batchNorm).running_var"))
    let scale = (0..<outputs).map { weight[$0] / (variance[$0] + 1e-5).squareRoot() }
    return (scale, (0..<outputs).map { (bias[$0] - mean[$0]) * scale[$0] + shift[$0] })
  }
}
