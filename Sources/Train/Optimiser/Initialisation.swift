import Foundation
import Infer

/// The weights a network starts from.
enum Initialisation {
  /// He et al., "Delving Deep into Rectifiers", ICCV 2015: variance 2 / inputs; biases 0; batch norm the identity. The maps
  /// themselves start near 0, with deviation 0.01 of their weights.
  static func tensors(of graph: Graph, seed: UInt64) -> [String: Tensor] {
    var random = SeededRandom(seed: seed)
    let maps = Set(graph.outputs.map { "\(graph.nodes[$0.value.node].name).weight" })
    var tensors: [String: Tensor] = [:]
    for (name, shape) in graph.tensorShapes {
      let count = shape.reduce(1, *)
      let values: [Float]
      if shape.count == 4 {
        let deviation = maps.contains(name) ? 0.01 : (2 / Float(shape[1] * shape[2] * shape[3])).squareRoot()
        values = (0..<count).map { _ in Float(normal(&random)) * deviation }
      } else {
        let isOne = name.hasSuffix(".weight") || name.hasSuffix(".running_var")
        values = [Float](repeating: isOne ? 1 : 0, count: count)
      }
      tensors[name] = Tensor(shape: shape, values: values)
    }
    return tensors
  }

  /// Standard normal (Box and Muller, 1958).
  private static func normal(_ random: inout SeededRandom) -> Double {
    let radius = (-2 * log(1 - random.uniform(0, 1))).squareRoot()
    return radius * cos(2 * .pi * random.uniform(0, 1))
  }
}
