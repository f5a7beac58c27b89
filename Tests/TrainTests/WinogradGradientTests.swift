import CKernels
import Infer
import TestSupport
import Testing

@testable import Train

/// The gradient of 3 × 3 kernels by Winograd's transforms, beside the direct sum.
struct WinogradGradientTests {
  /// Pictures with zeros around them as far as the kernel reaches.
  private struct Padded {
    let (count, height, width, depth, margin): (Int, Int, Int, Int, Int)
    var values: [Float]

    init(count: Int, height: Int, width: Int, channels: Int, depth: Int, margin: Int, _ noise: inout Noise) {
      (self.count, self.height, self.width, self.depth, self.margin) = (count, height, width, depth, margin)
      let row = (width + 2 * margin) * depth
      values = [Float](repeating: 0, count: count * (height + 2 * margin) * row)
      for n in 0..<count {
        for y in 0..<height {
          for x in 0..<width {
            let start = (n * (height + 2 * margin) + y + margin) * row + (x + margin) * depth
            for c in 0..<channels { values[start + c] = Float.random(in: -1...1, using: &noise) }
          }
        }
      }
    }

    func view(_ base: UnsafeMutablePointer<Float>) -> ck_pictures {
      let row = (width + 2 * margin) * depth
      var pictures = ck_pictures()
      pictures.base = UnsafeMutableRawPointer(base + margin * (row + depth))
      (pictures.picture, pictures.row, pictures.pixel) = ((height + 2 * margin) * row, row, depth)
      pictures.panel = 16
      return pictures
    }
  }

  /// Heights and widths of a tile, of a pixel more and less; chunks of one picture and of several.
  private static let sizes = [(1, 1), (4, 5), (7, 19), (37, 40)].flatMap { size in
    [1, 2].map { (height: size.0, width: size.1, dilation: $0) }
  }

  private static let precisions = TrainingPrecision.allCases.filter { $0 == .f32 || $0.products != nil }

  @Test(arguments: sizes, precisions)
  func equalsTheDirectSum(_ size: (height: Int, width: Int, dilation: Int), _ precision: TrainingPrecision) throws {
    let level = CPULevel.detected.kernelLevel
    let kernels = try #require(precision.products?.pointee.convolution ?? ck_kernels_for(level))
    guard kernels.pointee.winograd_in != nil else { return }
    let (count, inputs, depth, channels) = (3, 20, 32, 48)
    var noise = Noise(UInt64(size.height * size.width))
    let input = Padded(
      count: count, height: size.height, width: size.width, channels: inputs, depth: depth, margin: 2 * size.dilation,
      &noise)
    let gradient = Padded(
      count: count, height: size.height, width: size.width, channels: channels, depth: channels, margin: 0, &noise)
    let pool = try #require(ck_pool_create(2))
    defer { ck_pool_destroy(pool) }

    var layer = ck_winograd_layer()
    layer.extent = ck_extent(
      count: Int32(count), height: Int32(size.height), width: Int32(size.width), channels: Int32(channels))
    (layer.dilation, layer.inputs, layer.depth) = (Int32(size.dilation), Int32(inputs), Int32(depth))
    layer.bf16 = precision.products
    var scratch = [Float](repeating: .nan, count: ck_winograd_weights_scratch(&layer, 2))
    let junk: Float = 12345
    var direct = [Float](repeating: junk, count: 9 * inputs * channels + 16)
    var transformed = direct
    let training = ck_training_for(level)
    var (inputValues, gradientValues) = (input.values, gradient.values)
    inputValues.withUnsafeMutableBufferPointer { values in
      gradientValues.withUnsafeMutableBufferPointer { gradients in
        scratch.withUnsafeMutableBufferPointer { scratch in
          guard let values = values.baseAddress, let gradients = gradients.baseAddress else { return }
          (layer.in, layer.out_gradient, layer.scratch) = (
            input.view(values), gradient.view(gradients), scratch.baseAddress
          )
          ck_winograd_dense_weights(kernels, training, pool, &layer, &transformed)
          ck_dense_weights(
            training, pool, layer.extent, ck_window(size: 3, stride: 1, dilation: layer.dilation), layer.in,
            layer.inputs, layer.out_gradient, &direct)
        }
      }
    }
    // Root mean square, of the deviation; what the largest may be.
    let (allowed, most): (Double, Float) = precision == .f32 ? (1e-5, 1e-4) : (0.02, 0.1)
    let squares = direct.dropLast(16).reduce(0) { $0 + Double($1 * $1) }
    let differences = zip(direct, transformed).dropLast(16).map { abs($0 - $1) }
    let error = (differences.reduce(0) { $0 + Double($1 * $1) } / squares).squareRoot()
    #expect(error <= allowed)
    let deviation = Float((squares / Double(differences.count)).squareRoot())
    #expect((differences.max() ?? 0) <= most * deviation)
    #expect(transformed.suffix(16).allSatisfy { $0 == junk })
  }
}
