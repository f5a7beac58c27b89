/// The numbers a network computes with.
public enum Precision: String, CaseIterable, Sendable {
  /// 32-bit floats.
  case f32
  /// The upper halves of 32-bit floats (bfloat16) for activations and weights, sums of 32 bits.
  case bf16
  /// Bytes with a scale per picture and per output channel, sums of 32 bits. The model must have been calibrated.
  case int8
}
