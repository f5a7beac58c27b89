import CKernels
import Dispatch

/// A network compiled for one input size and one kind of numbers: batch norm folded into the weights, bias, activation and
/// residual sum fused into the convolutions, depthwise layers fused with the pointwise ones after them, all activations in one
/// arena, rows split over threads. Running it allocates nothing.
///
/// One plan runs one picture at a time; use it from one thread at a time, or make one plan per stream.
public final class Plan: @unchecked Sendable {
  /// Time and work of one layer in one run.
  public struct LayerTime: Sendable {
    public let name: String
    /// What computes it, e.g. "depthwise 3x3 + 1x1".
    public let kernel: String
    public let multiplyAdds: Int
    public var nanoseconds: UInt64
  }

  public let model: Model
  /// Input size in pixels.
  public let height: Int
  public let width: Int
  /// Cells of the output maps.
  public let outputHeight: Int
  public let outputWidth: Int
  public let level: CPULevel
  public let threads: Int
  public let precision: Precision
  public let multiplyAdds: Int

  let program: any PlanProgram
  private let pool: OpaquePointer
  /// The part of the input that pixels were last written to.
  private var filled = InputArea(left: 0, top: 0, width: 0, height: 0)

  /// - Parameters:
  ///   - height, width: of the input in pixels, 8...8192.
  ///   - threads: that share the work, the caller's included.
  ///   - level: a lower level than the processor's, for tests and to see what other machines would do.
  ///   - precision: `.int8` needs a model that was calibrated for it.
  ///   - autotuning: what decides how layers are divided; by their sizes if there is none.
  public init(
    _ model: Model, height: Int, width: Int, threads: Int = 1, level: CPULevel = .detected, precision: Precision = .f32,
    autotuning: Autotuning? = nil
  ) throws(InferError) {
    guard (8...8192).contains(height), (8...8192).contains(width), height * width <= 1 << 25 else {
      throw InferError("a network input of \(height)x\(width) pixels is not supported")
    }
    guard CPULevel.available.contains(level) else {
      let levels = CPULevel.available.map { "\($0)" }.joined(separator: ", ")
      throw InferError("this processor has no \(level); it has \(levels)")
    }
    guard precision != .bf16 || level.hasHalves else {
      throw InferError(
        "\(level == .detected ? "this processor" : "the level \(level)") has no bf16 products (AVX512-BF16 or AMX); "
          + "\(model.name) runs in \(model.precisions(at: level).map(\.rawValue).joined(separator: ", ")) there")
    }
    guard (1...256).contains(threads) else { throw InferError("\(threads) threads: use 1 to 256") }
    self.model = model
    self.height = height
    self.width = width
    self.level = level
    self.threads = threads
    self.precision = precision
    multiplyAdds = model.graph.multiplyAdds(height: height, width: width)
    (outputHeight, outputWidth) = model.graph.size(
      ofNode: model.graph.outputs[0].value.node, height: height, width: width)
    switch precision {
    case .f32, .bf16:
      program = try FloatProgram(
        model, height: height, width: width, threads: threads, level: level,
        of: precision == .bf16 ? .halves : .floats)
    case .int8: program = try QuantizedProgram(model, height: height, width: width, threads: threads, level: level)
    }
    guard let pool = ck_pool_create(Int32(threads)) else { throw InferError("could not start \(threads) threads") }
    self.pool = pool
    autotuning?.tune(program, prefix: "\(precision), \(level), threads \(threads)", on: pool)
  }

  deinit { ck_pool_destroy(pool) }

  // MARK: - Input

  /// Sets the input from normalised planes: 3 × height × width floats, B, G, R.
  public func setInput(planes: UnsafeBufferPointer<Float>) {
    precondition(planes.count == 3 * height * width, "the plan's input is 3 x \(height) x \(width)")
    if let planes = planes.baseAddress { program.setInput(planes: planes, height: height, width: width) }
    filled = InputArea(left: 0, top: 0, width: width, height: height)
  }

