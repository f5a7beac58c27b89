import CKernels

/// What a plan executes: the layers in order, with packed weights and places in the arena.
struct PlanProgram: ~Copyable {
  enum Work {
    case convolve(ck_convolution)
    /// A value that two concatenations hold.
    case copy(from: ck_view, to: ck_view, size: (height: Int, width: Int, channels: Int))
  }

  struct Step {
    var name: String
    var multiplyAdds: Int
    var work: Work
  }

  private(set) var steps: [Step] = []
  private(set) var outputs: [String: (view: ck_view, channels: Int)] = [:]
  private(set) var input = ck_view()
  private var inputStorage = 0

  private let weights: PackedWeights
  /// All activations and the threads' scratch.
  private var memory: UnsafeMutablePointer<Float>
  private var inputFloats = 0..<0

  init(_ model: Model, height: Int, width: Int, threads: Int, kernels: ck_kernels) throws(InferError) {
    let layout = try PlanLayout(model.graph, height: height, width: width)
    weights = PackedWeights(block: Int(kernels.block))
    var layers: [(step: PlanLayout.Step, layer: ck_convolution)] = []
    var scratchSize = 0

    for step in layout.steps {
      guard case .convolve(let fused) = step else { continue }
      let source = layout.storage(of: fused.input)
      var layer = ck_convolution()
      let size = model.graph.size(ofNode: fused.output, height: height, width: width)
      (layer.height, layer.width) = (Int32(size.height), Int32(size.width))
      layer.activation = fused.activation.kernel
      layer.margin = Int32(layout.storage(of: fused.output).margin)
      let convolution = fused.convolution
      let channelMap = layout.channelMap(of: fused.input)
      let packed: (weights: UnsafePointer<Float>, bias: UnsafePointer<Float>, depth: Int, taps: Int)
      var rowBytes = source.pixel * source.width * 4
      if let part = fused.depthwise {
        (layer.stride, layer.depthwise.stride) = (1, Int32(part.convolution.stride))
        layer.depthwise.dilation = Int32(part.convolution.dilation)
        layer.depthwise.activation = part.activation.kernel
        let channels = PlanLayout.padded(part.convolution.outputs)
        layer.depthwise.channels = Int32(channels)
        (layer.depthwise.weights, layer.depthwise.bias) = weights.append(
          depthwise: part, of: model, channels: channels)
        packed = weights.append(
          fused, of: model, channelMap: Array(0..<part.convolution.outputs), channels: channels,
          pixel: channels)
        rowBytes = channels * size.width * 4
      } else if kernels.winograd_in != nil && Self.suitsWinograd(convolution, channelMap, size) {
        let depth = layout.channels(of: fused.input)
        layer.winograd = Int32(convolution.dilation)
        packed = weights.append(winograd: fused, of: model, inputs: channelMap.count, channels: depth)
      } else {
        layer.stride = Int32(convolution.stride)
        packed = weights.append(
          fused, of: model, channelMap: channelMap, channels: layout.channels(of: fused.input), pixel: source.pixel)
        let (row, pixel, dilation) = (source.row, source.pixel, convolution.dilation)
        withUnsafeMutableBytes(of: &layer.tap_offset) { bytes in
          let offsets = bytes.bindMemory(to: Int.self)
          guard convolution.kernel == 3 else { return }
          for tap in 0..<packed.taps {
            let isWholeRow = packed.taps == 3
            let (y, x) = isWholeRow ? (tap - 1, -1) : (tap / 3 - 1, tap % 3 - 1)
            offsets[tap] = (y * row + x * pixel) * dilation
          }
        }
      }
      (layer.taps, layer.depth) = (Int32(packed.taps), Int32(packed.depth))
      (layer.weights, layer.bias) = (packed.weights, packed.bias)
      layer.channels = Int32(PlanLayout.padded(convolution.outputs))
      layer.rows_per_task = Int32(
        Self.rowsPerTask(height: size.height, rowBytes: rowBytes * Int(layer.stride), threads: threads))
      if layer.winograd > 0 {
        let columns = Int(ck_winograd_tiles(layer.width, layer.winograd))
        let rows = Int(ck_winograd_tiles(layer.height, layer.winograd))
        layer.rows_per_task = Int32(
          Self.rowsPerTask(height: rows, rowBytes: columns * packed.depth * 36 * 4, cache: 640 << 10, threads: threads))
        scratchSize = max(
          scratchSize, ck_winograd_scratch(layer.rows_per_task * Int32(columns), Int32(packed.depth)))
      } else if fused.depthwise != nil {
        scratchSize = max(scratchSize, Int(layer.rows_per_task) * Int(layer.depthwise.channels) * size.width)
      }
      layers.append((step, layer))
    }

    // One block of memory: activations, then scratch per thread; every part on its own cache lines.
    let scratchStart = layout.arenaSize
    scratchSize = (scratchSize + 63) / 64 * 64
    let total = scratchStart + scratchSize * threads
    let raw = UnsafeMutableRawPointer.allocate(byteCount: total * 4, alignment: 64)
    let memory = raw.bindMemory(to: Float.self, capacity: total)
    self.memory = memory

    inputStorage = layout.inputStorage
    let inputPlace = layout.storages[inputStorage]
    inputFloats = inputPlace.offset..<inputPlace.offset + inputPlace.size
    input = inputPlace.view(in: memory, channel: 0)
    for (name, value) in model.graph.outputs {
      outputs[name] = (layout.view(of: value.node, in: memory), model.graph.nodes[value.node].channels)
    }

    var next = 0
    for step in layout.steps {
      switch step {
      case .convolve(let fused):
        var layer = layers[next].layer
        next += 1
        layer.in = layout.view(of: fused.input, in: memory)
        layer.out = layout.view(of: fused.output, in: memory)
        if let residual = fused.residual { layer.residual = layout.view(of: residual, in: memory) }
        (layer.scratch, layer.scratch_size) = (memory + scratchStart, scratchSize)
        let multiplyAdds = fused.nodes.reduce(0) {
          $0 + model.graph.multiplyAdds(ofNode: $1, height: height, width: width)
        }
        steps.append(Step(name: fused.name, multiplyAdds: multiplyAdds, work: .convolve(layer)))
      case .copy(let value, let storage, let channel):
        let size = model.graph.size(ofNode: value, height: height, width: width)
        steps.append(
          Step(
            name: "copy", multiplyAdds: 0,
            work: .copy(
              from: layout.view(of: value, in: memory), to: layout.storages[storage].view(in: memory, channel: channel),
              size: (size.height, size.width, PlanLayout.padded(model.graph.nodes[value].channels)))))
      }
    }
    clearInput()
  }

