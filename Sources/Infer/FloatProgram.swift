import CKernels

/// The layers of a plan in 32-bit floats or their upper halves, with packed weights and places in the arena.
///
/// Of halves, the network's outputs are floats all the same.
final class FloatProgram: PlanProgram {
  enum Work {
    case convolve(ck_convolution)
    /// A value that two concatenations hold, or an output that is read as halves.
    case copy(from: ck_view, to: ck_view, size: (height: Int, width: Int, channels: Int), narrows: Bool)
  }

  private(set) var steps: [PlanStep] = []
  private(set) var outputs: [String: (view: ck_view, channels: Int)] = [:]
  private var work: [Work] = []
  private var divisions: [RowDivision?] = []
  private var input = ck_view()
  private let kernels: UnsafePointer<ck_kernels>
  /// Bytes of a number: 4 or 2.
  private let size: Int
  /// What a step computes and the channels that it reads, for those who watch; as many as there are steps.
  private var observed: [(layer: PlanLayout.Fused, channels: [Int])?] = []

  /// Kept alive: the layers point into it.
  private let weights: PackedWeights
  /// All activations and the threads' scratch.
  private let memory: UnsafeMutableRawPointer
  private var inputBytes = 0..<0

  /// - Parameter elements: floats or halves, which the level must have.
  init(
    _ model: Model, height: Int, width: Int, threads: Int, level: CPULevel, of elements: PlanLayout.Elements
  ) throws(InferError) {
    let layout = try PlanLayout(model.graph, height: height, width: width, of: elements)
    kernels = elements == .halves ? ck_bf16_kernels_for(level.kernelLevel) : ck_kernels_for(level.kernelLevel)
    size = elements.size
    weights = model.packed
    var layers: [(layer: ck_convolution, division: RowDivision)] = []
    var scratchSize = 0

    for case .convolve(let fused) in layout.steps {
      let (layer, division, scratch) = Self.layer(
        fused, of: model, in: layout, kernels, height: height, width: width, threads: threads)
      scratchSize = max(scratchSize, scratch)
      layers.append((layer, division))
    }

    // One block of memory: activations, then scratch per thread; every part on its own cache lines.
    scratchSize = (scratchSize + 63) / 64 * 64
    memory = .allocate(byteCount: layout.arenaSize + scratchSize * threads * 4, alignment: 64)
    let scratch = (memory + layout.arenaSize).assumingMemoryBound(to: Float.self)

    let inputPlace = layout.storages[layout.inputStorage]
    inputBytes = inputPlace.offset..<inputPlace.offset + inputPlace.size
    input = inputPlace.view(in: memory, channel: 0)
    for (name, value) in model.graph.outputs {
      outputs[name] = (layout.view(of: value.node, in: memory), model.graph.nodes[value.node].channels)
    }

    var next = 0
    for step in layout.steps {
      switch step {
      case .convolve(let fused):
        var (layer, division) = layers[next]
        next += 1
        layer.in = layout.view(of: fused.input, in: memory)
        layer.out = layout.view(of: fused.output, in: memory)
        if let residual = fused.residual { layer.residual = layout.view(of: residual, in: memory) }
        (layer.scratch, layer.scratch_size) = (scratch, scratchSize)
        let multiplyAdds = fused.nodes.reduce(0) {
          $0 + model.graph.multiplyAdds(ofNode: $1, height: height, width: width)
        }
        let kernel = fused.kernelName(isWinograd: layer.winograd > 0)
        steps.append(PlanStep(name: fused.name, kernel: kernel, multiplyAdds: multiplyAdds))
        work.append(.convolve(layer))
        divisions.append(division)
        observed.append((fused, layout.channelMap(of: fused.input)))
      case .copy(let value, let storage, let channel):
        let size = model.graph.size(ofNode: value, height: height, width: width)
        steps.append(PlanStep(name: "copy", kernel: "copy", multiplyAdds: 0))
        divisions.append(nil)
        observed.append(nil)
        work.append(
          .copy(
            from: layout.view(of: value, in: memory), to: layout.storages[storage].view(in: memory, channel: channel),
            size: (size.height, size.width, PlanLayout.padded(model.graph.nodes[value].channels)),
            narrows: elements == .halves && layout.isFloats(value)))
      }
    }
    clearInput()
  }

