import CKernels

/// Which layers a graph becomes, and where in the arena every value lies.
///
/// Values are NHWC with channels padded to 16 and a margin of zeros as wide as the widest kernel that reads them. A
/// concatenation is one such picture whose inputs are written side by side.
struct PlanLayout {
  /// A convolution with everything that is computed on its way out.
  struct Fused {
    var name: String
    var convolution: Graph.Convolution
    var batchNorm: String?
    var activation: Graph.Activation = .none
    var residual: Int?
    var depthwise: Depthwise?
    /// Graph nodes read and computed.
    var input: Int
    var output: Int
    /// The convolutions among them.
    var nodes: [Int]
  }

  struct Depthwise {
    var name: String
    var convolution: Graph.Convolution
    var batchNorm: String?
    var activation: Graph.Activation
  }

  enum Step {
    case convolve(Fused)
    case copy(value: Int, storage: Int, channel: Int)
  }

  /// What activations are made of.
  enum Elements: Equatable {
    case floats
    /// bfloat16, but for the network's outputs, which are floats.
    case halves
    /// Bytes, but for the network's outputs and what the first layers compute, which are floats.
    case bytes(after: Int)

    /// Bytes of an element.
    var size: Int {
      switch self {
      case .floats: 4
      case .halves: 2
      case .bytes: 1
      }
    }
  }

  /// A picture in the arena. Distances in elements, offset and size in bytes.
  struct Storage {
    var height: Int
    var width: Int
    var pixel: Int
    var margin: Int
    var elementSize: Int
    var offset = 0
    /// Steps between which it is needed.
    var life: ClosedRange<Int>

    var row: Int { (width + 2 * margin) * pixel }
    var size: Int { ((height + 2 * margin) * row * elementSize + 255) / 256 * 256 }

    private func start(channel: Int) -> Int { offset + (margin * row + margin * pixel + channel) * elementSize }

    func view(in arena: UnsafeMutableRawPointer, channel: Int) -> ck_view {
      let base = (arena + start(channel: channel)).assumingMemoryBound(to: Float.self)
      return ck_view(base: base, row: row, pixel: pixel)
    }

    func bytes(in arena: UnsafeMutableRawPointer, channel: Int) -> ck_bytes {
      let base = (arena + start(channel: channel)).assumingMemoryBound(to: UInt8.self)
      return ck_bytes(base: base, row: row, pixel: pixel)
    }
  }

  private(set) var steps: [Step] = []
  private(set) var storages: [Storage] = []
  private(set) var inputStorage = 0
  /// Bytes.
  private(set) var arenaSize = 0
  /// Storage and first channel of every value that is kept.
  private var places: [Int: (storage: Int, channel: Int)] = [:]
  /// Where values of the first layers lie once more, as the bytes that later layers read.
  private var bytePlaces: [Int: (storage: Int, channel: Int)] = [:]
  /// What the first layers compute, the network's input with it; empty if all layers are alike.
  private var firstValues: Set<Int> = []
  private let graph: Graph
  private let elements: Elements

  static func padded(_ channels: Int) -> Int { (channels + 15) / 16 * 16 }

  init(_ graph: Graph, height: Int, width: Int, of elements: Elements) throws(InferError) {
    self.graph = graph
    self.elements = elements
    let readers = graph.readers
    try fuse(readers: readers)
    if case .bytes(let count) = elements, count > 0 { try keepFloats(inFirst: count) }
    try place(readers: readers, height: height, width: width)
    pack()
  }

  /// Where the layer that computes a value writes it.
  func storage(of value: Int) -> Storage {
    guard let place = places[value] else { preconditionFailure("value \(value) has no storage") }
    return storages[place.storage]
  }

  /// Where layers of bytes read a value.
  func byteStorage(of value: Int) -> Storage {
    bytePlaces[value].map { storages[$0.storage] } ?? storage(of: value)
  }

  func view(of value: Int, in arena: UnsafeMutableRawPointer) -> ck_view {
    guard let place = places[value] else { preconditionFailure("value \(value) has no storage") }
    return storages[place.storage].view(in: arena, channel: place.channel)
  }

  func bytes(of value: Int, in arena: UnsafeMutableRawPointer) -> ck_bytes {
    guard let place = bytePlaces[value] ?? places[value] else { preconditionFailure("value \(value) has no storage") }
    return storages[place.storage].bytes(in: arena, channel: place.channel)
  }

  /// Whether the layer that computes a value writes floats.
  func isFloats(_ value: Int) -> Bool { storage(of: value).elementSize == 4 }

  /// Whether a layer reads floats and computes with them.
  func computesFloats(_ layer: Fused) -> Bool { elements == .floats || firstValues.contains(layer.output) }

