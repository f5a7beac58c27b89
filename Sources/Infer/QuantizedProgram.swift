import CKernels

/// The layers of a plan in bytes, with packed weights and places in the arena; the network's outputs are floats, and so are
/// the results of as many of the first layers as the model says.
final class QuantizedProgram: PlanProgram {
  private enum Work {
    case convolve(ck_q8_convolution)
    case convolveFloats(ck_convolution)
    /// Floats that layers of bytes read.
    case quantize(ck_q8_quantization)
    /// A value that two concatenations hold.
    case copy(from: ck_bytes, to: ck_bytes, size: (height: Int, width: Int, channels: Int))
  }

  private(set) var steps: [PlanStep] = []
  private(set) var outputs: [String: (view: ck_view, channels: Int)] = [:]
  private var work: [Work] = []
  private var divisions: [RowDivision?] = []
  /// Code and channels of what a step computes, for those who watch.
  private var observed: [Int: (code: Quantization, channels: Int)] = [:]
  private var input = Input.bytes(ck_bytes())
  private var inputBytes = 0..<0
  private let kernels: UnsafePointer<ck_q8_kernels>
  private let floatKernels: UnsafePointer<ck_kernels>
  /// Kept alive: the layers point into it.
  private let weights: PackedWeights
  private let memory: UnsafeMutableRawPointer

  init(_ model: Model, height: Int, width: Int, threads: Int, level: CPULevel) throws(InferError) {
    let layout = try PlanLayout(model.graph, height: height, width: width, of: .bytes(after: model.floatLayers))
    kernels = ck_q8_kernels_for(level.kernelLevel)
    let codes = try Codes(model, layout, for: kernels)
    floatKernels = ck_kernels_for(level.kernelLevel)
    weights = model.packed
    // Bytes.
    var scratchSize = 0
    var layers: [(work: Work, division: RowDivision)] = []
    for case .convolve(let fused) in layout.steps {
      if layout.computesFloats(fused) {
        let (layer, division, scratch) = FloatProgram.layer(
          fused, of: model, in: layout, floatKernels, height: height, width: width, threads: threads)
        scratchSize = max(scratchSize, 4 * scratch)
        layers.append((.convolveFloats(layer), division))
        continue
      }
      let (layer, division, scratch) = Self.layer(
        fused, of: model, in: layout, codes, kernels, height: height, width: width, threads: threads)
      scratchSize = max(scratchSize, scratch)
      layers.append((.convolve(layer), division))
    }

    scratchSize = (scratchSize + 255) / 256 * 256
    memory = .allocate(byteCount: layout.arenaSize + scratchSize * threads, alignment: 64)
    let scratch = memory + layout.arenaSize
    let place = layout.storages[layout.inputStorage]
    inputBytes = place.offset..<place.offset + place.size
    input =
      model.floatLayers > 0
      ? .floats(place.view(in: memory, channel: 0)) : .bytes(place.bytes(in: memory, channel: 0))
    for (name, value) in model.graph.outputs {
      outputs[name] = (layout.view(of: value.node, in: memory), model.graph.nodes[value.node].channels)
    }

    var next = layers.startIndex
    for step in layout.steps {
      switch step {
      case .convolve(let fused):
        observed[steps.count] = (try codes.code(of: fused.output), fused.convolution.outputs)
        let multiplyAdds = fused.nodes.reduce(0) {
          $0 + model.graph.multiplyAdds(ofNode: $1, height: height, width: width)
        }
        var isWinograd = false
        divisions.append(layers[next].division)
        switch layers[next].work {
        case .convolve(var layer):
          layer.in = layout.bytes(of: fused.input, in: memory)
          if layout.isFloats(fused.output) {
            layer.floats = layout.view(of: fused.output, in: memory)
          } else {
            layer.out = layout.bytes(of: fused.output, in: memory)
          }
          if let residual = fused.residual { layer.residual = layout.bytes(of: residual, in: memory) }
          (layer.scratch, layer.scratch_size) = (scratch.assumingMemoryBound(to: UInt8.self), scratchSize)
          isWinograd = layer.winograd > 0
          work.append(.convolve(layer))
        case .convolveFloats(var layer):
          layer.in = layout.view(of: fused.input, in: memory)
          layer.out = layout.view(of: fused.output, in: memory)
          if let residual = fused.residual { layer.residual = layout.view(of: residual, in: memory) }
          (layer.scratch, layer.scratch_size) = (scratch.assumingMemoryBound(to: Float.self), scratchSize / 4)
          isWinograd = layer.winograd > 0
          work.append(.convolveFloats(layer))
        default: preconditionFailure("layers are convolutions")
        }
        let kernel = fused.kernelName(isWinograd: isWinograd) + (layout.computesFloats(fused) ? ", f32" : "")
        steps.append(PlanStep(name: fused.name, kernel: kernel, multiplyAdds: multiplyAdds))
        next += 1
      case .copy(let value, let storage, let channel):
        let size = model.graph.size(ofNode: value, height: height, width: width)
        let whole = (size.height, size.width, PlanLayout.padded(model.graph.nodes[value].channels))
        let target = layout.storages[storage].bytes(in: memory, channel: channel)
        steps.append(PlanStep(name: "copy", kernel: "copy", multiplyAdds: 0))
        divisions.append(nil)
        if layout.isFloats(value) {
          let code = try codes.code(of: value)
          let factors = weights.factors(
            code.scales.map { 1 / $0 }, padTo: whole.2, key: "to the bytes of \(value)")
          // Beside other parts of a concatenation there is no margin to fill.
          let isWhole = layout.storages[storage].pixel == whole.2
          work.append(
            .quantize(
              ck_q8_quantization(
                in: layout.view(of: value, in: memory), out: target, height: Int32(size.height),
                width: Int32(size.width), channels: Int32(whole.2), factor: factors, zero: code.zero,
                margin: isWhole ? Int32(layout.storages[storage].margin) : 0)))
        } else {
          work.append(.copy(from: layout.bytes(of: value, in: memory), to: target, size: whole))
        }
      }
    }
    clearInput()
  }

