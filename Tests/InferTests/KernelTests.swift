import CKernels
import Foundation
import Testing

@testable import Infer

/// Random numbers that are the same in every run (SplitMix64).
struct Noise: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }

  mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in Float.random(in: -1...1, using: &self) } }
}

/// One layer on random numbers, computed by the kernels and, as the mathematics says it, in double precision.
private struct RandomLayer: Sendable, CustomTestStringConvertible {
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

  var testDescription: String {
    "\(height)x\(width) \(inputs)->\(outputs) kernel \(kernel) stride \(stride) dilation \(dilation) "
      + "activation \(activation.rawValue) residual \(hasResidual) margin \(margin) "
      + "depthwise \(depthwise.map { "\($0)" } ?? "none") threads \(threads) "
      + (isWinograd ? "Winograd" : "direct")
  }

  /// Pixels in memory around the input: zeros as far as the kernel reaches, then NaN.
  private static let around = 9
  /// Channels on either side of the output and the residual that belong to somebody else.
  private static let beside = 16
  private static let junk: Float = 12345

  private var step: Int { depthwise?.stride ?? stride }
  private var inputHeight: Int { (height - 1) * step + 1 }
  private var inputWidth: Int { (width - 1) * step + 1 }

  private static func activate(_ activation: ck_activation, _ x: Double) -> Double {
    switch activation {
    case ck_activation_relu: max(0, x)
    case ck_activation_elu: x > 0 ? x : exp(x) - 1
    default: x
    }
  }

  /// Largest error of the level's result; expects everything around the result to be as it must be.
  func error(at level: CPULevel) throws -> Double {
    var noise = Noise(7)
    let (around, beside) = (Self.around, Self.beside)
    let inputRow = (inputWidth + 2 * around) * inputs
    var input = [Float](repeating: .nan, count: (inputHeight + 2 * around) * inputRow)
    let reach = depthwise?.dilation ?? kernel / 2 * dilation
    for y in -reach..<inputHeight + reach {
      for x in -reach..<inputWidth + reach {
        let isInside = (0..<inputHeight).contains(y) && (0..<inputWidth).contains(x)
        let start = (y + around) * inputRow + (x + around) * inputs
        for c in start..<start + inputs { input[c] = isInside ? Float.random(in: -1...1, using: &noise) : 0 }
      }
    }
    let weights = noise.floats(outputs * inputs * kernel * kernel).map { $0 * 0.25 }  // [output][input][y][x]
    let bias = noise.floats(outputs)
    let depthwiseWeights = noise.floats(9 * inputs)
    let depthwiseBias = noise.floats(inputs)
    let outputPixel = outputs + 2 * beside
    let outputRow = (width + 2 * margin) * outputPixel
    let residual = noise.floats((height + 2 * margin) * outputRow)
    let output = run(
      at: level, input: input, weights: weights, bias: bias, depthwiseWeights: depthwiseWeights,
      depthwiseBias: depthwiseBias, residual: residual,
      output: [Float](repeating: Self.junk, count: residual.count))

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
        return Self.activate(ck_activation_elu, sum)
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
            Self.activate(activation, sum) + (hasResidual ? Double(residual[start + beside + o]) : 0)
          let error = abs(Double(result[result.startIndex + o]) - truth)
          worst = error <= worst ? worst : error  // keeps a NaN
        }
      }
    }
    #expect(isUntouched, "channels beside the output were written")
    #expect(isMarginZero)
    return worst
  }

  private func run(
    at level: CPULevel, input: [Float], weights: [Float], bias: [Float], depthwiseWeights: [Float],
    depthwiseBias: [Float], residual: [Float], output: [Float]
  ) -> [Float] {
    guard let pool = ck_pool_create(Int32(threads)) else { preconditionFailure("no threads") }
    defer { ck_pool_destroy(pool) }
    let kernels = ck_kernels_for(level.kernelLevel)
    let block = Int(kernels?.pointee.block ?? 16)
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
    for o in 0..<outputs {
      let first = o / block * block
      for place in 0..<places {
        let (tap, i) = (place / inputs, place % inputs)
        packed[first * places + place * min(block, outputs - first) + o - first] =
          weights[(o * inputs + i) * kernel * kernel + tap]
      }
    }
    var scratchSize = height * width * inputs
    if isWinograd, kernels?.pointee.winograd_in != nil {
      layer.winograd = Int32(dilation)
      (layer.taps, layer.depth) = (1, Int32(inputs))
      let rows = ck_winograd_tiles(layer.height, layer.winograd)
      layer.rows_per_task = min(Int32(rowsPerTask), rows)
      scratchSize = ck_winograd_scratch(
        layer.rows_per_task * ck_winograd_tiles(layer.width, layer.winograd), layer.depth)
      packed = [Float](repeating: 0, count: 36 * inputs * outputs)
      ck_winograd_weights(
        weights, [Float](repeating: 1, count: outputs), layer.depth, layer.channels, layer.channels, layer.depth,
        Int32(block), &packed)
    }
    let buffers = [input, packed, bias, residual, output, depthwiseWeights, depthwiseBias].map(Buffer.init)
    let scratch = Buffer([Float](repeating: .nan, count: threads * scratchSize))
    let input = buffers[0].floats + around * (inputRow + inputs)
    layer.in = ck_view(base: input, row: inputRow, pixel: inputs)
    (layer.weights, layer.bias) = (UnsafePointer(buffers[1].floats), UnsafePointer(buffers[2].floats))
    if hasResidual {
      layer.residual = ck_view(base: buffers[3].floats + outputStart, row: outputRow, pixel: outputPixel)
    }
    layer.out = ck_view(base: buffers[4].floats + outputStart, row: outputRow, pixel: outputPixel)
    if let depthwise {
      layer.depthwise = ck_depthwise(
        weights: buffers[5].floats, bias: buffers[6].floats, channels: Int32(inputs), stride: Int32(depthwise.stride),
        dilation: Int32(depthwise.dilation), activation: ck_activation_elu)
    }
    (layer.scratch, layer.scratch_size) = (scratch.floats, scratchSize)
    withExtendedLifetime((buffers, scratch)) { ck_convolve(kernels, pool, &layer) }
    return Array(UnsafeBufferPointer(start: buffers[4].floats, count: output.count))
  }
}