  deinit { memory.deallocate() }

  /// A layer with everything but its places in memory, and the floats of scratch that a thread needs for it at most.
  static func layer(
    _ fused: PlanLayout.Fused, of model: Model, in layout: PlanLayout, _ kernels: UnsafePointer<ck_kernels>,
    height: Int, width: Int, threads: Int
  ) -> (layer: ck_convolution, division: RowDivision, scratch: Int) {
    let source = layout.storage(of: fused.input)
    let elementSize = Int(kernels.pointee.size)
    var layer = ck_convolution()
    var scratch = 0
    let size = model.graph.size(ofNode: fused.output, height: height, width: width)
    (layer.height, layer.width) = (Int32(size.height), Int32(size.width))
    layer.activation = fused.activation.kernel
    layer.margin = Int32(layout.storage(of: fused.output).margin)
    layer.gives_floats = elementSize == 2 && layout.isFloats(fused.output)
    let convolution = fused.convolution
    let channelMap = layout.channelMap(of: fused.input)
    let packed: PackedWeights.Layer
    var rowBytes = source.pixel * source.width * elementSize
    if let part = fused.depthwise {
      (layer.stride, layer.depthwise.stride) = (1, Int32(part.convolution.stride))
      layer.depthwise.dilation = Int32(part.convolution.dilation)
      layer.depthwise.activation = part.activation.kernel
      let channels = PlanLayout.padded(part.convolution.outputs)
      layer.depthwise.channels = Int32(channels)
      let depthwise = model.packed.depthwise(part, of: model, channels: channels)
      (layer.depthwise.weights, layer.depthwise.bias) = (depthwise.weights, depthwise.bias)
      packed = model.packed.convolution(
        fused, of: model, channelMap: Array(0..<part.convolution.outputs), channels: channels, pixel: channels,
        block: Int(kernels.pointee.block), size: elementSize)
      rowBytes = channels * size.width * elementSize
    } else if kernels.pointee.winograd_in != nil && channelMap.last == channelMap.count - 1
      && convolution.suitsWinograd(inputs: channelMap.count, height: size.height, width: size.width)
    {
      let depth = layout.channels(of: fused.input)
      layer.winograd = Int32(convolution.dilation)
      packed = model.packed.winograd(
        fused, of: model, inputs: channelMap.count, channels: depth, block: Int(kernels.pointee.block),
        size: elementSize)
    } else {
      layer.stride = Int32(convolution.stride)
      packed = model.packed.convolution(
        fused, of: model, channelMap: channelMap, channels: layout.channels(of: fused.input), pixel: source.pixel,
        block: Int(kernels.pointee.block), size: elementSize)
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
    var division: RowDivision
    if layer.winograd > 0 {
      let columns = Int(ck_winograd_tiles(layer.width, layer.winograd))
      let rows = Int(ck_winograd_tiles(layer.height, layer.winograd))
      division = RowDivision(
        rows: rows,
        rowBytes: Graph.Convolution.winogradRowBytes(columns: columns, depth: packed.depth, size: elementSize),
        cache: Graph.Convolution.winogradCache, threads: threads)
      scratch = Int(ck_winograd_scratch(Int32(division.largest * columns), Int32(packed.depth)))
    } else {
      division = RowDivision(rows: size.height, rowBytes: rowBytes * Int(layer.stride), threads: threads)
      if fused.depthwise != nil { scratch = division.largest * rowBytes / 4 }
    }
    division.shape = layout.shape(of: fused, height: size.height, width: size.width)
    layer.rows_per_task = Int32(division.byRule)
    return (layer, division, scratch)
  }

  func division(of step: Int) -> RowDivision? { divisions[step] }

  func setRowsPerTask(_ rows: Int, of step: Int) {
    guard case .convolve(var layer) = work[step] else { return }
    layer.rows_per_task = Int32(rows)
    work[step] = .convolve(layer)
  }

  func run(_ step: Int, on pool: OpaquePointer) {
    switch work[step] {
    case .convolve(var layer): ck_convolve(kernels, pool, &layer)
    case .copy(let from, let to, let extent, narrows: true):
      ck_bf16_from_view(from, Int32(extent.channels), Int32(extent.height), Int32(extent.width), to)
    case .copy(let from, let to, let extent, narrows: false):
      for row in 0..<extent.height {
        for column in 0..<extent.width {
          let source = UnsafeRawPointer(from.base) + (row * from.row + column * from.pixel) * size
          let target = UnsafeMutableRawPointer(to.base) + (row * to.row + column * to.pixel) * size
          target.copyMemory(from: source, byteCount: extent.channels * size)
        }
      }
    }
  }

  /// Lends the results of a fused depthwise layer too.
  func run(_ step: Int, on pool: OpaquePointer, observing see: (String, UnsafePointer<Float>, Int) -> Void) {
    run(step, on: pool)
    guard case .convolve(var layer) = work[step], let names = observed[step]?.layer else { return }
    func lend(_ name: String, _ numbers: UnsafePointer<Float>, at index: Int, _ count: Int, isFloats: Bool) {
      if isFloats { return see(name, numbers + index, count) }
      let halves = UnsafeRawPointer(numbers).assumingMemoryBound(to: UInt16.self) + index
      see(name, (0..<count).map { ck_float_of(halves[$0]) }, count)
    }
    for y in 0..<Int(layer.height) {
      for x in 0..<Int(layer.width) {
        lend(
          names.name, layer.out.base, at: y * layer.out.row + x * layer.out.pixel, names.convolution.outputs,
          isFloats: size == 4 || layer.gives_floats)
      }
    }
    guard let depthwise = names.depthwise else { return }
    for y in 0..<layer.height {
      kernels.pointee.depthwise(&layer, y, layer.scratch)
      for x in 0..<layer.width {
        lend(
          depthwise.name, layer.scratch, at: Int(x * layer.depthwise.channels), depthwise.convolution.outputs,
          isFloats: size == 4)
      }
    }
  }

  /// Lends what a step that just ran has read for some of its pixels: layer, then for every pixel as many numbers as an
  /// output has weights, in their order ([inputs][kernel][kernel]), or as all outputs have of a depthwise layer.
  func lendInputs(of step: Int, pixels count: Int, to see: (String, [Double]) -> Void) {
    guard case .convolve(var layer) = work[step], let (fused, channels) = observed[step] else { return }
    func patch(_ view: ck_view, _ convolution: Graph.Convolution, y: Int, x: Int) -> [Double] {
      let reach = convolution.kernel / 2
      let center = view.base.advanced(by: y * convolution.stride * view.row + x * convolution.stride * view.pixel)
      return channels.flatMap { channel in
        (-reach...reach).flatMap { down in
          (-reach...reach).map { right in
            Double(center[(down * view.row + right * view.pixel) * convolution.dilation + channel])
          }
        }
      }
    }
    let pixels = Int(layer.height * layer.width)
    let places = (0..<min(count, pixels)).map {
      ($0 * pixels / min(count, pixels)).quotientAndRemainder(dividingBy: Int(layer.width))
    }
    guard let part = fused.depthwise else {
      see(fused.name, places.flatMap { patch(layer.in, fused.convolution, y: $0.quotient, x: $0.remainder) })
      return
    }
    see(part.name, places.flatMap { patch(layer.in, part.convolution, y: $0.quotient, x: $0.remainder) })
    see(
      fused.name,
      places.flatMap { place in
        kernels.pointee.depthwise(&layer, Int32(place.quotient), layer.scratch)
        let pixel = layer.scratch + place.remainder * Int(layer.depthwise.channels)
        return (0..<part.convolution.outputs).map { Double(pixel[$0]) }
      })
  }

  // MARK: - Input

  func clearInput() {
    (memory + inputBytes.lowerBound).initializeMemory(as: UInt8.self, repeating: 0, count: inputBytes.count)
  }

  func setInput(planes: UnsafePointer<Float>, height: Int, width: Int) {
    (size == 4 ? ck_view_from_planes : ck_bf16_from_planes)(planes, 3, Int32(height), Int32(width), input)
  }

  func setInput(bgr pixels: UnsafePointer<UInt8>, bytesPerRow: Int, area: InputArea) {
    var view = input
    let start = UnsafeMutableRawPointer(view.base) + (area.top * view.row + area.left * view.pixel) * size
    view.base = start.assumingMemoryBound(to: Float.self)
    (size == 4 ? ck_normalise_bytes : ck_bf16_normalise_bytes)(
      pixels, bytesPerRow, Int32(area.width), Int32(area.height), view)
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
