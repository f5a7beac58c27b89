import CKernels
import Foundation
import TestSupport
import Testing
import TileEmulation

@testable import Infer

/// A copy of an array that stays where it is.
private final class Memory<Element> {
  let start: UnsafeMutablePointer<Element>
  private let count: Int

  init(_ values: [Element]) {
    count = values.count
    start = .allocate(capacity: max(1, count))
    for (index, value) in values.enumerated() { (start + index).initialize(to: value) }
  }

  deinit {
    start.deinitialize(count: count)
    start.deallocate()
  }
}

/// One layer of bytes on random numbers, computed by the kernels and, as the mathematics says it, in double precision.
private struct RandomBytesLayer: Sendable, CustomTestStringConvertible {
  var height = 5
  var width = 7
  var inputs = 16
  var outputs = 32
  var kernel = 1
  var stride = 1
  var dilation = 1
  var activation = ck_activation_relu
  var hasResidual = false
  var margin = 0
  var depthwise: (stride: Int, dilation: Int, most: Int)?
  var givesFloats = false
  var threads = 1
  /// By transforms, where the version has them.
  var isWinograd = false
  var largestWeight: Int8 = 127
  /// All weights of an output channel are the largest or its opposite, and a depthwise part gives nothing but its largest byte.
  var isLoud = false

  var testDescription: String {
    "\(isWinograd ? "Winograd " : "")\(height)x\(width) \(inputs)->\(outputs) kernel \(kernel) stride \(stride) dilation \(dilation) "
      + "activation \(activation.rawValue) residual \(hasResidual) margin \(margin) "
      + "depthwise \(depthwise.map { "\($0)" } ?? "none") floats \(givesFloats) threads \(threads) "
      + "weights to \(largestWeight)\(isLoud ? ", loud" : "")"
  }

  private static let around = 5
  private static let beside = 16
  private static let junk: UInt8 = 0xA5
  private static let (inputZero, outputZero, residualZero): (Int, Float, Float) = (13, 40, 9)
  /// Of the depthwise part's result, which is the pointwise part's input.
  private static let middleZero = 31

  private var step: Int { depthwise?.stride ?? stride }
  private var inputHeight: Int { (height - 1) * step + 1 }
  private var inputWidth: Int { (width - 1) * step + 1 }

