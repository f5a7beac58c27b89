/// The numbers a network computes with.
public enum Precision: String, CaseIterable, Sendable {
  /// 32-bit floats.
  case f32
  /// Bytes with a scale per picture and per output channel, sums of 32 bits. The model must have been calibrated.
  case int8
}
