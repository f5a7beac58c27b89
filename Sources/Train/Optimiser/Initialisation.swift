import Foundation
import Infer

/// The weights a network starts from.
enum Initialisation {
  /// Random numbers that follow from a seed (SplitMix64; Steele, Lea and Flood, 2014).
  private struct Noise: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
      state &+= 0x9E37_79B9_7F4A_7C15
      var z = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
      z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
      return z ^ (z >> 31)
    }

    /// Standard normal (Box and Muller, 1958).
    mutating func normal() -> Float {
      let radius = (-2 * log(Double.random(in: Double.leastNonzeroMagnitude..<1, using: &self))).squareRoot()
      return Float(radius * cos(2 * .pi * Double.random(in: 0..<1, using: &self)))
    }
  }

  /// He et al., "Delving Deep into Rectifiers", ICCV 2015: variance 2 / inputs; biases 0; batch norm the identity. The maps
  /// themselves start near 0, with deviation 0.01 of their weights.
  static func tensors(of graph: Graph, seed: UInt64) -> [String: Tensor] {
    var noise = Noise(state: seed)
    let maps = Set(graph.outputs.map { "\(graph.nodes[$0.value.node].name).weight" })
    var tensors: [String: Tensor] = [:]
    for (name, shape) in graph.tensorShapes {
      let count = shape.reduce(1, *)
      let values: [Float]
      if shape.count == 4 {
        let deviation = maps.contains(name) ? 0.01 : (2 / Float(shape[1] * shape[2] * shape[3])).squareRoot()
        values = (0..<count).map { _ in noise.normal() * deviation }
      } else {
        let isOne = name.hasSuffix(".weight") || name.hasSuffix(".running_var")
        values = [Float](repeating: isOne ? 1 : 0, count: count)
      }
      tensors[name] = Tensor(shape: shape, values: values)
    }
    return tensors
  }
}