  deinit { memory.deallocate() }

  /// A layer with everything but its places in memory, and the bytes of scratch that a thread needs for it at most.
  private static func layer(
    _ fused: PlanLayout.Fused, of model: Model, in layout: PlanLayout, _ codes: Codes,
    _ kernels: UnsafePointer<ck_q8_kernels>, height: Int, width: Int, threads: Int
  ) -> (layer: ck_q8_convolution, division: RowDivision, scratch: Int) {
    let source = layout.byteStorage(of: fused.input)
    let size = model.graph.size(ofNode: fused.output, height: height, width: width)
    let convolution = fused.convolution
    var layer = ck_q8_convolution()
    (layer.height, layer.width) = (Int32(size.height), Int32(size.width))
    layer.margin = Int32(layout.storage(of: fused.output).margin)
    layer.channels = Int32(PlanLayout.padded(convolution.outputs))
    layer.stride = fused.depthwise == nil ? Int32(convolution.stride) : 1

    var rowBytes = source.pixel * source.width
    var form = PackedWeights.QuantizedForm(
      inputs: codes.inputs[fused.input] ?? [], channels: layout.channels(of: fused.input), pixel: source.pixel,
      output: layout.isFloats(fused.output) ? nil : codes.values[fused.output],
      scalesLater: fused.activation == .elu)
    if let part = fused.depthwise, let before = codes.values[fused.input], let after = codes.depthwise[part.name] {
      let channels = PlanLayout.padded(part.convolution.outputs)
      let packed = model.packed.quantized(
        part, of: model, input: before, output: after, channels: channels, kernels: kernels)
      layer.depthwise = ck_q8_depthwise(
        weights: packed.weights,
        finish: ck_q8_finish(
          scale: packed.scale, bias: packed.bias, activation: part.activation.kernel,
          factor: part.activation == .elu ? 1 / after.scales[0] : 1, zero: after.zero),
        most: after.most, channels: Int32(channels), stride: Int32(part.convolution.stride),
        dilation: Int32(part.convolution.dilation))
      (form.inputs, form.channels, form.pixel) = (
        after.scales.indices.map { after.input(channel: $0, of: $0) }, channels, channels
      )
      form.has7Bits = after.most <= Float(ck_q8_most_of_7_bits)
      rowBytes = channels * size.width
    }
    form.suitsWinograd =
      fused.depthwise == nil && kernels.pointee.winograd_in != nil
      && convolution.suitsWinograd(inputs: form.inputs.count, height: size.height, width: size.width)
    let packed = model.packed.quantized(fused, of: model, form, kernels: kernels)
    (layer.taps, layer.depth) = (Int32(packed.taps), Int32(packed.depth))
    layer.weights = packed.weights
    layer.finish = ck_q8_finish(
      scale: packed.scale, bias: packed.bias, activation: fused.activation.kernel,
      factor: fused.activation == .elu ? 1 / (form.output?.scales[0] ?? 1) : 1, zero: form.output?.zero ?? 0)
    if let residual = fused.residual, let code = codes.values[residual], let output = form.output {
      layer.residual_zero = code.zero
      layer.residual_factor = model.packed.factors(
        zip(code.scales, output.scales).map { $0 / $1 }, padTo: Int(layer.channels), key: fused.name)
    }
    if packed.isWinograd { layer.winograd = Int32(convolution.dilation) }
    if convolution.kernel == 3 && !packed.isWinograd {
      let (row, pixel, dilation) = (source.row, source.pixel, convolution.dilation)
      withUnsafeMutableBytes(of: &layer.tap_offset) { bytes in
        let offsets = bytes.bindMemory(to: Int.self)
        for tap in 0..<packed.taps {
          let (y, x) = packed.taps == 3 ? (tap - 1, -1) : (tap / 3 - 1, tap % 3 - 1)
          offsets[tap] = (y * row + x * pixel) * dilation
        }
      }
    }
    var division = RowDivision(rows: size.height, rowBytes: rowBytes * Int(layer.stride), threads: threads)
    if packed.isWinograd {
      let columns = Int(ck_winograd_tiles(layer.width, layer.winograd))
      division = RowDivision(
        rows: Int(ck_winograd_tiles(layer.height, layer.winograd)),
        rowBytes: Graph.Convolution.winogradRowBytes(columns: columns, depth: packed.depth, size: 2),
        cache: Graph.Convolution.winogradCache, threads: threads)
    }
    division.shape = layout.shape(of: fused, height: size.height, width: size.width)
    layer.rows_per_task = Int32(division.byRule)
    let input = ck_bytes(base: nil, row: source.row, pixel: source.pixel)
    return (layer, division, ck_q8_scratch(kernels, &layer, input, Int32(division.largest)))
  }

