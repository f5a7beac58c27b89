import CKernels
import Foundation
import Testing
import TileEmulation

@testable import Infer

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

  @Test(arguments: layers, CPULevel.available)
  private func equalsTheMathematics(_ layer: RandomLayer, _ level: CPULevel) throws {
    #expect(layer.error(ck_kernels_for(level.kernelLevel)) <= 1)
  }

  /// The last version is AMX's with emulated instructions, so that it is tested on every processor.
  @Test(arguments: layers) private func halvesEqualTheMathematics(_ layer: RandomLayer) {
    let versions = ((0..<3).map { ck_bf16_version($0) } + [tile_emulation_kernels()]).compactMap { $0 }
    #expect(versions.count >= 2)
    for (index, kernels) in versions.enumerated() {
      #expect(layer.with(.halves).error(kernels) <= 1, "version \(index)")
      #expect(layer.with(.halvesToFloats).error(kernels) <= 1, "version \(index)")
    }
  }

  private static let layersOfWinograd = layers.filter(\.isWinograd)

  /// Floats with halves between Winograd's transforms, as training has them.
  @Test(.enabled(if: ck_bf16_fast() != nil, "no AVX512-BF16 here"), arguments: layersOfWinograd)
  private func mixedNumbersEqualTheMathematics(_ layer: RandomLayer) throws {
    #expect(layer.error(try #require(ck_bf16_fast()).pointee.convolution) <= 1)
  }

  /// The check that AMX must pass before it is used: right kernels do, wrong ones do not.
  @Test func wrongProductsAreFoundOut() {
    for kernels in [ck_bf16_version(0), ck_bf16_version(1), tile_emulation_kernels()].compactMap({ $0 }) {
      #expect(ck_bf16_kernels_are_right(kernels))
      var wrong = kernels.pointee
      // Multiplies what was packed for another width of blocks.
      wrong.block = wrong.block == 16 ? 32 : 16
      #expect(!ck_bf16_kernels_are_right(&wrong))
    }
  }

  @Test func tileProductsAreCounted() { #expect(tile_emulation_multiply_adds(3) == 3 * 4 * 16 * 16 * 32) }

  @Test func floatsBecomeTheNearestHalf() {
    for (value, half) in [
      (0x1p-20, 0x3580), (1, 0x3F80), (1 + 0x1p-8, 0x3F80), (1 + 0x3p-8, 0x3F82), (1 + 0x1.02p-8, 0x3F81),
      (-1 - 0x1p-8, 0xBF80), (.greatestFiniteMagnitude, 0x7F80), (-.infinity, 0xFF80),
    ] as [(Float, UInt16)] { #expect(ck_bf16_of(value) == half) }
    #expect(ck_float_of(ck_bf16_of(.nan)).isNaN && ck_float_of(ck_bf16_of(Float(bitPattern: 0x7F80_0001))).isNaN)
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
    for level in CPULevel.available {
      #expect(level.measuredPeak() > 0)
      #expect((level.measuredPeak(.bf16) > 0) == level.hasHalves)
      // Products of 16 bits, twice as many as of floats, and no more.
      if level.byteKernels == "AVX2" { #expect(level.measuredPeak(.int8) < 4 * level.measuredPeak()) }
    }
    #expect(CPULevel.detected == .scalar || !CPULevel.features.isEmpty)
  }
}