  /// Channels of a value in memory, padding included. The network's input has none as floats, and one as halves or bytes,
  /// since kernels read two or four at a time.
  func channels(of value: Int) -> Int {
    let node = graph.nodes[value]
    switch node.operation {
    case .input: return isOfFloats(value) ? node.channels : (node.channels + 3) / 4 * 4
    case .concatenate: return node.inputs.reduce(0) { $0 + Self.padded(graph.nodes[$1].channels) }
    default: return Self.padded(node.channels)
    }
  }

  /// The channel in storage of every channel of a value: they differ where a concatenation pads its parts.
  func channelMap(of value: Int) -> [Int] {
    let node = graph.nodes[value]
    guard node.operation == .concatenate else { return Array(0..<node.channels) }
    var map: [Int] = []
    var start = 0
    for input in node.inputs {
      map += start..<start + graph.nodes[input].channels
      start += Self.padded(graph.nodes[input].channels)
    }
    return map
  }

  // MARK: - Layers

  private mutating func fuse(readers: [[Int]]) throws(InferError) {
    var done = Set<Int>()
    var depthwise: [Int: (part: Depthwise, input: Int, node: Int)] = [:]
    let outputs = Set(graph.outputs.map(\.value.node))

    for (index, node) in graph.nodes.enumerated() {
      guard case .convolution(let convolution) = node.operation else { continue }
      // Follow the chain of single readers: batch norm, activation, sum.
      var end = index
      func next() -> Int? { readers[end].count == 1 && !outputs.contains(end) ? readers[end][0] : nil }
      var batchNorm: String?
      var activation = Graph.Activation.none
      var residual: Int?
      if let reader = next(), graph.nodes[reader].operation == .batchNorm {
        (batchNorm, end) = (graph.nodes[reader].name, reader)
      }
      if let reader = next(), case .activation(let kind) = graph.nodes[reader].operation {
        (activation, end) = (kind, reader)
      }
      if convolution.isDepthwise {
        depthwise[end] = (
          Depthwise(name: node.name, convolution: convolution, batchNorm: batchNorm, activation: activation),
          node.inputs[0], index
        )
        continue
      }
      if let reader = next(), graph.nodes[reader].operation == .add,
        let other = graph.nodes[reader].inputs.first(where: { $0 != end }), done.contains(other)
      {
        (residual, end) = (other, reader)
      }
      var fused = Fused(
        name: node.name, convolution: convolution, batchNorm: batchNorm, activation: activation, residual: residual,
        input: node.inputs[0], output: end, nodes: [index])
      if let before = depthwise[node.inputs[0]] {
        guard convolution.kernel == 1, convolution.stride == 1, readers[node.inputs[0]].count == 1 else {
          throw InferError("layer '\(before.part.name)': a depthwise layer must be followed by one pointwise layer")
        }
        fused.depthwise = before.part
        fused.input = before.input
        fused.nodes = [before.node, index]
        depthwise[node.inputs[0]] = nil
      }
      done.insert(end)
      steps.append(.convolve(fused))
    }
    if let left = depthwise.values.first {
      throw InferError("layer '\(left.part.name)': a depthwise layer must be followed by one pointwise layer")
    }
  }

  private mutating func keepFloats(inFirst count: Int) throws(InferError) {
    firstValues = Set(graph.nodes.indices.filter { graph.nodes[$0].operation == .input })
    guard count < steps.count else {
      throw InferError("\(count) layers are to stay floats; the network has \(steps.count), and bytes need some")
    }
    for case .convolve(let fused) in steps.prefix(count) {
      for value in [fused.input, fused.residual].compactMap({ $0 }) where !firstValues.contains(value) {
        throw InferError("layer '\(fused.name)' cannot stay with floats: it reads more than the layer before it")
      }
      firstValues.insert(fused.output)
    }
  }

  /// Channels and size of a layer, which with its kernel say how long it takes: "64>128, 32x57".
  func shape(of fused: Fused, height: Int, width: Int) -> String {
    "\(channels(of: fused.input))>\(fused.convolution.outputs), \(height)x\(width)"
  }

  /// Whether a value is made of floats where it is computed.
  private func isOfFloats(_ value: Int) -> Bool {
    elements == .floats || firstValues.contains(value) || graph.outputs.contains { $0.value.node == value }
  }

  // MARK: - Places

