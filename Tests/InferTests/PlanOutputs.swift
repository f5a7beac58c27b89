@testable import Infer

extension Plan {
  /// Runs it; the planes of every output, in the graph's order.
  func outputs() throws -> [[Float]] {
    run()
    return try model.graph.outputs.map { output in
      var planes: [Float] = []
      try copyOutput(output.name, into: &planes)
      return planes
    }
  }
}