  func division(of step: Int) -> RowDivision? { divisions[step] }

  func setRowsPerTask(_ rows: Int, of step: Int) {
    switch work[step] {
    case .convolve(var layer):
      layer.rows_per_task = Int32(rows)
      work[step] = .convolve(layer)
    case .convolveFloats(var layer):
      layer.rows_per_task = Int32(rows)
      work[step] = .convolveFloats(layer)
    case .quantize, .copy: break
    }
  }

  func run(_ step: Int, on pool: OpaquePointer) {
    switch work[step] {
    case .convolve(var layer): ck_q8_convolve(kernels, pool, &layer)
    case .convolveFloats(var layer): ck_convolve(floatKernels, pool, &layer)
    case .quantize(var picture): ck_q8_quantize(kernels, pool, &picture)
    case .copy(let from, let to, let size):
      for row in 0..<size.height {
        for column in 0..<size.width {
          let source = from.base.advanced(by: row * from.row + column * from.pixel)
          let target = to.base.advanced(by: row * to.row + column * to.pixel)
          target.update(from: source, count: size.channels)
        }
      }
    }
  }

  func run(_ step: Int, on pool: OpaquePointer, observing see: (String, UnsafePointer<Float>, Int) -> Void) {
    run(step, on: pool)
    guard let (code, channels) = observed[step] else { return }
    if case .convolveFloats(let layer) = work[step] {
      for y in 0..<Int(layer.height) {
        for x in 0..<Int(layer.width) {
          see(steps[step].name, layer.out.base.advanced(by: y * layer.out.row + x * layer.out.pixel), channels)
        }
      }
    }
    guard case .convolve(let layer) = work[step] else { return }
    var values = [Float](repeating: 0, count: channels)
    for y in 0..<Int(layer.height) {
      for x in 0..<Int(layer.width) {
        for channel in 0..<channels {
          values[channel] =
            layer.floats.base != nil
            ? layer.floats.base[y * layer.floats.row + x * layer.floats.pixel + channel]
            : (Float(layer.out.base[y * layer.out.row + x * layer.out.pixel + channel]) - code.zero)
              * code.scales[channel]
        }
        see(steps[step].name, values, channels)
      }
    }
  }

