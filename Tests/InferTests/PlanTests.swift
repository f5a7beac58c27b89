import Foundation
import TestSupport
import Testing

@testable import Infer

struct PlanTests {
  /// Largest error of an output, in units of the reference's standard deviation.
  private func error(_ values: [Float], _ reference: ArraySlice<Float>) -> Float {
    let mean = reference.reduce(0, +) / Float(reference.count)
    let deviation = (reference.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Float(reference.count)).squareRoot()
    return zip(values, reference).reduce(0) { max($0, abs($1.0 - $1.1)) } / deviation
  }

  @Test(
    .enabled(if: Shared.isPresent, "no reference data beside this checkout"),
    arguments: ["lop.pth", "lop-legacy.pth"], CPULevel.allCases.filter { $0 <= .detected })
  func equalsPyTorch(_ checkpoint: String, _ level: CPULevel) throws {
    let model = try Model(contentsOf: Shared.url("golden/\(checkpoint)").path)
    let golden = try WeightFile(contentsOf: Shared.url("golden/lop-forward.safetensors").path).tensors
    let input = try #require(golden["input"])
    let plan = try Plan(model, height: input.shape[2], width: input.shape[3], threads: 2, level: level)
    let size = input.values.count / 2
    for image in 0..<2 {
      input.values[image * size..<(image + 1) * size].withUnsafeBufferPointer { plan.setInput(planes: $0) }
      plan.run()
      for name in ["stage0_heatmaps", "stage0_pafs", "stage1_heatmaps", "stage1_pafs"] {
        var planes: [Float] = []
        try plan.copyOutput(name, into: &planes)
        let reference = try #require(golden[name])
        #expect(planes.count == reference.values.count / 2)
        let error = error(planes, reference.values[image * planes.count..<(image + 1) * planes.count])
        #expect(error <= 1e-4, "\(name), image \(image), \(level)")
      }
    }
  }
}
