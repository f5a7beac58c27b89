import Dispatch

/// The clock by which captures and latencies are told.
public enum Clock {
  /// Nanoseconds of a clock that never goes back.
  public static func now() -> UInt64 { DispatchTime.now().uptimeNanoseconds }
}