  // MARK: - Input

  private enum Input {
    case bytes(ck_bytes)
    case floats(ck_view)
  }

  func clearInput() {
    var zero = UInt8(Quantization.pictures.zero)
    if case .floats = input { zero = 0 }
    (memory + inputBytes.lowerBound).initializeMemory(as: UInt8.self, repeating: zero, count: inputBytes.count)
  }

  func setInput(planes: UnsafePointer<Float>, height: Int, width: Int) {
    guard case .bytes(let input) = input else {
      if case .floats(let view) = input { ck_view_from_planes(planes, 3, Int32(height), Int32(width), view) }
      return
    }
    let code = Quantization.pictures
    for channel in 0..<3 {
      for y in 0..<height {
        let row = input.base + (y * input.row + channel)
        for x in 0..<width {
          let value = planes[(channel * height + y) * width + x]
          let byte = (value / code.scales[channel] + code.zero).rounded(.toNearestOrEven)
          // What is not a number becomes 0.
          row[x * input.pixel] = byte > 0 ? UInt8(min(255, byte)) : 0
        }
      }
    }
  }

  func setInput(bgr pixels: UnsafePointer<UInt8>, bytesPerRow: Int, area: InputArea) {
    switch input {
    case .bytes(var target):
      target.base += area.top * target.row + area.left * target.pixel
      ck_q8_pixels(pixels, bytesPerRow, Int32(area.width), Int32(area.height), target)
    case .floats(var target):
      target.base += area.top * target.row + area.left * target.pixel
      ck_normalise_bytes(pixels, bytesPerRow, Int32(area.width), Int32(area.height), target)
    }
  }
}

/// How the bytes of every value are to be read.
struct Codes {
  /// By the node that computes the value, concatenations excepted.
  var values: [Int: Quantization] = [:]
  var depthwise: [String: Quantization] = [:]
  /// Every channel of a layer's input.
  var inputs: [Int: [InputChannel]] = [:]

  /// - Parameter kernels: whether a depthwise part's bytes have 7 bits depends on them; `nil` if it does not matter.
  init(
    _ model: Model, _ layout: PlanLayout, for kernels: UnsafePointer<ck_q8_kernels>? = nil
  ) throws(InferError) {
    // Layers of so many channels have most of the work. Next to the floats, in the first layers, the eighth bit matters more.
    var layer = 0
    func has7Bits(_ channels: Int) -> Bool {
      channels >= 256 && layer >= model.floatLayers + 3 && kernels?.pointee.convolve_7_bits != nil
    }
    func code(
      _ layer: String, _ channels: Int, isShared: Bool, most: Float = 255
    ) throws(InferError) -> Quantization {
      guard let ranges = model.ranges[layer], ranges.count == channels else {
        throw InferError(
          model.ranges.isEmpty
            ? "\(model.name) was not calibrated for int8; 'posecam quantize' does that"
            : "\(model.name): no range for layer '\(layer)'; 'posecam quantize' makes them anew")
      }
      return Quantization(ranges, isShared: isShared, most: most)
    }
    let graph = model.graph
    for (index, node) in graph.nodes.enumerated() where node.operation == .input { values[index] = .pictures }
    for case .convolve(let fused) in layout.steps {
      defer { layer += 1 }
      // An ELU's results are brought to their scale by one factor.
      values[fused.output] = try code(fused.name, fused.convolution.outputs, isShared: fused.activation == .elu)
      guard let part = fused.depthwise else { continue }
      depthwise[part.name] = try code(
        part.name, part.convolution.outputs, isShared: part.activation == .elu,
        most: has7Bits(part.convolution.outputs) ? Float(ck_q8_most_of_7_bits) : 255)
    }
    for case .convolve(let fused) in layout.steps {
      let node = graph.nodes[fused.input]
      let parts = node.operation == .concatenate ? node.inputs : [fused.input]
      let map = layout.channelMap(of: fused.input)
      var result: [InputChannel] = []
      for part in parts {
        let code = try self.code(of: part)
        for channel in code.scales.indices { result.append(code.input(channel: map[result.count], of: channel)) }
      }
      inputs[fused.input] = result
    }
  }

  func code(of value: Int) throws(InferError) -> Quantization {
    guard let code = values[value] else { throw InferError("value \(value) of the network has no range of bytes") }
    return code
  }
}
