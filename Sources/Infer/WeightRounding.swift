import COpenBLAS

/// Mean products of what a layer's weights are multiplied by, for every two weights of an output channel.
struct InputMoments: Sendable {
  /// Weights of an output channel.
  let size: Int
  /// Output channels with inputs of their own: 1 but for depthwise layers.
  let groups: Int
  /// [groups][size][size], the lower triangle; sums over `count` pixels.
  private(set) var sums: [Double]
  private(set) var count = 0

  /// - Parameter weights: the shape of the layer's weights, [outputs][inputs][kernel][kernel].
  init(weights shape: [Int]) {
    size = shape.dropFirst().reduce(1, *)
    groups = shape.count == 4 && shape[1] == 1 ? shape[0] : 1
    sums = [Double](repeating: 0, count: groups * size * size)
  }

  /// - Parameter values: [pixels][groups][size].
  mutating func add(_ values: [Double]) {
    let (size, groups) = (size, groups)
    let pixels = values.count / (groups * size)
    guard pixels > 0 else { return }
    count += pixels
    sums.withUnsafeMutableBufferPointer { sums in
      values.withUnsafeBufferPointer { values in
        guard let sums = sums.baseAddress, let values = values.baseAddress else { return }
        for group in 0..<groups {
          cblas_dsyrk(
            CblasRowMajor, CblasLower, CblasTrans, blasint(size), blasint(pixels), 1, values + group * size,
            blasint(groups * size), 1, sums + group * size * size, blasint(size))
        }
      }
    }
  }

  /// The whole matrix of a group, in which input i is counted in units of `scales[i]`.
  func matrix(_ group: Int, scales: [Float]) -> [Double] {
    var matrix = [Double](repeating: 0, count: size * size)
    for row in 0..<size {
      for column in 0...row {
        let mean = sums[(group * size + row) * size + column] / Double(max(1, count))
        let value = mean / Double(scales[row] * scales[column])
        matrix[row * size + column] = value
        matrix[column * size + row] = value
      }
    }
    return matrix
  }
}

extension Calibration {
  /// Weights as bytes, rounded so that what the layers compute from inputs like those that were observed changes least: every
  /// weight's rounding error is made up for by the weights that are still to be rounded, as far as their inputs go together
  /// (Frantar et al., "GPTQ: Accurate Post-Training Quantization for Generative Pre-trained Transformers", ICLR 2023).
  /// - Parameter model: with ranges.
  /// - Returns: by layer, in the order of its weights.
  public func roundedWeights(of model: Model) throws(InferError) -> [String: [Int8]] {
    let layout = try PlanLayout(model.graph, height: 64, width: 64, of: .bytes(after: model.floatLayers))
    let codes = try Codes(model, layout)
    var result: [String: [Int8]] = [:]
    func round(
      _ name: String, _ batchNorm: String?, _ convolution: Graph.Convolution, scales: [Float]
    ) {
      guard let inputs = inputs[name], inputs.count > 0 else { return }
      let (fold, _) = PackedWeights.fold(
        model, name: name, batchNorm: batchNorm, outputs: convolution.outputs, hasBias: convolution.hasBias)
      let weights = model.values("\(name).weight")
      let places = convolution.kernel * convolution.kernel
      var bytes: [Int8] = []
      for group in 0..<inputs.groups {
        let outputs = inputs.groups > 1 ? group..<group + 1 : 0..<convolution.outputs
        let own = inputs.groups > 1 ? [scales[group]] : scales
        let units = outputs.map { output in
          let (values, unit) = PackedWeights.row(output, of: weights, fold[output], scales: own, places: places)
          return values.map { Double($0 / unit) }
        }
        let matrix = inputs.matrix(group, scales: own.flatMap { [Float](repeating: $0, count: places) })
        bytes += Self.rounded(units, matrix).joined()
      }
      result[name] = bytes
    }
    for case .convolve(let fused) in layout.steps where !layout.computesFloats(fused) {
      if let part = fused.depthwise {
        let (before, after) = (try codes.code(of: fused.input), codes.depthwise[part.name]?.scales ?? [])
        round(part.name, part.batchNorm, part.convolution, scales: before.scales)
        round(fused.name, fused.batchNorm, fused.convolution, scales: after)
      } else {
        round(fused.name, fused.batchNorm, fused.convolution, scales: codes.inputs[fused.input]?.map(\.scale) ?? [])
      }
    }
    return result
  }

  /// - Parameters:
  ///   - units: by output channel, what bytes are wanted for.
  ///   - moments: of the inputs, a square matrix.
  static func rounded(_ units: [[Double]], _ moments: [Double]) -> [[Int8]] {
    let (outputs, size) = (units.count, units.first?.count ?? 0)
    func byte(_ value: Double) -> Int8 { value.isFinite ? Int8(max(-127, min(127, value.rounded()))) : 0 }
    // The largest inputs first: what is left over falls on those that matter little.
    let order = (0..<size).sorted { moments[$0 * size + $0] > moments[$1 * size + $1] }
    guard let factor = inverseFactor(moments, order) else { return units.map { $0.map(byte) } }
    var result = [[Int8]](repeating: [Int8](repeating: 0, count: size), count: outputs)
    // [size][outputs]
    var rest = order.flatMap { place in units.map { $0[place] } }
    var errors = [Double](repeating: 0, count: outputs)
    for (index, place) in order.enumerated() {
      for output in 0..<outputs {
        let wanted = rest[index * outputs + output]
        result[output][place] = byte(wanted)
        errors[output] = (wanted - Double(result[output][place])) / factor[index * size + index]
      }
      guard index + 1 < size else { break }
      rest.withUnsafeMutableBufferPointer { rest in
        factor.withUnsafeBufferPointer { factor in
          guard let rest = rest.baseAddress, let factor = factor.baseAddress else { return }
          cblas_dger(
            CblasRowMajor, blasint(size - index - 1), blasint(outputs), -1, factor + (index + 1) * size + index,
            blasint(size), errors, 1, rest + (index + 1) * outputs, blasint(outputs))
        }
      }
    }
    return result
  }

  /// The upper Cholesky factor of the inverse, columns one after another; `nil` if there is none.
  private static func inverseFactor(_ moments: [Double], _ order: [Int]) -> [Double]? {
    let size = order.count
    guard moments.allSatisfy(\.isFinite) else { return nil }
    var matrix = order.flatMap { row in order.map { moments[row * size + $0] } }
    // Inputs that were hardly seen, or always together, must not make the matrix singular.
    let mean = (0..<size).reduce(0) { $0 + matrix[$1 * size + $1] } / Double(max(1, size))
    for index in 0..<size { matrix[index * size + index] += 0.01 * mean + 1e-12 }
    var (count, status) = (Int32(size), Int32(0))
    dpotrf_("L", &count, &matrix, &count, &status)
    guard status == 0 else { return nil }
    dpotri_("L", &count, &matrix, &count, &status)
    guard status == 0 else { return nil }
    for column in 0..<size {
      for row in column..<size { matrix[row * size + column] = matrix[column * size + row] }
    }
    dpotrf_("U", &count, &matrix, &count, &status)
    return status == 0 ? matrix : nil
  }
}
