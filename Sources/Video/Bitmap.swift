/// A picture in memory: 8-bit RGB, row-major, no padding.
public struct Bitmap: Sendable, Equatable {
  public let width: Int
  public let height: Int
  /// height × width × 3 bytes.
  public var pixels: [UInt8]

  public init(width: Int, height: Int) {
    self.width = width
    self.height = height
    pixels = [UInt8](repeating: 0, count: width * height * 3)
  }
}