  deinit { memory.deallocate() }

  /// Sets the whole input, its margin included, to 0.
  func clearInput() {
    (memory + inputFloats.lowerBound).update(repeating: 0, count: inputFloats.count)
  }

  /// Whether Winograd's transforms cost less than the products they save: with many channels and more than a tile of pixels.
  private static func suitsWinograd(
    _ convolution: Graph.Convolution, _ channelMap: [Int], _ size: (height: Int, width: Int)
  ) -> Bool {
    convolution.kernel == 3 && convolution.stride == 1 && channelMap.count >= 32 && convolution.outputs >= 32
      && channelMap.last == channelMap.count - 1 && min(size.height, size.width) >= 4 * convolution.dilation
  }

  /// As many rows as a good part of a core's L2 cache holds, but enough tasks to keep every thread busy to the end.
  private static func rowsPerTask(height: Int, rowBytes: Int, cache: Int = 256 << 10, threads: Int) -> Int {
    let cached = max(1, cache / max(1, rowBytes))
    let balanced = threads == 1 ? height : max(1, height / (threads * 4))
    return min(cached, balanced, height)
  }
}

extension Graph.Activation {
  package var kernel: ck_activation {
    switch self {
    case .none: ck_activation_none
    case .relu: ck_activation_relu
    case .elu: ck_activation_elu
    }
  }
}