  /// Largest difference between the version's result and the right one, in bytes, or in units of the output's scale.
  func error(_ kernels: UnsafePointer<ck_q8_kernels>) -> Double {
    var noise = Noise(11)
    let (around, beside) = (Self.around, Self.beside)
    let inputRow = (inputWidth + 2 * around) * inputs
    var input = (0..<(inputHeight + 2 * around) * inputRow).map { _ in UInt8.random(in: 0...255, using: &noise) }
    func pixel(_ y: Int, _ x: Int) -> Int { (y + around) * inputRow + (x + around) * inputs }
    for y in -around..<inputHeight + around {
      for x in -around..<inputWidth + around
      where !(0..<inputHeight).contains(y) || !(0..<inputWidth).contains(x) {
        for c in 0..<inputs { input[pixel(y, x) + c] = UInt8(Self.inputZero) }
      }
    }
    func signed(_ count: Int) -> [Int8] { (0..<count).map { _ in Int8.random(in: -127...127, using: &noise) } }
    // [output][input][y][x]
    var weights = (0..<outputs * inputs * kernel * kernel).map { _ in
      Int8.random(in: -largestWeight...largestWeight, using: &noise)
    }
    if isLoud { weights = weights.indices.map { $0 / inputs % 2 == 0 ? largestWeight : -largestWeight } }
    let depthwiseWeights = signed(inputs * 9)
    // So that results spread over the bytes, and some fall outside.
    let scale = (0..<outputs).map { _ in
      Float.random(in: 0.5...1, using: &noise) * 0.02 / Float(inputs * kernel * kernel).squareRoot()
    }
    let bias = (0..<outputs).map { _ in Float.random(in: -60...60, using: &noise) }
    let depthwiseScale = (0..<inputs).map { _ in Float.random(in: 0.001...0.003, using: &noise) }
    let depthwiseBias = (0..<inputs).map { _ in isLoud ? 1000 : Float.random(in: -50...50, using: &noise) }
    let factor: Float = activation == ck_activation_elu ? 3 : 1
    let outputPixel = outputs + 2 * beside
    let outputRow = (width + 2 * margin) * outputPixel
    let residual = (0..<(height + 2 * margin) * outputRow).map { _ in UInt8.random(in: 0...255, using: &noise) }
    let residualFactor = (0..<outputs).map { 0.2 + Float($0 % 7) * 0.02 }

    // The right result.
    let taps = kernel == 1 ? [(0, 0)] : (0..<9).map { ($0 / 3 - 1, $0 % 3 - 1) }
    func middle(_ y: Int, _ x: Int, _ c: Int) -> Int {
      guard let depthwise else { return 0 }
      var sum = 0
      for ky in 0..<3 {
        for kx in 0..<3 {
          let from = pixel(
            y * depthwise.stride + (ky - 1) * depthwise.dilation, x * depthwise.stride + (kx - 1) * depthwise.dilation)
          sum += Int(input[from + c]) * Int(depthwiseWeights[c * 9 + ky * 3 + kx])
        }
      }
      let v = max(0, Double(sum) * Double(depthwiseScale[c]) + Double(depthwiseBias[c])) + Double(Self.middleZero)
      return Int(min(Double(depthwise.most), v.rounded(.toNearestOrEven)))
    }
    func right(_ y: Int, _ x: Int, _ output: Int) -> Double {
      var sum = 0
      for c in 0..<inputs {
        if depthwise != nil {
          sum += middle(y, x, c) * Int(weights[output * inputs + c])
          continue
        }
        for (tap, (dy, dx)) in taps.enumerated() {
          let from = pixel(y * stride + dy * dilation, x * stride + dx * dilation)
          sum += Int(input[from + c]) * Int(weights[(output * inputs + c) * taps.count + tap])
        }
      }
      let v = Double(sum) * Double(scale[output]) + Double(bias[output])
      return activation.of(v) * Double(factor)
    }

    let depth = inputs
    let has7Bits = depthwise?.most == 127
    let shape = (channels: Int32(outputs), taps: Int32(taps.count), depth: Int32(depth))
    let size =
      isWinograd
      ? 2 * outputs * 36 * depth
      : ck_q8_weights_size(kernels, shape.channels, shape.taps, shape.depth, has7Bits)
    let packed = Memory([Int16](repeating: 0, count: size / 2))
    if isWinograd {
      let fits = ck_q8_winograd_weights(
        weights, Int32(inputs), shape.channels, shape.channels, shape.depth, kernels.pointee.block, packed.start)
      #expect(fits)
    } else {
      let rows = (0..<outputs).flatMap { output in
        taps.indices.flatMap { tap in
          (0..<inputs).map { weights[(output * inputs + $0) * taps.count + tap] }
        }
      }
      ck_q8_pack_weights(
        kernels, rows, shape.channels, shape.taps, shape.depth, has7Bits, packed.start)
    }
    let depthwiseBlock = Int(kernels.pointee.depthwise_block)
    let whole = (inputs + depthwiseBlock - 1) / depthwiseBlock * depthwiseBlock
    var packedDepthwise = [Int8](repeating: 0, count: ck_q8_depthwise_size(kernels, Int32(inputs)))
    ck_q8_pack_depthwise(kernels, depthwiseWeights, Int32(inputs), &packedDepthwise)
    var (packedScale, packedBias) = ([Float](repeating: 0, count: whole), [Float](repeating: 0, count: whole))
    ck_q8_pack_channels(kernels, depthwiseScale, Int32(inputs), &packedScale)
    ck_q8_pack_channels(kernels, depthwiseBias, Int32(inputs), &packedBias)

    let output = Memory([UInt8](repeating: Self.junk, count: residual.count))
    let floats = Memory([Float](repeating: 12345, count: height * width * outputs))
    let memory = (
      input: Memory(input), residual: Memory(residual), scale: Memory(scale), bias: Memory(bias), weights: packed,
      factor: Memory(residualFactor), depthwiseScale: Memory(packedScale), depthwiseBias: Memory(packedBias),
      depthwise: Memory(packedDepthwise)
    )

    var layer = ck_q8_convolution()
    (layer.height, layer.width) = (Int32(height), Int32(width))
    (layer.taps, layer.depth, layer.channels) = (Int32(taps.count), Int32(depth), Int32(outputs))
    layer.stride = depthwise == nil ? Int32(stride) : 1
    layer.margin = Int32(margin)
    layer.rows_per_task = threads > 1 ? isWinograd ? 1 : 2 : 100
    if isWinograd { (layer.winograd, layer.taps) = (Int32(dilation), 1) }
    if kernel == 3 && !isWinograd {
      withUnsafeMutableBytes(of: &layer.tap_offset) { bytes in
        let offsets = bytes.bindMemory(to: Int.self)
        for (tap, (y, x)) in taps.enumerated() { offsets[tap] = (y * inputRow + x * inputs) * dilation }
      }
    }
    let start = margin * outputRow + margin * outputPixel + beside
    layer.in = ck_bytes(base: memory.input.start + pixel(0, 0), row: inputRow, pixel: inputs)
    if givesFloats {
      layer.floats = ck_view(base: floats.start, row: width * outputs, pixel: outputs)
    } else {
      layer.out = ck_bytes(base: output.start + start, row: outputRow, pixel: outputPixel)
    }
    if hasResidual {
      layer.residual = ck_bytes(base: memory.residual.start + start, row: outputRow, pixel: outputPixel)
      (layer.residual_zero, layer.residual_factor) = (Self.residualZero, UnsafePointer(memory.factor.start))
    }
    layer.weights = UnsafeRawPointer(memory.weights.start)
    layer.finish = ck_q8_finish(
      scale: memory.scale.start, bias: memory.bias.start, activation: activation, factor: factor,
      zero: Self.outputZero)
    if let depthwise {
      layer.depthwise = ck_q8_depthwise(
        weights: memory.depthwise.start,
        finish: ck_q8_finish(
          scale: memory.depthwiseScale.start, bias: memory.depthwiseBias.start, activation: ck_activation_relu,
          factor: 1, zero: Float(Self.middleZero)),
        most: Float(depthwise.most),
        channels: Int32(inputs), stride: Int32(depthwise.stride), dilation: Int32(depthwise.dilation))
    }
    // Bytes behind each thread's scratch stay what they were.
    let needed = ck_q8_scratch(kernels, &layer, layer.in, min(layer.rows_per_task, layer.height))
    layer.scratch_size = (needed + 63) / 64 * 64 + 64
    let scratch = UnsafeMutableRawPointer.allocate(byteCount: layer.scratch_size * threads, alignment: 64)
    scratch.initializeMemory(as: UInt8.self, repeating: Self.junk, count: layer.scratch_size * threads)
    layer.scratch = scratch.assumingMemoryBound(to: UInt8.self)
    let pool = ck_pool_create(Int32(threads))
    withExtendedLifetime(memory) { ck_q8_convolve(kernels, pool, &layer) }
    ck_pool_destroy(pool)
    defer { scratch.deallocate() }
    for thread in 0..<threads {
      for byte in needed..<layer.scratch_size where layer.scratch[thread * layer.scratch_size + byte] != Self.junk {
        return .infinity
      }
    }

    var worst = 0.0
    for y in -margin..<height + margin {
      for x in -margin..<width + margin {
        let isInside = (0..<height).contains(y) && (0..<width).contains(x)
        if givesFloats {
          guard isInside else { continue }
          for c in 0..<outputs {
            worst = max(worst, abs(Double(floats.start[(y * width + x) * outputs + c]) - right(y, x, c)))
          }
          continue
        }
        let start = (y + margin) * outputRow + (x + margin) * outputPixel
        for c in 0..<outputPixel {
          let value = output.start[start + c]
          guard (beside..<beside + outputs).contains(c) else {
            if value != Self.junk { worst = .infinity }
            continue
          }
          guard isInside else {
            if Float(value) != Self.outputZero { worst = .infinity }
            continue
          }
          var expected = right(y, x, c - beside)
          if hasResidual {
            expected += Double((Float(residual[start + c]) - Self.residualZero) * residualFactor[c - beside])
          }
          expected = min(255, max(0, expected + Double(Self.outputZero)))
          worst = max(worst, abs(Double(value) - expected))
        }
      }
    }
    return worst
  }
}

