import Foundation
import TestSupport
import Testing

@testable import Infer

struct HalfPlanTests {
  private static let levels = CPULevel.available.filter(\.hasHalves)

  /// Root mean square of the difference, as a share of the deviation.
  private func distance(_ values: [Float], _ right: ArraySlice<Float>) -> Double {
    let mean = right.reduce(0, +) / Float(right.count)
    let deviation = right.reduce(0.0) { $0 + Double(($1 - mean) * ($1 - mean)) }
    return (zip(values, right).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) } / deviation).squareRoot()
  }

  @Test(.enabled(if: Shared.isPresent, "no reference data beside this checkout"), arguments: levels)
  func comesNearToPyTorch(level: CPULevel) throws {
    let model = try Model(contentsOf: Shared.url("golden/lop.pth").path)
    let golden = try WeightFile(contentsOf: Shared.url("golden/lop-forward.safetensors").path).tensors
    let input = try #require(golden["input"])
    let plan = try Plan(
      model, height: input.shape[2], width: input.shape[3], threads: 2, level: level, precision: .bf16)
    let size = input.values.count / 2
    for image in 0..<2 {
      input.values[image * size..<(image + 1) * size].withUnsafeBufferPointer { plan.setInput(planes: $0) }
      for (output, planes) in zip(model.graph.outputs, try plan.outputs()) {
        let reference = try #require(golden[output.name])
        let error = distance(planes, reference.values[image * planes.count..<(image + 1) * planes.count])
        #expect(error <= 0.02, "\(output.name), image \(image)")
      }
    }
  }

  /// Sizes that no tile, block or stride divides, with two refinement stages, so that a value lies in two concatenations.
  @Test(arguments: [(8, 8), (9, 23), (61, 40), (72, 121)])
  func levelsAndThreadsAgree(size: (height: Int, width: Int)) throws {
    let model = try Model(smallWeights(stages: 2), name: "small")
    var noise = Noise(5)
    let input = noise.floats(3 * size.height * size.width)
    func plan(_ level: CPULevel, _ precision: Precision = .bf16, threads: Int = 1) throws -> Plan {
      let plan = try Plan(
        model, height: size.height, width: size.width, threads: threads, level: level, precision: precision)
      input.withUnsafeBufferPointer { plan.setInput(planes: $0) }
      return plan
    }
    let right = try plan(.scalar, .f32).outputs()
    for level in Self.levels {
      let one = try plan(level)
      let first = try one.outputs()
      #expect(try one.outputs() == first, "the second run finds the first one's arena")
      for (values, right) in zip(first, right) { #expect(distance(values, right[...]) <= 0.03, "\(level)") }
      #expect(try plan(level, threads: 3).outputs() == first, "threads change nothing")
    }
  }

  /// Bytes inside a letterbox equal planes with zeros around them, also after a larger picture was there.
  @Test func bytesEqualPlanes() throws {
    let (height, width) = (40, 64)
    let plan = try Plan(
      Model(smallWeights(), name: "small"), height: height, width: width, level: .scalar, precision: .bf16)
    var noise = Noise(8)
    for (left, top, pixelWidth, pixelHeight) in [(0, 0, 64, 40), (3, 5, 50, 31)] {
      let bytes = (0..<pixelHeight * pixelWidth * 3).map { _ in UInt8.random(in: 0...255, using: &noise) }
      var planes = [Float](repeating: 0, count: 3 * height * width)
      for index in bytes.indices {
        let (pixel, channel) = index.quotientAndRemainder(dividingBy: 3)
        let place = (top + pixel / pixelWidth) * width + left + pixel % pixelWidth
        planes[channel * height * width + place] = (Float(bytes[index]) - 128) / 256
      }
      bytes.withUnsafeBytes {
        plan.setInput(
          bgr: $0, bytesPerRow: 3 * pixelWidth, width: pixelWidth, height: pixelHeight, left: left, top: top)
      }
      let fromBytes = try plan.outputs()
      planes.withUnsafeBufferPointer { plan.setInput(planes: $0) }
      #expect(try plan.outputs() == fromBytes)
    }
  }

  @Test func everyLayerIsCompared() throws {
    let model = try Model(smallWeights(), name: "small")
    var noise = Noise(3)
    let input = noise.floats(3 * 72 * 96)
    for level in Self.levels {
      let plans = try [Precision.f32, .bf16].map {
        try Plan(model, height: 72, width: 96, level: level, precision: $0)
      }
      for plan in plans { input.withUnsafeBufferPointer { plan.setInput(planes: $0) } }
      let errors = Plan.compare(plans[0], plans[1])
      #expect(errors.map(\.name).contains("model.11.3"))
      #expect(errors.map(\.name).contains("refinement_stages.0.pafs.1.0"))
      #expect(errors.allSatisfy { $0.squaredError > 0 && $0.squaredError < 0.03 * 0.03 * $0.squaredSignal })
    }
  }

  @Test func aLevelWithoutProductsIsRefused() throws {
    let model = try Model(smallWeights(), name: "small")
    for level in CPULevel.available where !level.hasHalves {
      #expect {
        try Plan(model, height: 64, width: 64, level: level, precision: .bf16)
      } throws: {
        "\($0)".contains("no bf16 products (AVX512-BF16 or AMX)") && "\($0)".hasSuffix("small runs in f32 there")
      }
    }
    #expect(!CPULevel.avx2.hasHalves)
    #expect(model.precisions(at: .avx2) == [.f32] && model.precisions(at: .scalar) == [.f32, .bf16])
    #expect(model.bestPrecision(at: .avx2) == .f32 && model.bestPrecision(at: .scalar) == .f32)
  }
}
