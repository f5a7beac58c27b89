/// Lightweight OpenPose: a MobileNet v1 backbone at stride 8, an initial stage and refinement stages, each of which gives 19
/// heat-maps (18 key points and the background) and 38 part affinity fields.
///
/// Osokin, "Real-time 2D Multi-Person Pose Estimation on CPU: Lightweight OpenPose", ICPRAM 2019.
public struct LightweightOpenPose: Sendable, Equatable {
  /// Factor on the channels of every backbone layer.
  public var backboneWidth: Double = 1
  /// Channels of the stages.
  public var channels = 128
  /// Channels inside the two heads of the initial stage.
  public var headChannels = 512
  public var refinementStages = 1

  package static let architecture = "lightweight-openpose"
  /// Pixels of the input per cell of the maps.
  public static let stride = 8

  public init() {}

  /// What a model file says of the network it holds.
  package var metadata: [String: String] {
    [
      "architecture": Self.architecture, "backbone_width": "\(backboneWidth)", "channels": "\(channels)",
      "head_channels": "\(headChannels)", "refinement_stages": "\(refinementStages)", "input": "BGR (x-128)/256",
    ]
  }

  /// Refuses proportions far above any network that runs, since a file of a few bytes may claim a million stages, and layers
  /// of one channel, in which dense and depthwise ones cannot be told apart.
  /// - Parameter name: of the file that claims them.
  func check(name: String) throws(InferError) {
    guard (0...16).contains(refinementStages), (2...4096).contains(channels), (2...4096).contains(headChannels),
      (0.01...8).contains(backboneWidth), Self.channels(ofWidth: backboneWidth).allSatisfy({ $0 >= 2 })
    else { throw InferError("\(name): no network of these proportions is supported: \(self)") }
  }

  /// Output channels, stride and dilation of the backbone's depthwise-separable blocks, conv2_1 … conv5_5 of MobileNet with
  /// the stride of conv4_2 removed and a dilation in its place.
  private static let backbone: [(channels: Int, stride: Int, dilation: Int)] = [
    (64, 1, 1), (128, 2, 1), (128, 1, 1), (256, 2, 1), (256, 1, 1), (512, 1, 1), (512, 1, 2), (512, 1, 1), (512, 1, 1),
    (512, 1, 1), (512, 1, 1),
  ]

  /// Channels that the stem and the backbone's blocks give, in order.
  private static func channels(ofWidth width: Double) -> [Int] {
    ([32] + backbone.map(\.channels)).map { Int((Double($0) * width).rounded()) }
  }

  /// The factor under which the stem and the blocks have these channels: the one that is claimed if it fits, else the one of
  /// fewest digits; `nil` if there is none.
  static func backboneWidth(of channels: [Int], claimed: Double? = nil) -> Double? {
    func fits(_ width: Double) -> Bool { width > 0 && width < 100 && Self.channels(ofWidth: width) == channels }
    if let claimed, fits(claimed) { return claimed }
    guard let last = channels.last, (1...100_000).contains(last), channels.count == backbone.count + 1 else {
      return nil
    }
    // The widest layer leaves the least choice.
    for digits in [1.0, 10, 100, 1000, 10_000, 100_000] {
      for nearest in [(Double(last) / 512 * digits).rounded(), (Double(last) / 512 * digits).rounded(.up)] {
        if fits(nearest / digits) { return nearest / digits }
      }
    }
    return nil
  }

  /// Convolutions that tell the backbone's width: the stem and those that end each block.
  static let widthLayers = ["model.0.0"] + backbone.indices.map { "model.\($0 + 1).3" }

  /// Input (N, 3, H, W), BGR, (x - 128) / 256; outputs `stage<k>_heatmaps` (N, 19, H/8, W/8) and `stage<k>_pafs`
  /// (N, 38, H/8, W/8). Parameters have the names of the reference implementation.
  public var graph: Graph {
    var graph = Graph()
    let widths = Self.channels(ofWidth: backboneWidth)

    var x = graph.input(channels: 3)
    x = graph.convolution(x, "model.0.0", to: widths[0], kernel: 3, stride: 2, bias: false)
    x = graph.relu(graph.batchNorm(x, "model.0.1"))
    for (index, block) in Self.backbone.enumerated() {
      let name = "model.\(index + 1)"
      x = graph.depthwise(x, "\(name).0", stride: block.stride, dilation: block.dilation)
      x = graph.relu(graph.batchNorm(x, "\(name).1"))
      x = graph.convolution(x, "\(name).3", to: widths[index + 1], kernel: 1, bias: false)
      x = graph.relu(graph.batchNorm(x, "\(name).4"))
    }

    let align = graph.relu(graph.convolution(x, "cpm.align.0", to: channels, kernel: 1, bias: true))
    x = align
    for block in 0..<3 {
      x = graph.elu(graph.depthwise(x, "cpm.trunk.\(block).0"))
      x = graph.elu(graph.convolution(x, "cpm.trunk.\(block).2", to: channels, kernel: 1, bias: false))
    }
    x = graph.add(x, align)
    let features = graph.relu(graph.convolution(x, "cpm.conv.0", to: channels, kernel: 3, bias: true))

    x = features
    for layer in 0..<3 {
      x = graph.relu(graph.convolution(x, "initial_stage.trunk.\(layer).0", to: channels, kernel: 3, bias: true))
    }
    var maps = heads(&graph, of: x, "initial_stage", through: headChannels, stage: 0)

    for stage in 0..<refinementStages {
      x = graph.concatenate([features, maps.heatmaps, maps.fields])
      for block in 0..<5 {
        let name = "refinement_stages.\(stage).trunk.\(block)"
        let initial = graph.relu(graph.convolution(x, "\(name).initial.0", to: channels, kernel: 1, bias: true))
        x = initial
        for (layer, dilation) in [1, 2].enumerated() {
          x = graph.convolution(x, "\(name).trunk.\(layer).0", to: channels, kernel: 3, dilation: dilation, bias: true)
          x = graph.relu(graph.batchNorm(x, "\(name).trunk.\(layer).1"))
        }
        x = graph.add(x, initial)
      }
      maps = heads(&graph, of: x, "refinement_stages.\(stage)", through: channels, stage: stage + 1)
    }
    return graph
  }

  private func heads(
    _ graph: inout Graph, of x: Graph.Value, _ name: String, through inner: Int, stage: Int
  ) -> (heatmaps: Graph.Value, fields: Graph.Value) {
    func head(_ kind: String, _ count: Int) -> Graph.Value {
      let hidden = graph.relu(graph.convolution(x, "\(name).\(kind).0.0", to: inner, kernel: 1, bias: true))
      let maps = graph.convolution(hidden, "\(name).\(kind).1.0", to: count, kernel: 1, bias: true)
      graph.output("stage\(stage)_\(kind)", maps)
      return maps
    }
    return (head("heatmaps", 19), head("pafs", 38))
  }
}
