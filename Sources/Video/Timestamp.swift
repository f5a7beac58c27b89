import CFFmpeg

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

  /// Whether ticks of both mean the same.
  func hasBase(of other: Timestamp) -> Bool { (numerator, denominator) == (other.numerator, other.denominator) }
}

extension AVRational {
  /// How many ticks of this length come nearest to a time: of what no file can mean, as many as can be reckoned with.
  func ticks(in seconds: Double) -> Int64 {
    let ticks = (seconds * Double(den) / Double(max(1, num))).rounded()
    let most = Double(Int64.max / 4)
    return ticks.isNaN ? 0 : Int64(min(max(ticks, -most), most))
  }
}
