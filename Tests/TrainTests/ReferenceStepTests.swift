import Foundation
import Infer
import TestSupport
import Testing

@testable import Train

/// One training step of the reference implementation: losses, gradients and running statistics.
@Suite(.enabled(if: Shared.isPresent, "\(Shared.absence)"))
struct ReferenceStepTests {
  static func relativeError(_ ours: [Float], _ theirs: [Float]) -> Double {
    let difference = zip(ours, theirs).reduce(0.0) { $0 + pow(Double($1.0) - Double($1.1), 2) }
    let size = theirs.reduce(0.0) { $0 + pow(Double($1), 2) }
    return (difference / max(size, 1e-30)).squareRoot()
  }

  @Test func stepEqualsTheReference() throws {
    let golden = try WeightFile(contentsOf: Shared.url("golden/lop-train-step.safetensors").path).tensors
    let input = try #require(golden["input"])
    let (count, height, width) = (input.shape[0], input.shape[2], input.shape[3])
    let network = try TrainingNetwork(
      LightweightOpenPose().graph, count: count, height: height, width: width, threads: 2)
    let missing = network.load(try WeightFile(contentsOf: Shared.url("golden/lop.pth").path).tensors)
    #expect(missing.isEmpty)
    let batch = Batch(
      count: count, height: height, width: width, images: input.values,
      heatmaps: try #require(golden["heatmaps"]).values, fields: try #require(golden["pafs"]).values,
      mask: try #require(golden["mask"]).values)

    network.forward(batch.images, statistics: .batch)
    let losses = network.loss(batch)
    network.backward()

    let expected = try #require(golden["losses"]).values
    #expect(losses.count == 4)
    for (loss, wanted) in zip(losses, expected) { #expect(abs(loss / Double(wanted) - 1) < 1e-4) }
    let total = try #require(golden["total"]).values[0]
    #expect(abs(losses.reduce(0, +) / Double(total) - 1) < 1e-4)

    // Where rounding turns a ReLU on or off, its whole gradient comes or goes: one of a layer's 40,000 changes what lies
    // before it by half a per cent. So tensors may differ that much, and their norms by less than a thousandth as a rule.
    var errors: [Double] = []
    for (name, gradient) in network.gradientTensors {
      let norm = try #require(golden["gradnorm/\(name)"]).values[0]
      let ours = gradient.values.reduce(0.0) { $0 + Double($1) * Double($1) }.squareRoot()
      // Biases before batch norm have no effect: their gradients are rounding errors.
      guard norm > 1e-3 else {
        #expect(ours < 1e-2, "\(name)")
        continue
      }
      let head = try #require(golden["gradhead/\(name)"]).values
      errors.append(abs(ours / Double(norm) - 1))
      #expect(errors[errors.count - 1] < 3e-3, "\(name)")
      #expect(Self.relativeError(Array(gradient.values.prefix(head.count)), head) < 2e-2, "\(name)")
    }
    errors.sort()
    #expect(errors[errors.count / 2] < 3e-4)
    #expect(errors[errors.count * 9 / 10] < 1e-3)
    for (name, statistic) in network.statistics.tensors {
      let wanted = try #require(golden["running/\(name)"]).values
      #expect(Self.relativeError(statistic.values, wanted) < 1e-4, "\(name)")
    }
  }
}