@Suite struct QuantizedKernelTests {
  private static let layers: [RandomBytesLayer] = [
    RandomBytesLayer(),
    RandomBytesLayer(height: 3, width: 15, inputs: 4, outputs: 16, kernel: 3, stride: 2, margin: 1),
    RandomBytesLayer(
      height: 6, width: 29, inputs: 32, outputs: 48, kernel: 3, activation: ck_activation_elu, margin: 2),
    RandomBytesLayer(height: 7, width: 9, inputs: 16, outputs: 80, kernel: 3, dilation: 2, hasResidual: true),
    RandomBytesLayer(height: 1, width: 1, inputs: 144, outputs: 16, activation: ck_activation_none),
    RandomBytesLayer(height: 4, width: 17, inputs: 64, outputs: 48, activation: ck_activation_none, givesFloats: true),
    RandomBytesLayer(height: 5, width: 13, inputs: 16, outputs: 32, depthwise: (1, 1, 255)),
    RandomBytesLayer(height: 5, width: 12, inputs: 48, outputs: 32, margin: 1, depthwise: (1, 2, 127)),
    RandomBytesLayer(height: 4, width: 7, inputs: 80, outputs: 16, depthwise: (2, 1, 255)),
    RandomBytesLayer(height: 6, width: 1, inputs: 128, outputs: 64, margin: 1, depthwise: (1, 1, 255)),
    // Sums of four products that fit in 16 bits, sums that just do, and those of which only two do.
    RandomBytesLayer(height: 3, width: 9, inputs: 144, outputs: 48, depthwise: (1, 1, 127), largestWeight: 50),
    RandomBytesLayer(
      height: 2, width: 8, inputs: 208, outputs: 16, depthwise: (1, 1, 127), givesFloats: true, largestWeight: 80),
    RandomBytesLayer(inputs: 32, depthwise: (1, 1, 127), givesFloats: true, largestWeight: 64, isLoud: true),
    RandomBytesLayer(inputs: 32, depthwise: (1, 1, 127), givesFloats: true, largestWeight: 65, isLoud: true),
    RandomBytesLayer(inputs: 48, depthwise: (1, 1, 127), givesFloats: true, isLoud: true),
    RandomBytesLayer(height: 9, width: 11, inputs: 32, outputs: 32, kernel: 3, margin: 1, threads: 2),
    RandomBytesLayer(
      height: 9, width: 11, inputs: 64, outputs: 32, hasResidual: true, depthwise: (1, 1, 255), threads: 2),
  ]

