/// A dense array of 32-bit floats, row-major: the last dimension varies fastest (N,C,H,W for pictures).
public struct Tensor: Sendable, Equatable {
  public var shape: [Int]
  public var values: [Float]
  /// Whether files hold it as signed bytes; the values are then whole numbers of -128 to 127.
  public var isBytes: Bool

  public init(shape: [Int], values: [Float], isBytes: Bool = false) {
    precondition(shape.reduce(1, *) == values.count, "shape \(shape) does not hold \(values.count) values")
    self.shape = shape
    self.values = values
    self.isBytes = isBytes
  }

  /// Dimensions and bytes of a name beyond which a file is damaged or hostile.
  static let mostDimensions = 8
  static let longestName = 512

  /// Number of elements of a shape read from a file; `nil` if a dimension is negative or the product overflows.
  static func count(of shape: [Int]) -> Int? {
    guard shape.count <= mostDimensions else { return nil }
    var count = 1
    for dimension in shape {
      let (product, overflow) = count.multipliedReportingOverflow(by: dimension)
      guard dimension >= 0, !overflow else { return nil }
      count = product
    }
    return count
  }
}
