import Foundation
import TestSupport
import Testing

@testable import Infer

@Suite struct QuantizedPlanTests {
  /// Two refinement stages, so that a value lies in two concatenations.
  private static let network = smallWeights(stages: 2, backboneWidth: 0.25)

  private static func input(_ seed: UInt64, height: Int, width: Int) -> [UInt8] {
    var noise = Noise(seed)
    // Patches rather than noise of single pixels, which a network sees as grey.
    let patches = (0..<3 * 400).map { _ in UInt8.random(in: 0...255, using: &noise) }
    return (0..<height * width * 3).map {
      patches[($0 / 3 / width / 6 % 20 * 20 + $0 / 3 % width / 6 % 20) * 3 + $0 % 3]
    }
  }

  private static func load(_ plan: Plan, _ seed: UInt64) {
    input(seed, height: plan.height, width: plan.width).withUnsafeBytes {
      plan.setInput(
        bgr: $0, bytesPerRow: 3 * plan.width, width: plan.width, height: plan.height, left: 0, top: 0)
    }
  }

  private static let calibration: Calibration? = {
    guard let model = try? Model(network, name: "small"), let plan = try? Plan(model, height: 40, width: 56) else {
      return nil
    }
    var calibration = Calibration()
    for round in 0..<2 {
      if round == 1 { calibration.beginCounting() }
      for seed in 0..<4 {
        load(plan, UInt64(seed))
        calibration.observe(plan)
      }
    }
    return calibration
  }()

  private static func calibrated(_ rule: Calibration.Rule = .extremes, floatLayers: Int = 0) throws -> Model {
    let ranges = try #require(calibration).ranges(rule)
    let metadata = [Model.floatLayersKey: "\(floatLayers)"]
    return try Model(Model(network, name: "small").file(ranges: ranges, metadata: metadata), name: "small, calibrated")
  }

  /// Root mean square of the difference, as a share of the deviation.
  private func distance(_ values: [Float], _ right: [Float]) -> Double {
    let mean = right.reduce(0, +) / Float(right.count)
    let deviation = right.reduce(0.0) { $0 + Double(($1 - mean) * ($1 - mean)) }
    return (zip(values, right).reduce(0.0) { $0 + Double(($1.0 - $1.1) * ($1.0 - $1.1)) } / deviation).squareRoot()
  }

  @Test(arguments: Calibration.Rule.allCases) func bytesComeNearToFloats(rule: Calibration.Rule) throws {
    let model = try Self.calibrated(rule)
    let (floats, bytes) = (
      try Plan(model, height: 72, width: 96), try Plan(model, height: 72, width: 96, precision: .int8)
    )
    // Not one of the pictures that were observed.
    for plan in [floats, bytes] { Self.load(plan, 77) }
    // The divergence cuts off more than suits weights that nobody trained.
    let most = rule == .divergence ? 0.6 : 0.25
    for (values, right) in zip(try bytes.outputs(), try floats.outputs()) { #expect(distance(values, right) < most) }
  }

  @Test func firstLayersStayFloats() throws {
    for count in [0, 1, 4, 12] {
      let model = try Self.calibrated(floatLayers: count)
      let (floats, bytes) = (
        try Plan(model, height: 72, width: 96), try Plan(model, height: 72, width: 96, precision: .int8)
      )
      for plan in [floats, bytes] { Self.load(plan, 77) }
      let errors = Plan.compare(floats, bytes)
      for (index, error) in errors.enumerated() {
        let share = (error.squaredError / error.squaredSignal).squareRoot()
        #expect(index < count ? share < 1e-5 : share > 1e-4, "\(error.name)")
      }
    }
  }

  @Test func weightsRoundedByWhatWasSeenAreBetter() throws {
    var distances: [Double] = []
    let nearest = try Self.calibrated()
    let rounded = try #require(Self.calibration).roundedWeights(of: nearest)
    #expect(rounded.count == 62 + 14)
    for model in [nearest, try Model(nearest.file(ranges: nearest.ranges, rounded: rounded, metadata: [:]), name: "m")]
    {
      let plans = try [Precision.f32, .int8].map { try Plan(model, height: 72, width: 96, precision: $0) }
      distances.append(0)
      for seed in 77..<81 {
        for plan in plans { Self.load(plan, UInt64(seed)) }
        for error in Plan.compare(plans[0], plans[1]).prefix(12) {
          distances[distances.count - 1] += error.squaredError / error.squaredSignal
        }
      }
    }
    // Rounding the results weighs more here than rounding the weights.
    #expect(distances[1] < 0.98 * distances[0])
  }

  @Test func floatLayersMustBeAChain() throws {
    for (count, words) in [(30, "reads more than"), (1000, "bytes need some")] {
      #expect {
        try Self.calibrated(floatLayers: count)
      } throws: {
        "\($0)".contains(words)
      }
    }
  }