  /// Those that this processor can run, the reference first, and AMX's with its instructions emulated.
  private static var versions: [UnsafePointer<ck_q8_kernels>] {
    ((0..<6).map { ck_q8_version($0) } + [tile_emulation_q8_kernels()]).compactMap { $0 }
  }

  /// Sizes around a tile's four pixels, one tile and many, with what a layer may have besides.
  private static let winogradLayers: [RandomBytesLayer] = [
    RandomBytesLayer(height: 4, width: 4, inputs: 16, outputs: 16, kernel: 3),
    RandomBytesLayer(height: 1, width: 1, inputs: 32, outputs: 16, kernel: 3, activation: ck_activation_none),
    RandomBytesLayer(height: 5, width: 30, inputs: 32, outputs: 48, kernel: 3, hasResidual: true, margin: 2),
    RandomBytesLayer(height: 9, width: 11, inputs: 48, outputs: 32, kernel: 3, dilation: 2, margin: 1, threads: 3),
    RandomBytesLayer(
      height: 13, width: 7, inputs: 128, outputs: 64, kernel: 3, activation: ck_activation_elu, threads: 2),
    RandomBytesLayer(
      height: 7, width: 6, inputs: 64, outputs: 80, kernel: 3, activation: ck_activation_none, givesFloats: true),
  ].map {
    var layer = $0
    layer.isWinograd = true
    return layer
  }

