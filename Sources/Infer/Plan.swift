import CKernels
import Dispatch

/// A network compiled for one input size: batch norm folded into the weights, bias, activation and residual sum fused into
/// the convolutions, depthwise layers fused with the pointwise ones after them, all activations in one arena, rows split over
/// threads. Running it allocates nothing.
///
/// One plan runs one picture at a time; use it from one thread at a time, or make one plan per stream.
public final class Plan: @unchecked Sendable {
  /// Time and work of one layer in one run.
  public struct LayerTime: Sendable {
    public let name: String
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
  public let multiplyAdds: Int

  private var program: PlanProgram
  private let kernels: UnsafePointer<ck_kernels>
  private let pool: OpaquePointer
  /// The part of the input that pixels were last written to; around it the input is 0.
  private var filled = InputArea(left: 0, top: 0, width: 0, height: 0)

  private struct InputArea: Equatable {
    var left: Int
    var top: Int
    var width: Int
    var height: Int
  }

  /// - Parameters:
  ///   - height, width: of the input in pixels, 8...8192.
  ///   - threads: that share the work, the caller's included.
  ///   - level: a lower level than the processor's, for tests and to see what other machines would do.
  public init(
    _ model: Model, height: Int, width: Int, threads: Int = 1, level: CPULevel = .detected
  ) throws(InferError) {
    guard (8...8192).contains(height), (8...8192).contains(width), height * width <= 1 << 25 else {
      throw InferError("a network input of \(height)x\(width) pixels is not supported")
    }
    guard level <= .detected else {
      throw InferError("this processor has no \(level); it reaches \(CPULevel.detected)")
    }
    guard (1...256).contains(threads) else { throw InferError("\(threads) threads: use 1 to 256") }
    self.model = model
    self.height = height
    self.width = width
    self.level = level
    self.threads = threads
    kernels = ck_kernels_for(level.kernelLevel)
    multiplyAdds = model.graph.multiplyAdds(height: height, width: width)
    (outputHeight, outputWidth) = model.graph.size(
      ofNode: model.graph.outputs[0].value.node, height: height, width: width)
    program = try PlanProgram(model, height: height, width: width, threads: threads, kernels: kernels.pointee)
    guard let pool = ck_pool_create(Int32(threads)) else { throw InferError("could not start \(threads) threads") }
    self.pool = pool
  }

  deinit { ck_pool_destroy(pool) }

  // MARK: - Input

  /// Sets the input from normalised planes: 3 × height × width floats, B, G, R.
  public func setInput(planes: UnsafeBufferPointer<Float>) {
    precondition(planes.count == 3 * height * width, "the plan's input is 3 x \(height) x \(width)")
    ck_view_from_planes(planes.baseAddress, 3, Int32(height), Int32(width), program.input)
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
    var view = program.input
    view.base += top * view.row + left * view.pixel
    ck_normalise_bytes(
      pixels.baseAddress?.assumingMemoryBound(to: UInt8.self), bytesPerRow, Int32(pixelWidth), Int32(pixelHeight), view)
  }

  // MARK: - Running

  public func run() {
    for index in program.steps.indices { run(step: index) }
  }

  /// Runs once and tells the time of every layer.
  public func profile() -> [LayerTime] {
    program.steps.indices.map { index in
      let start = DispatchTime.now().uptimeNanoseconds
      run(step: index)
      let step = program.steps[index]
      return LayerTime(
        name: step.name, multiplyAdds: step.multiplyAdds, nanoseconds: DispatchTime.now().uptimeNanoseconds - start)
    }
  }

  private func run(step index: Int) {
    switch program.steps[index].work {
    case .convolve(var layer): ck_convolve(kernels, pool, &layer)
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
