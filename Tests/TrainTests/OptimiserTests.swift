import Foundation
import Infer
import TestSupport
import Testing

@testable import Train

@Suite struct OptimiserTests {
  private static let graph: Graph = {
    var graph = Graph()
    let x = graph.convolution(graph.input(channels: 3), "model.0.0", to: 4, kernel: 3, bias: false)
    let y = graph.depthwise(graph.relu(graph.batchNorm(x, "model.0.1")), "model.1.0")
    let z = graph.convolution(y, "refinement_stages.0.a", to: 5, kernel: 1, bias: true)
    graph.output(
      "out", graph.convolution(graph.batchNorm(z, "refinement_stages.0.n"), "last", to: 2, kernel: 1, bias: true))
    return graph
  }()

  @Test func referenceGroups() throws {
    let expected: [(String, Float, Bool)] = [
      ("model.0.0.weight", 1, true), ("model.0.1.weight", 1, false), ("model.0.1.bias", 2, false),
      ("model.1.0.weight", 1, false), ("refinement_stages.0.a.weight", 4, true),
      ("refinement_stages.0.a.bias", 8, false),
      ("refinement_stages.0.n.weight", 1, false), ("refinement_stages.0.n.bias", 2, false), ("last.weight", 1, true),
      ("last.bias", 2, false),
    ]
    let network = try TrainingNetwork(Self.graph, count: 1, height: 4, width: 4)
    let adam = try Adam(
      .adam, weightDecay: 0.1, groups: .reference, parameters: network.parameters, gradients: network.gradients)
    #expect(network.parameters.entries.map(\.name) == expected.map(\.0))
    #expect(adam.factors == expected.map { ParameterGroups.Factors(rate: $0.1, decays: $0.2) })
  }

  /// The update rules of the papers in double precision, as PyTorch has them.
  @Test(arguments: Adam.Kind.allCases)
  func stepsAreThoseOfThePaper(kind: Adam.Kind) throws {
    let network = try TrainingNetwork(Self.graph, count: 1, height: 4, width: 4)
    let (parameters, gradients) = (network.parameters, network.gradients)
    let decay = 0.3
    let adam = try Adam(kind, weightDecay: Float(decay), groups: .uniform, parameters: parameters, gradients: gradients)
    var noise = Noise(11)
    for (index, value) in noise.floats(parameters.count).enumerated() { parameters.values[index] = value }
    var weights = (0..<parameters.count).map { Double(parameters.values[$0]) }
    var (means, squares) = ([Double](repeating: 0, count: weights.count), [Double](repeating: 0, count: weights.count))
    for step in 1...5 {
      let rate = 0.01 / Double(step)
      for (index, value) in noise.floats(gradients.count).enumerated() { gradients.values[index] = value }
      for (entry, factors) in zip(parameters.entries, adam.factors) {
        for index in entry.range {
          var gradient = Double(gradients.values[index]) * 0.5
          if factors.decays && kind == .adam { gradient += decay * weights[index] }
          if factors.decays && kind == .adamw { weights[index] -= rate * decay * weights[index] }
          means[index] = 0.9 * means[index] + 0.1 * gradient
          squares[index] = 0.999 * squares[index] + 0.001 * gradient * gradient
          let mean = means[index] / (1 - pow(0.9, Double(step)))
          weights[index] -= rate * mean / ((squares[index] / (1 - pow(0.999, Double(step)))).squareRoot() + 1e-8)
        }
      }
      adam.step(rate: rate, factor: 0.5)
    }
    let worst = weights.indices.map { abs(weights[$0] - Double(parameters.values[$0])) }.max() ?? 1
    #expect(worst < 2e-6)
    #expect(adam.steps == 5)
  }

  @Test func schedules() {
    func factors(_ schedule: LearningRateSchedule, _ steps: [Int], warmUp: Int = 0) -> [Double] {
      steps.map { schedule.factor(step: $0, steps: 280, warmUp: warmUp) }
    }
    #expect(factors(.constant, [0, 279]) == [1, 1])
    let reference = factors(.steps, [0, 99, 100, 199, 200, 259, 260])
    let expected = [1, 1, 0.333, 0.333, 0.333 * 0.333, 0.333 * 0.333, 0.333 * 0.333 * 0.333]
    #expect(zip(reference, expected).allSatisfy { abs($0 - $1) < 1e-12 })
    let cosine = factors(.cosine, [0, 5, 10, 145, 280], warmUp: 10)
    #expect(abs(cosine[0] - 1.0 / 11) < 1e-12 && abs(cosine[1] - 6.0 / 11) < 1e-12)
    #expect(abs(cosine[2] - 1) < 1e-12 && abs(cosine[3] - 0.505) < 1e-12 && abs(cosine[4] - 0.01) < 1e-12)
  }
}