  @Test(arguments: [0, 3]) func versionsAndThreadsAgree(floatLayers: Int) throws {
    let model = try Self.calibrated(floatLayers: floatLayers)
    var reference: [[Float]] = []
    for level in CPULevel.available {
      for threads in [1, 3] {
        let plan = try Plan(model, height: 61, width: 85, threads: threads, level: level, precision: .int8)
        Self.load(plan, 5)
        let first = try plan.outputs()
        #expect(try plan.outputs() == first, "the second run finds the first one's arena")
        if reference.isEmpty { reference = first }
        // A sum that falls between two bytes may be rounded either way, and later layers see the difference.
        for (values, right) in zip(first, reference) { #expect(distance(values, right) < 0.02, "\(level), \(threads)") }
      }
    }
  }

  @Test func everyLayerIsCompared() throws {
    let model = try Self.calibrated()
    let plans = try [Precision.f32, .int8].map { try Plan(model, height: 72, width: 96, precision: $0) }
    for plan in plans { Self.load(plan, 3) }
    let errors = Plan.compare(plans[0], plans[1])
    #expect(errors.map(\.name).contains("model.11.3") && errors.map(\.name).contains("refinement_stages.1.pafs.1.0"))
    #expect(errors.allSatisfy { $0.squaredError > 0 && $0.squaredError < 0.05 * $0.squaredSignal })
  }

  @Test func planesAndPixelsAreTheSamePicture() throws {
    let plan = try Plan(try Self.calibrated(), height: 64, width: 64, precision: .int8)
    Self.load(plan, 9)
    let first = try plan.outputs()
    let pixels = Self.input(9, height: 64, width: 64)
    let planes = (0..<3 * 64 * 64).map { (Float(pixels[$0 % 4096 * 3 + $0 / 4096]) - 128) / 256 }
    planes.withUnsafeBufferPointer { plan.setInput(planes: $0) }
    #expect(try plan.outputs() == first)
  }

  @Test func aModelThatWasNotCalibratedSaysWhatToDo() throws {
    let model = try Model(Self.network, name: "raw.safetensors")
    #expect(model.bestPrecision(at: .scalar) == .f32)
    #expect {
      try Plan(model, height: 64, width: 64, precision: .int8)
    } throws: {
      "\($0)".contains("raw.safetensors") && "\($0)".contains("posecam quantize")
    }
  }

  @Test func rangesThatAreNoneAreRefused() throws {
    for values: [Float] in [[2, 1, 0], [.nan, 1, 0], [0, .infinity, 0]] {
      var file = Self.network
      file.tensors["quantization.model.0.0"] = Tensor(shape: [1, 3], values: values)
      #expect {
        try Model(file, name: "m")
      } throws: {
        "\($0)".contains("quantization.model.0.0")
      }
    }
    // Of another number of channels than the layer has.
    var file = try Self.calibrated().file(ranges: [:], metadata: [:])
    file.tensors["quantization.model.0.0"] = Tensor(shape: [1, 3], values: [0, 1, 0])
    #expect(throws: InferError.self) { try Model(file, name: "m") }
  }

  @Test func autoTakesBytesWhereTheyAreGoodEnough() throws {
    let model = try Self.calibrated()
    func best(_ agreement: String, at level: CPULevel = .detected) throws -> Precision {
      let metadata = [Model.agreementKey: agreement, Model.leastAgreementKey: "0.95"]
      return try Model(model.file(ranges: model.ranges, metadata: metadata), name: "m").bestPrecision(at: level)
    }
    let otherwise: Precision = CPULevel.detected.hasFastHalves ? .bf16 : .f32
    #expect(try best("0.9") == otherwise)
    #expect(try best("0.97") == (CPULevel.detected.hasFastBytes ? .int8 : otherwise))
    #expect(try best("much") == otherwise)
    if CPULevel.detected >= .avx2 { #expect(try best("0.97", at: .avx2) == .int8) }
    #expect(try best("0.97", at: .scalar) == .f32)
  }
}
