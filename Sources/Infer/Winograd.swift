// When 3 × 3 kernels are computed by Winograd's transforms, and in what pieces; forward, and in training both ways.

extension Graph.Convolution {
  /// Whether Winograd's transforms cost less than the products they save.
  /// - Parameters:
  ///   - inputs: channels of what it reads.
  ///   - height, width: of what it gives.
  package func suitsWinograd(inputs: Int, height: Int, width: Int) -> Bool {
    kernel == 3 && stride == 1 && min(inputs, outputs) >= 32 && min(height, width) >= 4 * dilation
  }

  /// Bytes of a cache that the transforms of a task's input may fill.
  package static let winogradCache = 640 << 10

  /// Bytes that the transforms of a row of tiles take.
  /// - Parameters:
  ///   - depth: channels of what is read, padding included.
  ///   - size: bytes of a number.
  package static func winogradRowBytes(columns: Int, depth: Int, size: Int) -> Int { columns * depth * 36 * size }
}
