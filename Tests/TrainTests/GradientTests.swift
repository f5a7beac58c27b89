import Foundation
import Infer
import TestSupport
import Testing

@testable import Train

/// A small network around one operation.
struct GradientCase: Sendable, CustomTestStringConvertible {
  var testDescription: String
  var size = (height: 5, width: 7)
  var inputs = 3
  var graph: Graph

  init(
    _ name: String, size: (height: Int, width: Int) = (5, 7), inputs: Int = 3,
    _ body: (inout Graph, Graph.Value) -> Graph.Value
  ) {
    testDescription = name
    self.size = size
    self.inputs = inputs
    graph = Graph()
    let input = graph.input(channels: inputs)
    graph.output("out", body(&graph, input))
  }

  /// Parameters before and after the operation, so that its own gradient and that of its input are both seen.
  static let all: [GradientCase] = [
    GradientCase("dense 1x1") { $0.convolution($1, "a", to: 19, kernel: 1, bias: true) },
    GradientCase("dense 3x3 of a picture, stride 2", size: (9, 11)) {
      $0.convolution($1, "a", to: 5, kernel: 3, stride: 2, bias: false)
    },
    GradientCase("dense 3x3") { graph, x in
      let x = graph.convolution(x, "a", to: 18, kernel: 1, bias: false)
      return graph.convolution(x, "b", to: 33, kernel: 3, bias: true)
    },
    GradientCase("dense 3x3 of many channels", size: (9, 13)) { graph, x in
      let x = graph.convolution(x, "a", to: 35, kernel: 1, bias: false)
      return graph.convolution(x, "b", to: 37, kernel: 3, bias: true)
    },
    GradientCase("dense 3x3, dilation 2", size: (11, 10)) { graph, x in
      let x = graph.convolution(x, "a", to: 35, kernel: 1, bias: false)
      return graph.convolution(x, "b", to: 34, kernel: 3, dilation: 2, bias: true)
    },
    GradientCase("depthwise") { graph, x in
      graph.depthwise(graph.convolution(x, "a", to: 17, kernel: 1, bias: true), "b")
    },
    GradientCase("depthwise, stride 2", size: (6, 7)) { graph, x in
      graph.depthwise(graph.convolution(x, "a", to: 17, kernel: 1, bias: true), "b", stride: 2)
    },
    GradientCase("depthwise, dilation 2") { graph, x in
      graph.depthwise(graph.convolution(x, "a", to: 17, kernel: 1, bias: true), "b", dilation: 2)
    },
    GradientCase("depthwise of a picture", inputs: 4) { $0.elu($0.depthwise($1, "a")) },
    GradientCase("batch norm") { graph, x in
      graph.batchNorm(graph.convolution(x, "a", to: 17, kernel: 1, bias: false), "n")
    },
    GradientCase("batch norm and ReLU") { graph, x in
      let x = graph.relu(graph.batchNorm(graph.convolution(x, "a", to: 17, kernel: 3, bias: true), "n"))
      return graph.convolution(x, "b", to: 3, kernel: 3, bias: true)
    },
    GradientCase("batch norm and ELU") { graph, x in
      graph.elu(graph.batchNorm(graph.convolution(x, "a", to: 6, kernel: 1, bias: false), "n"))
    },
    GradientCase("ReLU") { graph, x in
      let x = graph.relu(graph.convolution(x, "a", to: 17, kernel: 1, bias: true))
      return graph.convolution(x, "b", to: 3, kernel: 1, bias: true)
    },
    GradientCase("ELU") { graph, x in
      let x = graph.elu(graph.convolution(x, "a", to: 17, kernel: 1, bias: false))
      return graph.elu(graph.depthwise(x, "b"))
    },
    GradientCase("addition of a value to what was made of it") { graph, x in
      let x = graph.convolution(x, "a", to: 17, kernel: 1, bias: true)
      let y = graph.relu(graph.convolution(x, "b", to: 17, kernel: 3, bias: true))
      return graph.convolution(graph.add(x, y), "c", to: 2, kernel: 1, bias: true)
    },
    GradientCase("addition and ELU of a value read twice") { graph, x in
      let x = graph.elu(graph.convolution(x, "a", to: 17, kernel: 1, bias: true))
      return graph.elu(graph.add(graph.depthwise(x, "b"), x))
    },
    GradientCase("concatenation") { graph, x in
      let x = graph.convolution(x, "a", to: 5, kernel: 1, bias: true)
      let y = graph.elu(graph.convolution(x, "b", to: 19, kernel: 3, bias: true))
      return graph.convolution(graph.concatenate([y, x, y]), "c", to: 4, kernel: 3, bias: true)
    },
  ]
}