/// Floats that stay where they are.
private final class Buffer {
  let floats: UnsafeMutablePointer<Float>

  init(_ values: [Float]) {
    floats = .allocate(capacity: values.count)
    floats.initialize(from: values, count: values.count)
  }

  deinit { floats.deallocate() }
}

struct KernelTests {
  private static let layers: [RandomLayer] = {
    var layers: [RandomLayer] = []
    // Widths around both tiles (6 and 14 pixels), channels around both blocks (16 and 32), depths that suit no register.
    for width in [1, 2, 5, 6, 7, 11, 13, 14, 15, 27, 28, 29, 57] {
      layers.append(RandomLayer(height: 2, width: width, inputs: 3, outputs: 48))
    }
    for (inputs, outputs) in [(1, 16), (5, 32), (16, 16), (17, 80), (37, 64)] {
      for kernel in [1, 3] {
        layers.append(RandomLayer(height: 3, width: 9, inputs: inputs, outputs: outputs, kernel: kernel))
      }
    }
    layers.append(RandomLayer(height: 4, width: 15, inputs: 3, kernel: 3, stride: 2, activation: ck_activation_relu))
    layers.append(RandomLayer(height: 4, width: 15, inputs: 16, stride: 2))
    layers.append(RandomLayer(height: 1, width: 1, kernel: 3, dilation: 2))
    layers.append(RandomLayer(height: 5, width: 16, inputs: 16, kernel: 3, dilation: 2, hasResidual: true, margin: 2))
    for activation in [ck_activation_none, ck_activation_relu, ck_activation_elu] {
      layers.append(RandomLayer(width: 17, outputs: 48, activation: activation, hasResidual: true, margin: 1))
    }
    for stride in [1, 2] {
      for dilation in [1, 2] {
        layers.append(
          RandomLayer(
            height: 6, width: 13, inputs: 48, outputs: 32, activation: ck_activation_elu, margin: 1,
            depthwise: (stride, dilation), threads: 2, rowsPerTask: 2))
      }
    }
    // Sides that are a tile, a pixel more, a pixel less; every phase of a dilated kernel with its own number of tiles.
    for (height, width) in [(1, 1), (3, 4), (4, 5), (9, 8), (7, 19)] {
      for dilation in [1, 2] {
        layers.append(
          RandomLayer(
            height: height, width: width, inputs: 48, outputs: 80, kernel: 3, dilation: dilation,
            activation: ck_activation_relu, hasResidual: true, margin: 2, isWinograd: true, threads: 2, rowsPerTask: 1))
      }
    }
    layers.append(RandomLayer(height: 17, width: 10, kernel: 3, margin: 1, isWinograd: true, rowsPerTask: 3))
    layers.append(RandomLayer(height: 11, width: 3, kernel: 3, margin: 2, threads: 3, rowsPerTask: 1))
    return layers
  }()

  @Test(arguments: layers, CPULevel.allCases.filter { $0 <= .detected })
  private func equalsTheMathematics(_ layer: RandomLayer, _ level: CPULevel) throws {
    // Winograd's transforms multiply rounding errors by up to some tens.
    #expect(try layer.error(at: level) <= (layer.isWinograd ? 4e-5 : 1e-5))
  }

  @Test(arguments: 1...4)
  func everyTaskRunsOnce(threads: Int) throws {
    let pool = try #require(ck_pool_create(Int32(threads)))
    defer { ck_pool_destroy(pool) }
    #expect(ck_pool_threads(pool) == threads)
    for count in [0, 1, 2, 17, 1000] {
      var runs = [Int32](repeating: 0, count: max(1, count))
      runs.withUnsafeMutableBufferPointer { runs in
        ck_pool_run(
          pool,
          { context, index, _ in
            UnsafeMutablePointer(mutating: context?.assumingMemoryBound(to: Int32.self))?[Int(index)] += 1
          }, runs.baseAddress, Int32(count))
      }
      #expect(runs.prefix(count).allSatisfy { $0 == 1 })
    }
  }

  @Test func everyLevelHasAPeak() {
    for level in CPULevel.allCases where level <= .detected { #expect(level.measuredPeak() > 0) }
    #expect(CPULevel.detected == .scalar || !CPULevel.features.isEmpty)
  }
}