  @Test(arguments: winogradLayers) private func transformsComputeTheLayer(_ layer: RandomBytesLayer) {
    for kernels in Self.versions where kernels.pointee.winograd_in != nil {
      let error = layer.error(kernels)
      // Sums are rounded to 24 bits, some of which the transform back takes off again.
      #expect(error <= (layer.givesFloats ? 1e-2 : 0.51), "\(String(cString: kernels.pointee.name)): off by \(error)")
    }
  }

  /// 127 in all places makes 7 · 7 · 127 of point (3, 3), which bytes reach 18 · 255 times.
  @Test(arguments: [(75, true), (76, false)]) func sumsThatMightNotFitAreRefused(inputs: Int, fits: Bool) {
    let weights = [Int8](repeating: 127, count: 16 * inputs * 9)
    let packed = Memory([Int16](repeating: 0, count: 16 * 80 * 36))
    #expect(ck_q8_winograd_weights(weights, Int32(inputs), 16, 16, 80, 16, packed.start) == fits)
  }

  /// What may be rounded either way where two roundings of the same sum fall on different sides.
  @Test(arguments: layers) private func everyVersionComputesTheLayer(_ layer: RandomBytesLayer) {
    #expect(Self.versions.count >= 2)
    for kernels in Self.versions {
      let error = layer.error(kernels)
      #expect(error <= (layer.givesFloats ? 1e-3 : 0.51), "\(String(cString: kernels.pointee.name)): off by \(error)")
    }
  }

  /// The check that AMX must pass before it is used: right kernels do, wrong ones do not.
  @Test func wrongProductsAreFoundOut() {
    for kernels in Self.versions {
      #expect(ck_q8_kernels_are_right(kernels))
      var wrong = kernels.pointee
      // Multiplies what was packed for another width of blocks.
      wrong.block = wrong.block == 16 ? 32 : 16
      #expect(!ck_q8_kernels_are_right(&wrong))
    }
    #expect(tile_emulation_q8_multiply_adds(3) == 3 * 4 * 16 * 16 * 64)
  }

  @Test func lowerLevelsChooseLowerVersions() {
    #expect(String(cString: ck_q8_kernels_for(ck_level_scalar).pointee.name) == "scalar")
  }

  @Test func bytesOfFloatsRoundAndSaturate() {
    let floats: [Float] = [-10, -0.26, 0, 0.24, 0.26, 100, 200, 1]
    let pixel = floats + floats
    let values = Memory<Float>(pixel + pixel + pixel)
    let factors = Memory<Float>([Float](repeating: 1, count: 8) + [Float](repeating: 2, count: 8))
    let pool = ck_pool_create(2)
    defer { ck_pool_destroy(pool) }
    for kernels in Self.versions {
      // Three rows of one pixel with a margin of one.
      let bytes = Memory([UInt8](repeating: 9, count: 5 * 3 * 16))
      var picture = ck_q8_quantization(
        in: ck_view(base: values.start, row: 16, pixel: 16),
        out: ck_bytes(base: bytes.start + 4 * 16, row: 3 * 16, pixel: 16), height: 3, width: 1, channels: 16,
        factor: factors.start, zero: 3, margin: 1)
      ck_q8_quantize(kernels, pool, &picture)
      for y in 0..<5 {
        for x in 0..<3 {
          let found = (0..<16).map { bytes.start[(y * 3 + x) * 16 + $0] }
          let isMargin = x != 1 || y == 0 || y == 4
          #expect(
            found
              == (isMargin
                ? [UInt8](repeating: 3, count: 16) : [0, 3, 3, 3, 3, 103, 203, 4] + [0, 2, 3, 3, 4, 203, 255, 5]))
        }
      }
    }
  }
}
