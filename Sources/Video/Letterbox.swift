/// How one frame lies in the network's input: the one place that converts between the two.
///
/// Positions are those of pixel centres: (0, 0) is the middle of the first pixel, here and there.
public struct Letterbox: Sendable, Equatable {
  public let frameWidth: Int
  public let frameHeight: Int
  /// Of the network's input, multiples of the stride.
  public let inputWidth: Int
  public let inputHeight: Int
  /// Of the scaled frame inside the input.
  public let innerWidth: Int
  public let innerHeight: Int
  /// Padding before the scaled frame.
  public let left: Int
  public let top: Int

  /// Follows the reference's demo to the bit.
  public let isCompatible: Bool

  private static let stride = 8
  /// Of the input, in heights: cinema's 2.39:1 still fits.
  private static let widest = 2.4

  /// Gives the frame `height` pixels of height, portrait or not: people stand upright in both, and are found best at the
  /// sizes that networks learn, at most the height of the input. The width is bounded: panoramas are shrunk as a whole.
  /// - Parameter pixelAspect: width of the frame's pixels by their height; those of the input are squares, since people that are
  ///   squeezed are hard to find.
  public init(frameWidth: Int, frameHeight: Int, pixelAspect: Double = 1, height: Int) {
    let shownWidth = Double(frameWidth) * pixelAspect
    let scale = min(Double(height) / Double(frameHeight), Self.widest * Double(height) / shownWidth)
    self.init(
      frameWidth: frameWidth, frameHeight: frameHeight, pixelAspect: pixelAspect,
      inputWidth: Self.rounded(shownWidth * scale), inputHeight: Self.rounded(Double(frameHeight) * scale))
  }

  /// Fits a frame into an input of this size, centred. The sides are rounded up to the network's stride.
  public init(frameWidth: Int, frameHeight: Int, pixelAspect: Double = 1, inputWidth: Int, inputHeight: Int) {
    let shownWidth = Double(frameWidth) * pixelAspect
    self.frameWidth = frameWidth
    self.frameHeight = frameHeight
    self.inputWidth = (inputWidth + Self.stride - 1) / Self.stride * Self.stride
    self.inputHeight = (inputHeight + Self.stride - 1) / Self.stride * Self.stride
    let scale = min(Double(self.inputWidth) / shownWidth, Double(self.inputHeight) / Double(frameHeight))
    innerWidth = min(self.inputWidth, max(1, Int((shownWidth * scale).rounded())))
    innerHeight = min(self.inputHeight, max(1, Int((Double(frameHeight) * scale).rounded())))
    left = (self.inputWidth - innerWidth) / 2
    top = (self.inputHeight - innerHeight) / 2
    isCompatible = false
  }

  /// The reference's demo: height 256, width as it comes, padded to at least 256 and to the stride, half of it before.
  public static func compatible(frameWidth: Int, frameHeight: Int, height: Int = 256) -> Letterbox {
    Letterbox(compatible: frameWidth, frameHeight, height: height)
  }

  private init(compatible frameWidth: Int, _ frameHeight: Int, height: Int) {
    self.frameWidth = frameWidth
    self.frameHeight = frameHeight
    innerHeight = height
    innerWidth = max(1, Int((Double(frameWidth) * Double(height) / Double(frameHeight)).rounded(.toNearestOrEven)))
    inputHeight = (height + Self.stride - 1) / Self.stride * Self.stride
    inputWidth = (max(innerWidth, height) + Self.stride - 1) / Self.stride * Self.stride
    left = (inputWidth - innerWidth) / 2
    top = (inputHeight - innerHeight) / 2
    isCompatible = true
  }

  private static func rounded(_ length: Double) -> Int {
    max(stride, Int((length / Double(stride)).rounded()) * stride)
  }

  /// Pixels of the input per pixel of the frame. The compatible form has one scale for both directions.
  private var scale: (x: Double, y: Double) {
    let y = Double(innerHeight) / Double(frameHeight)
    return (isCompatible ? y : Double(innerWidth) / Double(frameWidth), y)
  }

  /// From the network's input to the frame, both in pixels. The compatible form truncates to whole pixels as the reference
  /// does; otherwise it is the inverse of `input(x:y:)`, exact to the last bits of a `Double`.
  public func frame(x: Double, y: Double) -> (x: Double, y: Double) {
    let (x, y) = (x - Double(left), y - Double(top))
    if isCompatible { return ((x / scale.x).rounded(.towardZero), (y / scale.y).rounded(.towardZero)) }
    return ((x + 0.5) / scale.x - 0.5, (y + 0.5) / scale.y - 0.5)
  }

  public func frame(x: Float, y: Float) -> (x: Float, y: Float) {
    let position = frame(x: Double(x), y: Double(y))
    return (Float(position.x), Float(position.y))
  }

  /// From the frame to the network's input, both in pixels.
  public func input(x: Double, y: Double) -> (x: Double, y: Double) {
    ((x + 0.5) * scale.x - 0.5 + Double(left), (y + 0.5) * scale.y - 0.5 + Double(top))
  }

  public func input(x: Float, y: Float) -> (x: Float, y: Float) {
    let position = input(x: Double(x), y: Double(y))
    return (Float(position.x), Float(position.y))
  }
}
