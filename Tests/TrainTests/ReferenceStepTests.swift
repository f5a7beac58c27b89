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

    // Rounding turns a few of the millions of ReLUs on or off, and with each the gradients of all layers before it change:
    // PyTorch itself, with channels last, differs from the reference by 7e-4 in the median of all norms, 3e-3 in nine of ten,
    // 1e-2 at most, and by up to 8e-2 in the first values. Nothing of that reaches the last layers.
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
      let error = (
        norm: abs(ours / Double(norm) - 1), head: Self.relativeError(Array(gradient.values.prefix(head.count)), head)
      )
      let isLast = name.hasPrefix("refinement_stages.0.heatmaps.1") || name.hasPrefix("refinement_stages.0.pafs.1")
      #expect(error.norm < (isLast ? 1e-4 : 2e-2), "\(name)")
      #expect(error.head < (isLast ? 1e-4 : 0.1), "\(name)")
      errors.append(error.norm)
    }
    errors.sort()
    #expect(errors[errors.count / 2] < 1.5e-3)
    #expect(errors[errors.count * 9 / 10] < 5e-3)
    for (name, statistic) in network.statistics.tensors {
      let wanted = try #require(golden["running/\(name)"]).values
      #expect(Self.relativeError(statistic.values, wanted) < 1e-4, "\(name)")
    }
  }
}
