import CKernels
import Foundation
import TestSupport
import Testing

@testable import Infer

/// What a layer's numbers are.
enum Numbers {
  case floats, halves
  /// Halves from which floats are made.
  case halvesToFloats

  /// The nearest number there is.
  func rounded(_ value: Float) -> Float { self == .floats ? value : ck_float_of(ck_bf16_of(value)) }
}

extension ck_activation {
  /// As the mathematics says it.
  func of(_ x: Double) -> Double {
    switch self {
    case ck_activation_relu: max(0, x)
    case ck_activation_elu: x > 0 ? x : exp(x) - 1
    default: x
    }
  }
}

/// One layer on random numbers, computed by the kernels and, as the mathematics says it, in double precision.
struct RandomLayer: Sendable, CustomTestStringConvertible {
  var height = 5
  var width = 7
  var inputs = 16
  var outputs = 32
  var kernel = 1
  var stride = 1
  var dilation = 1
  var activation = ck_activation_none
  var hasResidual = false
  var margin = 0
  /// Stride and dilation of the depthwise part.
  var depthwise: (stride: Int, dilation: Int)?
  /// By Winograd's transforms, where the level has them.
  var isWinograd = false
  var threads = 1
  var rowsPerTask = 100
  var numbers = Numbers.floats

  func with(_ numbers: Numbers) -> RandomLayer {
    var layer = self
    layer.numbers = numbers
    // Rows and pixels of halves come in pairs.
    layer.inputs += numbers == .floats ? 0 : inputs % 2
    if numbers == .halvesToFloats { (layer.margin, layer.hasResidual) = (0, false) }
    return layer
  }

  var testDescription: String {
    "\(numbers) \(height)x\(width) \(inputs)->\(outputs) kernel \(kernel) stride \(stride) dilation \(dilation) "
      + "activation \(activation.rawValue) residual \(hasResidual) margin \(margin) "
      + "depthwise \(depthwise.map { "\($0)" } ?? "none") threads \(threads) "
      + (isWinograd ? "Winograd" : "direct")
  }

  /// Pixels in memory around the input: zeros as far as the kernel reaches, then NaN.
  private static let around = 9
  /// Channels on either side of the output and the residual that belong to somebody else.
  private static let beside = 16
  /// The same in all kinds of numbers.
  private static let junk: Float = 12352

  private var step: Int { depthwise?.stride ?? stride }
  private var inputHeight: Int { (height - 1) * step + 1 }
  private var inputWidth: Int { (width - 1) * step + 1 }

