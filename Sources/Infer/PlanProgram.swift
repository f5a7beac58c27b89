import CKernels

/// A layer of a plan as people see it.
struct PlanStep {
  var name: String
  /// What computes it, e.g. "depthwise 3x3 + 1x1".
  var kernel: String
  var multiplyAdds: Int
}

extension PlanLayout.Fused {
  /// - Parameter isWinograd: by transforms rather than directly.
  func kernelName(isWinograd: Bool) -> String {
    if let depthwise { return "depthwise 3x3\(depthwise.convolution.stride > 1 ? ", stride 2" : "") + 1x1" }
    var name = "\(convolution.kernel)x\(convolution.kernel)"
    if convolution.stride > 1 { name += ", stride \(convolution.stride)" }
    if convolution.dilation > 1 { name += ", dilation \(convolution.dilation)" }
    return isWinograd ? name + ", Winograd" : name
  }
}

/// The part of a plan's input that pixels are written to; around it the input is 0.
struct InputArea: Equatable {
  var left: Int
  var top: Int
  var width: Int
  var height: Int
}

/// What a plan runs: the layers of a network in one kind of numbers.
protocol PlanProgram: AnyObject {
  var steps: [PlanStep] { get }
  /// Pictures of floats, with their channels, padding not counted.
  var outputs: [String: (view: ck_view, channels: Int)] { get }

  /// How the rows of a layer may be dealt out; `nil` for what one thread does alone.
  func division(of step: Int) -> RowDivision?
  /// - Parameter rows: one of the division's choices.
  func setRowsPerTask(_ rows: Int, of step: Int)

  func run(_ step: Int, on pool: OpaquePointer)
  /// Runs a layer and lends its results as floats, pixel by pixel: name, channels, count.
  func run(_ step: Int, on pool: OpaquePointer, observing see: (String, UnsafePointer<Float>, Int) -> Void)

  /// Sets the whole input, its margin included, to what stands for 0.
  func clearInput()
  /// 3 × height × width normalised floats.
  func setInput(planes: UnsafePointer<Float>, height: Int, width: Int)
  /// 8-bit B, G, R pixels, which are normalised as (x - 128) / 256.
  func setInput(bgr pixels: UnsafePointer<UInt8>, bytesPerRow: Int, area: InputArea)
}