  private mutating func place(readers: [[Int]], height: Int, width: Int) throws(InferError) {
    let last = graph.nodes.count
    func margin(of value: Int) -> Int {
      readers[value].reduce(0) { widest, reader in
        switch graph.nodes[reader].operation {
        case .convolution(let convolution): max(widest, convolution.kernel / 2 * convolution.dilation)
        case .concatenate: max(widest, margin(of: reader))
        default: widest
        }
      }
    }
    func storage(for value: Int, pixel: Int, isFloats: Bool) -> Storage {
      let size = graph.size(ofNode: value, height: height, width: width)
      // Until lifetimes are known, everything lives for ever.
      return Storage(
        height: size.height, width: size.width, pixel: pixel, margin: margin(of: value),
        elementSize: isFloats ? 4 : elements.size, life: 0...last)
    }

    for (index, node) in graph.nodes.enumerated() where node.operation == .input {
      inputStorage = storages.count
      places[index] = (storages.count, 0)
      storages.append(storage(for: index, pixel: channels(of: index), isFloats: isOfFloats(index)))
    }
    var copies: [(value: Int, storage: Int, channel: Int)] = []
    if elements != .floats {
      // Outputs are read by bytes alone, if at all, and need no margin.
      for output in graph.outputs.map(\.value.node) {
        places[output] = (storages.count, 0)
        var floats = storage(for: output, pixel: Self.padded(graph.nodes[output].channels), isFloats: true)
        floats.margin = 0
        storages.append(floats)
      }
      for case .convolve(let fused) in steps where !computesFloats(fused) {
        for value in [fused.input, fused.residual].compactMap({ $0 })
        where firstValues.contains(value) && bytePlaces[value] == nil {
          bytePlaces[value] = (storages.count, 0)
          copies.append((value, storages.count, 0))
          storages.append(storage(for: value, pixel: channels(of: value), isFloats: false))
        }
      }
    }
    for (index, node) in graph.nodes.enumerated() where node.operation == .concatenate {
      let pixel = node.inputs.reduce(0) { $0 + Self.padded(graph.nodes[$1].channels) }
      places[index] = (storages.count, 0)
      var channel = 0
      for input in node.inputs {
        if places[input] == nil && (elements == .floats || !isOfFloats(input)) {
          places[input] = (storages.count, channel)
        } else {
          copies.append((input, storages.count, channel))
        }
        channel += Self.padded(graph.nodes[input].channels)
      }
      var storage = storage(for: index, pixel: pixel, isFloats: elements == .floats)
      storage.margin = node.inputs.reduce(storage.margin) { max($0, margin(of: $1)) }
      storages.append(storage)
    }

    var ordered: [Step] = []
    for step in steps {
      guard case .convolve(let fused) = step else { continue }
      ordered.append(step)
      if places[fused.output] == nil {
        places[fused.output] = (storages.count, 0)
        let pixel = Self.padded(graph.nodes[fused.output].channels)
        storages.append(storage(for: fused.output, pixel: pixel, isFloats: isOfFloats(fused.output)))
      }
      for copy in copies where copy.value == fused.output {
        ordered.append(.copy(value: copy.value, storage: copy.storage, channel: copy.channel))
      }
    }
    steps = ordered
    for case .convolve(let fused) in steps {
      guard places[fused.input] != nil else {
        throw InferError("layer '\(fused.name)' reads a value that no layer computes")
      }
      for value in [fused.input, fused.residual].compactMap({ $0 })
      where !computesFloats(fused) && byteStorage(of: value).elementSize == 4 {
        throw InferError("layer '\(fused.name)' reads floats that have no bytes")
      }
    }
    limitLives()
  }

  private mutating func limitLives() {
    var lives = [(first: Int, last: Int)?](repeating: nil, count: storages.count)
    func touch(_ storage: Int, at step: Int) {
      let life = lives[storage] ?? (step, step)
      lives[storage] = (min(life.first, step), max(life.last, step))
    }
    for (index, step) in steps.enumerated() {
      switch step {
      case .convolve(let fused):
        if let place = places[fused.output] { touch(place.storage, at: index) }
        for value in [fused.input, fused.residual].compactMap({ $0 }) {
          let place = computesFloats(fused) ? places[value] : bytePlaces[value] ?? places[value]
          if let place { touch(place.storage, at: index) }
        }
      case .copy(let value, let storage, _):
        if let place = places[value] { touch(place.storage, at: index) }
        touch(storage, at: index)
      }
    }
    // The input is written before the first step and its margin stays; outputs are read after the last step.
    touch(inputStorage, at: 0)
    touch(inputStorage, at: steps.count)
    for output in graph.outputs {
      if let place = places[output.value.node] { touch(place.storage, at: steps.count) }
    }
    for (index, life) in lives.enumerated() {
      if let life { storages[index].life = life.first...life.last }
    }
  }

  /// First fit, largest first: values that are never needed at the same time share memory.
  private mutating func pack() {
    var placed: [Int] = []
    for index in storages.indices.sorted(by: { storages[$0].size > storages[$1].size }) {
      var offset = 0
      let neighbours = placed.filter { storages[$0].life.overlaps(storages[index].life) }
        .sorted { storages[$0].offset < storages[$1].offset }
      for neighbour in neighbours where storages[neighbour].offset < offset + storages[index].size {
        offset = max(offset, storages[neighbour].offset + storages[neighbour].size)
      }
      storages[index].offset = offset
      arenaSize = max(arenaSize, offset + storages[index].size)
      placed.append(index)
    }
  }
}