  /// Largest error of the level's result, as a share of what may be; expects everything around it to be as it must be.
  func error(_ kernels: UnsafePointer<ck_kernels>) -> Double {
    var noise = Noise(7)
    let (around, beside) = (Self.around, Self.beside)
    let inputRow = (inputWidth + 2 * around) * inputs
    var input = [Float](repeating: .nan, count: (inputHeight + 2 * around) * inputRow)
    let reach = depthwise?.dilation ?? kernel / 2 * dilation
    for y in -reach..<inputHeight + reach {
      for x in -reach..<inputWidth + reach {
        let isInside = (0..<inputHeight).contains(y) && (0..<inputWidth).contains(x)
        let start = (y + around) * inputRow + (x + around) * inputs
        for c in start..<start + inputs {
          input[c] = isInside ? numbers.rounded(Float.random(in: -1...1, using: &noise)) : 0
        }
      }
    }
    // [output][input][y][x]; Winograd's are rounded as points.
    let weights = noise.floats(outputs * inputs * kernel * kernel).map {
      isTransformed(kernels) ? $0 * 0.25 : numbers.rounded($0 * 0.25)
    }
    let bias = noise.floats(outputs)
    let depthwiseWeights = noise.floats(9 * inputs)
    let depthwiseBias = noise.floats(inputs)
    let outputPixel = outputs + 2 * beside
    let outputRow = (width + 2 * margin) * outputPixel
    let residual = noise.floats((height + 2 * margin) * outputRow).map(numbers.rounded)
    let output = run(
      kernels, input: input, weights: weights, bias: bias, depthwiseWeights: depthwiseWeights,
      depthwiseBias: depthwiseBias, residual: residual,
      output: [Float](repeating: Self.junk, count: residual.count))

    // Winograd's transforms multiply rounding errors, of points in halves to a hundredth of the deviation of results, about 2, at most a tenth. A
    // result between two halves may become either, and one of the depthwise part takes the sums with it.
    var allowed = isTransformed(kernels) ? 4e-5 : 1e-5
    if numbers != .floats && depthwise != nil { allowed = 0.01 }
    if isTransformed(kernels) && hasHalfPoints(kernels) { allowed = 0.2 }
    let share = numbers == .halves ? 0x1p-8 : 0

    func pixel(_ y: Int, _ x: Int) -> Int { (y + around) * inputRow + (x + around) * inputs }
    let around9 = (0..<9).map { ($0 / 3 - 1, $0 % 3 - 1) }
    func afterDepthwise(_ y: Int, _ x: Int) -> [Double] {
      guard let depthwise else { return [] }
      return (0..<inputs).map { c in
        let sum = around9.enumerated().reduce(Double(depthwiseBias[c])) { sum, tap in
          let (place, (dy, dx)) = tap
          let from = pixel(
            y * depthwise.stride + dy * depthwise.dilation, x * depthwise.stride + dx * depthwise.dilation)
          return sum + Double(input[from + c]) * Double(depthwiseWeights[place * inputs + c])
        }
        return Double(numbers.rounded(Float(ck_activation_elu.of(sum))))
      }
    }

    var worst = 0.0
    var (isUntouched, isMarginZero) = (true, true)
    for y in -margin..<height + margin {
      for x in -margin..<width + margin {
        let start = (y + margin) * outputRow + (x + margin) * outputPixel
        for c in 0..<beside {
          isUntouched =
            isUntouched && output[start + c] == Self.junk && output[start + beside + outputs + c] == Self.junk
        }
        let result = output[start + beside..<start + beside + outputs]
        guard (0..<height).contains(y), (0..<width).contains(x) else {
          isMarginZero = isMarginZero && result.allSatisfy { $0 == 0 }
          continue
        }
        let rows = afterDepthwise(y, x)
        for o in 0..<outputs {
          var sum = Double(bias[o])
          for ky in 0..<kernel {
            for kx in 0..<kernel {
              let centre = kernel / 2
              let from = pixel(y * step + (ky - centre) * dilation, x * step + (kx - centre) * dilation)
              for i in 0..<inputs {
                let value = depthwise == nil ? Double(input[from + i]) : rows[i]
                sum += value * Double(weights[((o * inputs + i) * kernel + ky) * kernel + kx])
              }
            }
          }
          let truth =
            activation.of(sum) + (hasResidual ? Double(residual[start + beside + o]) : 0)
          let error = abs(Double(result[result.startIndex + o]) - truth) / (allowed + share * abs(truth))
          worst = error <= worst ? worst : error  // keeps a NaN
        }
      }
    }
    #expect(isUntouched, "channels beside the output were written")
    #expect(isMarginZero)
    return worst
  }

  private func isTransformed(_ kernels: UnsafePointer<ck_kernels>) -> Bool {
    isWinograd && kernels.pointee.winograd_in != nil
  }

  private func hasHalfPoints(_ kernels: UnsafePointer<ck_kernels>) -> Bool {
    (kernels.pointee.products ?? kernels).pointee.size == 2
  }

