#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A change of brightness, contrast, saturation and hue, all in one matrix on blue, green and red.
struct ColourChange: Equatable, Sendable {
  private var blue = SIMD4<Float>(1, 0, 0, 0)
  private var green = SIMD4<Float>(0, 1, 0, 0)
  private var red = SIMD4<Float>(0, 0, 1, 0)
  private var offset = SIMD4<Float>.zero

  static let none = ColourChange()

  private init() {}

  /// A random one.
  /// - Parameter strength: 0 changes nothing, 1 up to ±64 of 255 in brightness, ±50 % in contrast and saturation, ±36° in hue.
  init(strength: Double, _ random: inout SeededRandom) {
    guard strength > 0 else { return }
    let brightness = 64 * random.uniform(-strength, strength)
    let contrast = 1 + 0.5 * random.uniform(-strength, strength)
    let saturation = 1 + 0.5 * random.uniform(-strength, strength)
    let hue = random.uniform(-strength, strength) * .pi / 5
    // In YIQ a change of hue is a turn of I and Q about Y.
    let (cosine, sine) = (saturation * cos(hue), saturation * sin(hue))
    func changed(_ r: Double, _ g: Double, _ b: Double) -> SIMD4<Float> {
      let y = 0.299 * r + 0.587 * g + 0.114 * b
      let i = 0.596 * r - 0.274 * g - 0.322 * b
      let q = 0.211 * r - 0.523 * g + 0.312 * b
      let (turnedI, turnedQ) = (cosine * i - sine * q, sine * i + cosine * q)
      let (toRed, toGreen, toBlue) = (
        y + 0.956 * turnedI + 0.621 * turnedQ, y - 0.272 * turnedI - 0.647 * turnedQ,
        y - 1.106 * turnedI + 1.703 * turnedQ
      )
      return SIMD4(Float(contrast * toBlue), Float(contrast * toGreen), Float(contrast * toRed), 0)
    }
    (blue, green, red) = (changed(0, 0, 1), changed(0, 1, 0), changed(1, 0, 0))
    offset = SIMD4(repeating: Float(128 - 128 * contrast + brightness))
  }

  /// The changed pixel, within 0...255.
  @inline(__always)
  func callAsFunction(_ pixel: SIMD4<Float>) -> SIMD4<Float> {
    let value = blue * pixel.x + green * pixel.y + red * pixel.z + offset
    // `clamped` calls two functions for every pixel.
    let positive = value.replacing(with: 0, where: value .< 0)
    return positive.replacing(with: 255, where: positive .> 255)
  }
}