/// Gradients against central differences of the loss.
@Suite struct GradientTests {
  @Test(arguments: GradientCase.all, CPULevel.available)
  func gradientIsTheDifferenceQuotient(_ test: GradientCase, level: CPULevel) throws {
    let count = 3
    let network = try TrainingNetwork(
      test.graph, count: count, height: test.size.height, width: test.size.width, threads: 2, level: level)
    var noise = Noise(3)
    var weights = network.tensors.mapValues { tensor in
      let scale = 1 / Float(max(1, tensor.shape.dropFirst().reduce(1, *))).squareRoot()
      return Tensor(shape: tensor.shape, values: noise.floats(tensor.values.count).map { $0 * 2 * scale })
    }
    for (name, shape) in test.graph.tensorShapes where name.hasSuffix("n.weight") {
      weights[name] = Tensor(shape: shape, values: noise.floats(shape[0]).map { 1 + $0 / 2 })
    }
    network.load(weights)
    let images = noise.floats(count * test.inputs * test.size.height * test.size.width)
    network.forward(images, statistics: .batch)
    let target = noise.floats(network.output(0).count)
    let channels = test.graph.nodes[test.graph.outputs[0].value.node].channels
    let mask = noise.floats(target.count / channels).map { abs($0) }

    func loss() -> Double {
      network.forward(images, statistics: .batch)
      return network.loss(ofOutput: 0, target: target, mask: mask)
    }
    _ = loss()
    network.clearGradients()
    network.backward()
    let gradients = network.gradientTensors

    for entry in network.parameters.entries {
      let gradient = try #require(gradients[entry.name]).values
      var errors: [Double] = []
      var size = 0.0
      let places =
        gradient.count <= 40
        ? Array(gradient.indices) : (0..<40).map { _ in Int.random(in: 0..<gradient.count, using: &noise) }
      for place in places {
        let pointer = network.parameters.values + entry.range.lowerBound + place
        let value = pointer.pointee
        let step: Float = 1e-3
        pointer.pointee = value + step
        let above = loss()
        pointer.pointee = value - step
        let below = loss()
        pointer.pointee = value
        errors.append(pow((above - below) / Double(value + step - (value - step)) - Double(gradient[place]), 2))
        size += pow(Double(gradient[place]), 2)
      }
      // A few steps reach beyond the kink of a ReLU.
      let error = errors.sorted().dropLast(errors.count / 8).reduce(0, +).squareRoot()
      #expect(error < 0.01 * size.squareRoot() + 5e-3 * Double(places.count).squareRoot(), "\(entry.name)")
      #expect(size > 0 || entry.name.hasSuffix("a.bias"), "\(entry.name)")
    }
  }

  @Test func gradientsOfTwoBatchesAddUp() throws {
    let test = GradientCase.all[10]
    let network = try TrainingNetwork(test.graph, count: 2, height: 5, width: 7)
    var noise = Noise(5)
    network.load(network.tensors.mapValues { Tensor(shape: $0.shape, values: noise.floats($0.values.count)) })
    let images = noise.floats(2 * 3 * 35)
    let (target, mask) = (noise.floats(2 * 3 * 35), [Float](repeating: 1, count: 2 * 35))
    func add(_ factor: Float) {
      network.forward(images, statistics: .batch)
      _ = network.loss(ofOutput: 0, target: target, mask: mask, factor: factor)
      network.backward()
    }
    network.clearGradients()
    add(1)
    let once = network.gradientTensors
    network.clearGradients()
    add(0.5)
    add(0.5)
    for (name, gradient) in network.gradientTensors {
      let expected = try #require(once[name]).values
      #expect(zip(gradient.values, expected).allSatisfy { abs($0 - $1) <= 1e-5 + 1e-4 * abs($1) }, "\(name)")
    }
  }

  @Test func bitsDoNotDependOnThreads() throws {
    var noise = Noise(9)
    let images = noise.floats(2 * 3 * 64 * 48)
    let (heatmaps, fields, mask) = (noise.floats(2 * 19 * 48), noise.floats(2 * 38 * 48), noise.floats(2 * 48))
    let batch = Batch(count: 2, height: 64, width: 48, images: images, heatmaps: heatmaps, fields: fields, mask: mask)
    var small = LightweightOpenPose()
    (small.backboneWidth, small.channels, small.headChannels) = (0.25, 40, 48)
    let results = try [1, 2, 3].map { threads in
      let network = try TrainingNetwork(small.graph, count: 2, height: 64, width: 48, threads: threads)
      network.load(Initialisation.tensors(of: small.graph, seed: 4))
      network.forward(batch.images, statistics: .batch)
      _ = network.loss(batch)
      network.backward()
      return network.gradientTensors
    }
    #expect(results[0] == results[1] && results[0] == results[2])
    #expect(results[0].values.contains { $0.values.contains { $0 != 0 } })
  }
}
