/// A moment of a source, in the source's own rational time.
public struct Timestamp: Sendable, Hashable {
  /// Ticks of `numerator / denominator` seconds.
  public let ticks: Int64
  public let numerator: Int32
  public let denominator: Int32

  public init(ticks: Int64, numerator: Int32, denominator: Int32) {
    self.ticks = ticks
    self.numerator = numerator
    self.denominator = denominator
  }

  public var seconds: Double { Double(ticks) * Double(numerator) / Double(denominator) }
}