  /// Sets the input from 8-bit B, G, R pixels, normalised as (x - 128) / 256; what they do not cover becomes 0.
  /// - Parameters:
  ///   - pixels: `pixelHeight` rows of `bytesPerRow` bytes, the last may be shorter.
  ///   - left, top: where the pixels go in the input.
  public func setInput(
    bgr pixels: UnsafeRawBufferPointer, bytesPerRow: Int, width pixelWidth: Int, height pixelHeight: Int, left: Int,
    top: Int
  ) {
    let area = InputArea(left: left, top: top, width: pixelWidth, height: pixelHeight)
    precondition(
      left >= 0 && top >= 0 && left + pixelWidth <= width && top + pixelHeight <= height, "\(area) leaves the input")
    precondition(
      bytesPerRow >= 3 * pixelWidth && pixels.count >= (pixelHeight - 1) * bytesPerRow + 3 * pixelWidth,
      "\(pixels.count) bytes do not hold \(area)")
    if area != filled {
      program.clearInput()
      filled = area
    }
    guard let pixels = pixels.baseAddress else { return }
    program.setInput(bgr: pixels.assumingMemoryBound(to: UInt8.self), bytesPerRow: bytesPerRow, area: area)
  }

  // MARK: - Running

  public func run() {
    for step in program.steps.indices { program.run(step, on: pool) }
  }

  /// Runs once and tells the time of every layer.
  public func profile() -> [LayerTime] {
    program.steps.indices.map { index in
      let start = DispatchTime.now().uptimeNanoseconds
      program.run(index, on: pool)
      let step = program.steps[index]
      return LayerTime(
        name: step.name, kernel: step.kernel, multiplyAdds: step.multiplyAdds,
        nanoseconds: DispatchTime.now().uptimeNanoseconds - start)
    }
  }

  /// Runs once and lends every layer's results, pixel by pixel: name, channels, count.
  func run(observing see: (String, UnsafePointer<Float>, Int) -> Void) {
    for step in program.steps.indices { program.run(step, on: pool, observing: see) }
  }

  /// Runs once and lends what the layers read for some of their pixels; see `FloatProgram.lendInputs`.
  func run(pixels: Int, lendingInputs see: (String, [Double]) -> Void) {
    guard precision == .f32, let program = program as? FloatProgram else {
      preconditionFailure("inputs are lent by plans of floats")
    }
    for step in program.steps.indices {
      program.run(step, on: pool)
      program.lendInputs(of: step, pixels: pixels, to: see)
    }
  }

  /// Distance of one layer's results from the right ones, summed over all values.
  public struct LayerError: Sendable {
    public let name: String
    public let squaredError: Double
    public let squaredSignal: Double
  }

  /// Runs two plans of one network on what they have as input, and compares the layers' results, the first one's being right.
  public static func compare(_ first: Plan, _ second: Plan) -> [LayerError] {
    func results(_ plan: Plan) -> [String: [Float]] {
      var results: [String: [Float]] = [:]
      plan.run { name, values, count in
        results[name, default: []].append(contentsOf: UnsafeBufferPointer(start: values, count: count))
      }
      return results
    }
    let (right, other) = (results(first), results(second))
    return first.program.steps.compactMap { step in
      guard let right = right[step.name], let other = other[step.name], right.count == other.count else { return nil }
      var (error, signal) = (0.0, 0.0)
      for (a, b) in zip(right, other) {
        error += Double((a - b) * (a - b))
        signal += Double(a * a)
      }
      return LayerError(name: step.name, squaredError: error, squaredSignal: signal)
    }
  }

  // MARK: - Output

  /// Copies an output, e.g. `stage1_heatmaps`, into planes: channels × outputHeight × outputWidth floats.
  public func copyOutput(_ name: String, into planes: inout [Float]) throws(InferError) {
    guard let output = program.outputs[name] else {
      throw InferError(
        "the network has no output '\(name)'; it has \(program.outputs.keys.sorted().joined(separator: ", "))")
    }
    let count = output.channels * outputHeight * outputWidth
    if planes.count != count { planes = [Float](repeating: 0, count: count) }
    planes.withUnsafeMutableBufferPointer {
      ck_planes_from_view(
        output.view, Int32(output.channels), Int32(outputHeight), Int32(outputWidth), $0.baseAddress)
    }
  }
}
