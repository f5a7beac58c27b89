import CKernels
import Foundation
import Infer
import TestSupport
import Testing

@testable import Train

/// Products of bfloat16, and training with them.
@Suite struct PrecisionTests {
  private static let junk: Float = 12345

  /// The upper halves of random numbers.
  private static func halves(_ count: Int, _ noise: inout Noise) -> [UInt16] {
    noise.floats(count).map { UInt16(truncatingIfNeeded: $0.bitPattern >> 16) }
  }

  @Test(
    .enabled(if: ck_bf16_fast() != nil, "no AVX512-BF16 here"),
    arguments: [1, 13, 14, 15, 29, 56], [(16, 16), (48, 32), (128, 16)])
  func productsEqualTheReference(_ pixels: Int, _ size: (depth: Int, columns: Int)) throws {
    let (fast, reference) = (try #require(ck_bf16_fast()).pointee, try #require(ck_bf16_reference()).pointee)
    var noise = Noise(UInt64(pixels))
    // Panels further apart than their pixels.
    let (inPanel, outPanel) = ((pixels + 3) * 16, (pixels + 1) * 16)
    let input = Self.halves(size.depth / 16 * inPanel, &noise)
    let weights = Self.halves(size.depth * size.columns, &noise)
    let results = [fast, reference].map { kernels in
      var out = [Float](repeating: Self.junk, count: size.columns / 16 * outPanel)
      kernels.product(
        Int32(pixels), Int32(size.depth), input, inPanel, weights, Int32(size.columns), &out, outPanel)
      return out
    }
    for (place, (first, second)) in zip(results[0], results[1]).enumerated() {
      #expect(abs(first - second) <= 1e-5 * Float(size.depth), "\(place)")
    }
    #expect(results[0].count { $0 == Self.junk } == size.columns)
  }

  @Test(
    .enabled(if: ck_bf16_fast() != nil, "no AVX512-BF16 here"),
    arguments: [1, 2, 7, 40], [(16, 16), (48, 32), (32, 80)])
  func sumsOfOuterProductsEqualTheReference(_ pairs: Int, _ size: (inputs: Int, outputs: Int)) throws {
    let (fast, reference) = (try #require(ck_bf16_fast()).pointee, try #require(ck_bf16_reference()).pointee)
    var noise = Noise(UInt64(pairs))
    let panel = pairs * 32 + 64
    let input = Self.halves(size.inputs / 16 * panel, &noise)
    let gradient = Self.halves(size.outputs / 16 * panel, &noise)
    let start = noise.floats(size.inputs * size.outputs)
    let results = [fast, reference].map { kernels in
      var sums = start
      kernels.outer(
        Int32(pairs), input, panel, Int32(size.inputs), gradient, panel, Int32(size.outputs), &sums)
      return sums
    }
    for (place, (first, second)) in zip(results[0], results[1]).enumerated() {
      #expect(abs(first - second) <= 1e-5 * Float(2 * pairs), "\(place)")
    }
    #expect(zip(results[0], start).allSatisfy { $0 != $1 })
  }

  /// A block of the backbone, between smooth layers: no ReLU decides by a rounding error.
  private static let graph: Graph = {
    var graph = Graph()
    var x = graph.elu(graph.convolution(graph.input(channels: 3), "a", to: 24, kernel: 1, bias: true))
    x = graph.batchNorm(graph.depthwise(x, "b"), "bn")
    x = graph.batchNorm(graph.convolution(x, "c", to: 40, kernel: 1, bias: false), "cn")
    x = graph.batchNorm(graph.depthwise(x, "d", stride: 2), "dn")
    x = graph.elu(graph.convolution(x, "e", to: 33, kernel: 1, bias: true))
    graph.output("out", graph.convolution(x, "f", to: 19, kernel: 1, bias: true))
    return graph
  }()

  /// 3 × 3 kernels that Winograd's transforms suit, and, before them, one with a stride.
  private static let denseGraph: Graph = {
    var graph = Graph()
    var x = graph.elu(graph.convolution(graph.input(channels: 3), "a", to: 40, kernel: 3, stride: 2, bias: true))
    x = graph.elu(graph.convolution(x, "b", to: 72, kernel: 3, bias: true))
    x = graph.elu(graph.batchNorm(graph.convolution(x, "c", to: 33, kernel: 3, dilation: 2, bias: false), "cn"))
    graph.output("out", graph.convolution(x, "d", to: 19, kernel: 1, bias: true))
    return graph
  }()

  @Test(
    .enabled(if: ck_bf16_fast() != nil, "no AVX512-BF16 here"),
    arguments: [
      (graph, (3, 19, 22), 20, without: ["bn.bias", "cn.weight"]), (denseGraph, (5, 37, 41), 5, without: []),
    ])
  func gradientsAreThoseOfFloatsButForRounding(
    _ graph: Graph, _ size: (count: Int, height: Int, width: Int), _ scale: Float, _ normalisedAway: [String]
  ) throws {
    var noise = Noise(8)
    let images = noise.floats(size.count * 3 * size.height * size.width)
    var target: [Float] = []
    let weights = Initialisation.tensors(of: graph, seed: 2)
    let results = try [TrainingPrecision.f32, .bf16].map { precision in
      let network = try TrainingNetwork(
        graph, count: size.count, height: size.height, width: size.width, threads: 2, precision: precision)
      network.load(
        weights.mapValues { tensor in
          Tensor(
            shape: tensor.shape, values: tensor.shape.count == 4 ? tensor.values.map { $0 * scale } : tensor.values)
        })
      network.forward(images, statistics: .batch)
      let output = network.output(0)
      if target.isEmpty { target = noise.floats(output.count) }
      let loss = network.loss(
        ofOutput: 0, target: target, mask: [Float](repeating: 1, count: output.count / 19))
      network.backward()
      return (loss: loss, gradients: network.gradientTensors)
    }
    let (exact, rounded) = (results[0], results[1])
    #expect(abs(rounded.loss / exact.loss - 1) < 0.01)
    #expect(rounded.loss != exact.loss)
    // What batch norm takes away again has no gradient but rounding errors.
    for (name, gradient) in rounded.gradients where !normalisedAway.contains(name) {
      let wanted = try #require(exact.gradients[name]).values
      #expect(ReferenceStepTests.relativeError(gradient.values, wanted) < 0.05, "\(name)")
    }
  }

  @Test func processorsWithoutItAreTold() {
    let error = #expect(throws: TrainError.self) {
      try TrainingNetwork(Self.graph, count: 1, height: 8, width: 8, level: .scalar, precision: .bf16)
    }
    #expect(error?.description.contains("AVX512-BF16") == true)
  }
}
