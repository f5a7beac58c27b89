import Testing

@testable import Infer

struct GraphTests {
  private func network(_ stages: Int, width: Double = 1) -> LightweightOpenPose {
    var network = LightweightOpenPose()
    network.refinementStages = stages
    network.backboneWidth = width
    return network
  }

  @Test(arguments: [(0, 2_483_065), (1, 4_091_698), (2, 5_700_331), (3, 7_308_964)])
  func parametersAreThoseOfTheReference(stages: Int, parameters: Int) {
    #expect(network(stages).graph.parameterCount == parameters)
  }

  @Test func aStudentHasFewerParameters() {
    var student = network(1, width: 0.5)
    (student.channels, student.headChannels) = (64, 256)
    #expect(student.graph.parameterCount == 1_048_018)
  }

  @Test func parametersByPart() {
    func count(_ prefix: String) -> Int {
      network(1).graph.tensorShapes.filter { $0.name.hasPrefix(prefix) && !$0.name.contains("running_") }
        .reduce(0) { $0 + $1.shape.reduce(1, *) }
    }
    #expect(count("model.") == 1_613_120)
    #expect(count("cpm.") == 265_856)
    #expect(count("initial_stage.") == 604_089)
    #expect(count("refinement_stages.0.") == 1_608_633)
  }

  /// In 10⁶, as the figures to compare with are rounded.
  @Test(arguments: [(256, 456, 7656), (368, 368, 8882), (256, 448, 7522), (256, 256, 4298)])
  func multiplyAddsAreThoseOfTheReference(height: Int, width: Int, millions: Int) {
    let multiplyAdds = Double(network(1).graph.multiplyAdds(height: height, width: width))
    #expect((multiplyAdds / 1e6).rounded() == Double(millions))
  }

  @Test(arguments: 0...4)
  func everyStageHasItsOutputs(stages: Int) {
    let graph = network(stages).graph
    #expect(graph.outputs.map(\.name) == (0...stages).flatMap { ["stage\($0)_heatmaps", "stage\($0)_pafs"] })
    #expect(graph.outputs.map { graph.nodes[$0.value.node].channels } == (0...stages).flatMap { _ in [19, 38] })
  }

  @Test func namesAreThoseOfTheStateDict() {
    let shapes = Dictionary(uniqueKeysWithValues: network(1).graph.tensorShapes.map { ($0.name, $0.shape) })
    #expect(shapes["model.0.0.weight"] == [32, 3, 3, 3])
    #expect(shapes["model.2.0.weight"] == [64, 1, 3, 3])
    #expect(shapes["model.2.4.running_var"] == [128])
    #expect(shapes["cpm.trunk.1.2.weight"] == [128, 128, 1, 1])
    #expect(shapes["cpm.trunk.1.2.bias"] == nil)
    #expect(shapes["refinement_stages.0.trunk.0.initial.0.weight"] == [128, 185, 1, 1])
    #expect(shapes["refinement_stages.0.trunk.4.trunk.1.0.bias"] == [128])
    #expect(shapes["refinement_stages.0.pafs.1.0.weight"] == [38, 128, 1, 1])
  }

  /// Zero padding of 1 at stride 2 rounds up, three times.
  @Test(arguments: [(8, 1), (9, 2), (16, 2), (17, 3), (256, 32), (457, 58)])
  func sizesRoundUp(pixels: Int, cells: Int) {
    let graph = network(0).graph
    let size = graph.size(ofNode: graph.outputs[0].value.node, height: pixels, width: pixels)
    #expect(size.height == cells && size.width == cells)
  }
}

struct GraphSummaryTests {
  @Test func layersAddUpToTheNetwork() throws {
    let graph = LightweightOpenPose().graph
    let summary = GraphSummary(graph, height: 256, width: 456)
    #expect(summary.layers.reduce(0) { $0 + $1.parameters } == graph.parameterCount)
    #expect(summary.layers.reduce(0) { $0 + $1.multiplyAdds } == graph.multiplyAdds(height: 256, width: 456))
    let stem = try #require(summary.layers.first)
    #expect(stem.kind == "3x3, stride 2" && stem.channels == 32 && stem.height == 128 && stem.width == 228)
    // 3 x 3 x 3 weights for each channel, and its norm's scale and shift.
    #expect(stem.parameters == 32 * 27 + 64 && stem.multiplyAdds == 128 * 228 * 32 * 27)
    #expect(summary.layers.contains { $0.kind == "depthwise 3x3, dilation 2" })
  }
}