  private func run(
    _ kernels: UnsafePointer<ck_kernels>, input: [Float], weights: [Float], bias: [Float], depthwiseWeights: [Float],
    depthwiseBias: [Float], residual: [Float], output: [Float]
  ) -> [Float] {
    guard let pool = ck_pool_create(Int32(threads)) else { preconditionFailure("no threads") }
    defer { ck_pool_destroy(pool) }
    let block = Int(kernels.pointee.block)
    let (around, beside) = (Self.around, Self.beside)
    let inputRow = (inputWidth + 2 * around) * inputs
    let outputPixel = outputs + 2 * beside
    let outputRow = (width + 2 * margin) * outputPixel
    let outputStart = margin * outputRow + margin * outputPixel + beside

    var layer = ck_convolution()
    (layer.height, layer.width, layer.stride) = (Int32(height), Int32(width), Int32(stride))
    (layer.channels, layer.activation, layer.margin) = (Int32(outputs), activation, Int32(margin))
    layer.rows_per_task = Int32(min(rowsPerTask, height))
    // A row of an undilated kernel is one long place, as in plans.
    let isWholeRow = kernel == 3 && dilation == 1
    (layer.taps, layer.depth) = isWholeRow ? (3, Int32(3 * inputs)) : (Int32(kernel * kernel), Int32(inputs))
    withUnsafeMutableBytes(of: &layer.tap_offset) { bytes in
      let offsets = bytes.bindMemory(to: Int.self)
      guard kernel == 3 else { return }
      for tap in 0..<Int(layer.taps) {
        let (y, x) = isWholeRow ? (tap - 1, -1) : (tap / 3 - 1, tap % 3 - 1)
        offsets[tap] = (y * inputRow + x * inputs) * dilation
      }
    }
    var packed = [Float](repeating: 0, count: weights.count)
    let places = kernel * kernel * inputs
    let pair = numbers == .floats ? 1 : 2
    for o in 0..<outputs {
      let first = o / block * block
      for place in 0..<places {
        let (tap, i) = (place / inputs, place % inputs)
        packed[first * places + place / pair * pair * min(block, outputs - first) + (o - first) * pair + place % pair] =
          weights[(o * inputs + i) * kernel * kernel + tap]
      }
    }
    var scratchSize = height * width * inputs
    if isTransformed(kernels) {
      layer.winograd = Int32(dilation)
      (layer.taps, layer.depth) = (1, Int32(inputs))
      let rows = ck_winograd_tiles(layer.height, layer.winograd)
      layer.rows_per_task = min(Int32(rowsPerTask), rows)
      scratchSize = ck_winograd_scratch(
        layer.rows_per_task * ck_winograd_tiles(layer.width, layer.winograd), layer.depth)
      packed = [Float](repeating: 0, count: 36 * inputs * outputs)
      ck_winograd_weights(
        weights, [Float](repeating: 1, count: outputs), layer.depth, layer.channels, layer.channels, layer.depth,
        Int32(block), hasHalfPoints(kernels), &packed)
    }
    layer.gives_floats = numbers == .halvesToFloats
    let buffers = [
      Buffer(input, numbers), Buffer(packed, layer.winograd > 0 ? .floats : numbers), Buffer(bias),
      Buffer(residual, numbers), Buffer(output, layer.gives_floats ? .floats : numbers), Buffer(depthwiseWeights),
      Buffer(depthwiseBias),
    ]
    let scratch = Buffer([Float](repeating: .nan, count: threads * scratchSize))
    layer.in = ck_view(base: buffers[0].address(around * (inputRow + inputs)), row: inputRow, pixel: inputs)
    (layer.weights, layer.bias) = (UnsafePointer(buffers[1].floats), UnsafePointer(buffers[2].floats))
    if hasResidual {
      layer.residual = ck_view(base: buffers[3].address(outputStart), row: outputRow, pixel: outputPixel)
    }
    layer.out = ck_view(base: buffers[4].address(outputStart), row: outputRow, pixel: outputPixel)
    if let depthwise {
      layer.depthwise = ck_depthwise(
        weights: buffers[5].floats, bias: buffers[6].floats, channels: Int32(inputs), stride: Int32(depthwise.stride),
        dilation: Int32(depthwise.dilation), activation: ck_activation_elu)
    }
    (layer.scratch, layer.scratch_size) = (scratch.floats, scratchSize)
    withExtendedLifetime((buffers, scratch)) { ck_convolve(kernels, pool, &layer) }
    return buffers[4].values
  }
}

/// Numbers that stay where they are.
private final class Buffer {
  let floats: UnsafeMutablePointer<Float>
  private let count: Int
  private let isHalves: Bool
  private var halves: UnsafeMutablePointer<UInt16> {
    UnsafeMutableRawPointer(floats).assumingMemoryBound(to: UInt16.self)
  }

  init(_ values: [Float], _ numbers: Numbers = .floats) {
    (count, isHalves) = (values.count, numbers != .floats)
    floats = .allocate(capacity: count)
    if isHalves {
      for (index, value) in values.enumerated() { halves[index] = ck_bf16_of(value) }
    } else {
      floats.initialize(from: values, count: count)
    }
  }

  deinit { floats.deallocate() }

  /// As views have it.
  func address(_ index: Int) -> UnsafeMutablePointer<Float> {
    isHalves ? UnsafeMutableRawPointer(halves + index).assumingMemoryBound(to: Float.self) : floats + index
  }

  var values: [Float] { (0..<count).map { isHalves ? ck_float_of(halves[$0]) : floats[$0] } }
}
