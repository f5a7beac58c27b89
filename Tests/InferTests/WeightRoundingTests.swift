import Foundation
import TestSupport
import Testing

@testable import Infer

@Suite struct WeightRoundingTests {
  /// What rounding changes in the outputs: the error's square by the inputs' moments.
  private func cost(_ units: [[Double]], _ bytes: [[Int8]], _ moments: [Double]) -> Double {
    zip(units, bytes).reduce(0) { sum, row in
      let errors = zip(row.0, row.1).map { $0 - Double($1) }
      return sum
        + errors.indices.reduce(0) { sum, i in
          sum + errors.indices.reduce(0) { $0 + errors[i] * errors[$1] * moments[i * errors.count + $1] }
        }
    }
  }

  private func nearest(_ units: [[Double]]) -> [[Int8]] { units.map { $0.map { Int8($0.rounded()) } } }

  @Test func inputsThatGoTogetherMakeUpForEachOther() {
    var noise = Noise(5)
    let size = 24
    let units = (0..<16).map { _ in (0..<size).map { _ in Double.random(in: -120...120, using: &noise) } }
    // Smooth pictures: inputs a step apart are nearly equal.
    let moments: [Double] = (0..<size * size).map { (place: Int) -> Double in
      exp(-0.1 * Double(abs(place / size - place % size)))
    }
    let bytes = Calibration.rounded(units, moments)
    #expect(cost(units, bytes, moments) < 0.4 * cost(units, nearest(units), moments))
    for (row, wanted) in zip(bytes, units) {
      for (byte, unit) in zip(row, wanted) { #expect(abs(Double(byte) - unit) < 4) }
    }
  }

  @Test func inputsApartAreRoundedToTheNearest() {
    let units = [[1.4, -2.6, 126.7, -127, 0], [0.2, 3.3, -100.8, 55.1, -0.4]]
    let apart: [Double] = (0..<25).map { (place: Int) -> Double in place / 5 == place % 5 ? Double(place / 5 + 1) : 0 }
    #expect(Calibration.rounded(units, apart) == nearest(units))
    // Nothing was seen, or what was seen is no number.
    #expect(Calibration.rounded(units, [Double](repeating: 0, count: 25)) == nearest(units))
    #expect(Calibration.rounded(units, [Double](repeating: .nan, count: 25)) == nearest(units))
  }

  /// A layer computed from what it is said to have read gives what it gave.
  @Test func inputsAreThoseOfTheResults() throws {
    let model = try Model(smallWeights(stages: 1, backboneWidth: 0.25), name: "small")
    let plan = try Plan(model, height: 40, width: 56)
    var noise = Noise(2)
    let planes = (0..<3 * 40 * 56).map { _ in Float.random(in: -0.5...0.5, using: &noise) }
    planes.withUnsafeBufferPointer { plan.setInput(planes: $0) }
    var results: [String: [Float]] = [:]
    plan.run { name, values, count in
      results[name, default: []] += UnsafeBufferPointer(start: values, count: count)
    }
    var inputs: [String: [Double]] = [:]
    plan.run(pixels: 1 << 20) { inputs[$0] = $1 }
    #expect(Set(inputs.keys) == Set(results.keys))

    // Layers of every kind: name, batch norm, activation.
    let kinds: [(String, String?, (Double) -> Double)] = [
      ("model.0.0", "model.0.1", { max(0, $0) }), ("model.2.0", "model.2.1", { max(0, $0) }),
      ("model.2.3", "model.2.4", { max(0, $0) }), ("cpm.conv.0", nil, { max(0, $0) }),
      ("refinement_stages.0.trunk.0.initial.0", nil, { max(0, $0) }),
      ("refinement_stages.0.pafs.1.0", nil, { $0 }),
    ]
    for (name, batchNorm, activation) in kinds {
      let shape = try #require(model.tensors["\(name).weight"]).shape
      let (outputs, size, isDepthwise) = (shape[0], shape.dropFirst().reduce(1, *), shape[1] == 1 && shape[2] == 3)
      let hasBias = model.tensors["\(name).bias"] != nil
      let (fold, bias) = PackedWeights.fold(
        model, name: name, batchNorm: batchNorm, outputs: outputs, hasBias: hasBias)
      let (weights, result, input) = (
        model.values("\(name).weight"), try #require(results[name]), try #require(inputs[name])
      )
      let pixels = result.count / outputs
      #expect(input.count == pixels * size * (isDepthwise ? outputs : 1), "\(name)")
      for pixel in Swift.stride(from: 0, to: pixels, by: 7) {
        for output in 0..<outputs {
          let start = isDepthwise ? (pixel * outputs + output) * size : pixel * size
          let sum = (0..<size).reduce(0.0) { $0 + Double(weights[output * size + $1]) * input[start + $1] }
          let value = activation(sum * Double(fold[output]) + Double(bias[output]))
          let error = abs(value - Double(result[pixel * outputs + output]))
          #expect(error <= 1e-4 * max(1, abs(value)), "\(name), pixel \(pixel), channel \(output)")
        }
      }
    }
  }

  @Test func roundedWeightsTravelInTheFile() throws {
    let network = smallWeights(stages: 1, backboneWidth: 0.25)
    let model = try Model(network, name: "small")
    let count = try #require(network.tensors["model.0.0.weight"]).values.count
    let bytes = (0..<count).map { Int8($0 % 255 - 127) }
    let path = FileManager.default.temporaryDirectory.appendingPathComponent("rounded-\(getpid()).safetensors").path
    defer { unlink(path) }
    try model.file(ranges: [:], rounded: ["model.0.0": bytes], metadata: [:]).write(to: path)
    #expect(try Model(contentsOf: path).roundedWeights == ["model.0.0": bytes])
    #expect(try Model(contentsOf: path).tensors == model.tensors)
  }

  @Test func roundedWeightsThatDoNotFitAreRefused() throws {
    let network = smallWeights(stages: 1, backboneWidth: 0.25)
    let shape = try #require(network.tensors["model.0.0.weight"]).shape
    let count = shape.reduce(1, *)
    let ones = [Float](repeating: 1, count: count)
    for (name, tensor) in [
      ("model.0.0", Tensor(shape: [count], values: ones)),
      ("model.99", Tensor(shape: shape, values: ones)),
      ("model.0.0", Tensor(shape: shape, values: ones.map { $0 * 0.5 })),
      ("model.0.0", Tensor(shape: shape, values: ones.map { $0 * -128 })),
      ("model.0.0", Tensor(shape: shape, values: ones.map { $0 * .nan })),
    ] {
      var file = network
      file.tensors["quantization.\(name).weight"] = tensor
      #expect {
        try Model(file, name: "m")
      } throws: {
        "\($0)".contains("quantization.\(name).weight")
      }
    }
  }
}
