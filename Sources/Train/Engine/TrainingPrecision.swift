import CKernels

/// The numbers a network is trained with. Weights, their gradients, sums and statistics are f32 at either.
public enum TrainingPrecision: String, CaseIterable, Codable, Sendable {
  /// 32-bit floats.
  case f32
  /// 1 × 1 convolutions, and 3 × 3 ones between Winograd's transforms where those suit, multiply bfloat16 (8 bits of precision)
  /// and sum in f32; what lies between 1 × 1 and depthwise convolutions is kept in bfloat16.
  case bf16

  /// What multiplies, `nil` for f32.
  var products: UnsafePointer<ck_bf16>? { self == .bf16 ? ck_bf16_fast() : nil }
}
