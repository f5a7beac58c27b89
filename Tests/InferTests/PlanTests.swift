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
    arguments: ["lop.pth", "lop-legacy.pth"], CPULevel.available)
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

  /// Sizes that no tile, block or stride divides, at every level and on several threads.
  @Test(arguments: [(8, 8), (9, 23), (61, 40), (72, 121)], [1, 3])
  func levelsAndThreadsAgree(size: (height: Int, width: Int), threads: Int) throws {
    let model = try Model(smallWeights(), name: "small")
    var noise = Noise(5)
    let input = noise.floats(3 * size.height * size.width)
    var reference: [[Float]] = []
    for level in CPULevel.available {
      let plan = try Plan(model, height: size.height, width: size.width, threads: threads, level: level)
      input.withUnsafeBufferPointer { plan.setInput(planes: $0) }
      let first = try plan.outputs()
      #expect(first.allSatisfy { $0.allSatisfy(\.isFinite) })
      #expect(try plan.outputs() == first, "the second run finds the first one's arena")
      if reference.isEmpty { reference = first }
      for (values, expected) in zip(first, reference) { #expect(error(values, expected[...]) <= 1e-4, "\(level)") }
    }
  }

  @Test func aLevelOfAnotherProcessorIsRefused() throws {
    let model = try Model(smallWeights(), name: "small")
    let foreign = CPULevel.detected == .neon ? CPULevel.avx2 : .neon
    let own = CPULevel.available.map { "\($0)" }.joined(separator: ", ")
    #expect {
      try Plan(model, height: 64, width: 64, level: foreign)
    } throws: {
      "\($0)" == "this processor has no \(foreign); it has \(own)"
    }
  }

  @Test func threadsChangeNothing() throws {
    let model = try Model(smallWeights(), name: "small")
    var noise = Noise(6)
    let input = noise.floats(3 * 80 * 104)
    let results = try [1, 2, 4].map { threads in
      let plan = try Plan(model, height: 80, width: 104, threads: threads)
      input.withUnsafeBufferPointer { plan.setInput(planes: $0) }
      return try plan.outputs()
    }
    #expect(results[1] == results[0] && results[2] == results[0])
  }

  @Test(arguments: [0, 2])
  func anyNumberOfStages(stages: Int) throws {
    let plan = try Plan(Model(smallWeights(stages: stages), name: "small"), height: 40, width: 48)
    let input = [Float](repeating: 0.25, count: 3 * 40 * 48)
    input.withUnsafeBufferPointer { plan.setInput(planes: $0) }
    let maps = try plan.outputs()
    #expect(maps.map(\.count) == (0...stages).flatMap { _ in [19 * 30, 38 * 30] })
    #expect(maps.allSatisfy { $0.allSatisfy(\.isFinite) })
  }

  /// Bytes inside a letterbox equal planes with zeros around them, also after a larger picture was there.
  @Test func bytesEqualPlanes() throws {
    let (height, width) = (40, 64)
    let model = try Model(smallWeights(), name: "small")
    let plan = try Plan(model, height: height, width: width)
    var noise = Noise(8)
    for (left, top, pixelWidth, pixelHeight) in [(0, 0, 64, 40), (3, 5, 50, 31), (63, 39, 1, 1), (0, 2, 64, 33)] {
      let bytesPerRow = 3 * pixelWidth + 5
      let bytes = (0..<(pixelHeight - 1) * bytesPerRow + 3 * pixelWidth).map { _ in
        UInt8.random(in: 0...255, using: &noise)
      }
      var planes = [Float](repeating: 0, count: 3 * height * width)
      for y in 0..<pixelHeight {
        for x in 0..<pixelWidth {
          for c in 0..<3 {
            planes[(c * height + top + y) * width + left + x] =
              (Float(bytes[y * bytesPerRow + 3 * x + c]) - 128) / 256
          }
        }
      }
      bytes.withUnsafeBytes {
        plan.setInput(
          bgr: $0, bytesPerRow: bytesPerRow, width: pixelWidth, height: pixelHeight, left: left, top: top)
      }
      let fromBytes = try plan.outputs()
      planes.withUnsafeBufferPointer { plan.setInput(planes: $0) }
      #expect(try plan.outputs() == fromBytes)
    }
  }

  @Test func everyMultiplyAddIsInOneLayer() throws {
    let plan = try Plan(Model(smallWeights(), name: "small"), height: 64, width: 80)
    let layers = plan.profile()
    #expect(layers.reduce(0) { $0 + $1.multiplyAdds } == plan.multiplyAdds)
    #expect(layers.allSatisfy { !$0.name.isEmpty })
  }

  @Test func errorsSayWhatIsPossible() throws {
    let model = try Model(smallWeights(), name: "small")
    func message(_ body: () throws(InferError) -> Void) -> String {
      do throws(InferError) {
        try body()
        return ""
      } catch {
        return error.description
      }
    }
    for (height, width) in [(0, 64), (64, 7), (-8, 64), (8193, 8), (8192, 8192), (Int.max, Int.max)] {
      let text = message { () throws(InferError) in _ = try Plan(model, height: height, width: width) }
      #expect(text == "a network input of \(height)x\(width) pixels is not supported")
    }
    for threads in [0, -1, 257] {
      let text = message { () throws(InferError) in _ = try Plan(model, height: 64, width: 64, threads: threads) }
      #expect(text == "\(threads) threads: use 1 to 256")
    }
    let plan = try Plan(model, height: 64, width: 64)
    var planes: [Float] = []
    let text = message { () throws(InferError) in try plan.copyOutput("stage2_pafs", into: &planes) }
    #expect(text.hasPrefix("the network has no output 'stage2_pafs'; it has stage0_heatmaps, stage0_pafs, stage1"))
  }
}
