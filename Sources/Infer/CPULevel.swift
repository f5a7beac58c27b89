import CKernels

/// What the processor can do, as far as the kernels tell it apart, the slowest first. x86-64 has AVX, 64-bit ARM NEON.
public enum CPULevel: Int, CaseIterable, Comparable, Sendable {
  case scalar, neon, avx2, avx512

  public static func < (first: CPULevel, second: CPULevel) -> Bool { first.rawValue < second.rawValue }

  /// The highest level of this processor under this operating system.
  public static let detected: CPULevel = {
    switch ck_level_detected() {
    case ck_level_avx512: .avx512
    case ck_level_avx2: .avx2
    case ck_level_neon: .neon
    default: .scalar
    }
  }()

  /// This processor's, the slowest first.
  public static var available: [CPULevel] {
    switch detected {
    case .scalar: [.scalar]
    case .neon: [.scalar, .neon]
    case .avx2: [.scalar, .avx2]
    case .avx512: [.scalar, .avx2, .avx512]
    }
  }

  /// Names of the instruction sets found that matter for networks.
  public static var features: String { String(cString: ck_processor_features()) }

  /// What one core reaches at this level with multiply-adds on registers, in 10⁹ per second. Takes about 20 ms.
  public func measuredPeak(_ precision: Precision = .f32) -> Double {
    switch precision {
    case .f32: ck_measure_peak(kernelLevel)
    case .bf16: ck_measure_bf16_peak(kernelLevel)
    case .int8: ck_measure_q8_peak(kernelLevel)
    }
  }

  /// What multiplies bytes at this level: "scalar", "NEON", "NEON dot products", "AVX2", "AVX-VNNI", "AVX-512 VNNI"
  /// or "AMX".
  public var byteKernels: String { String(cString: ck_q8_kernels_for(kernelLevel).pointee.name) }

  /// Whether there are kernels for bfloat16: with the processor's own products, or the reference.
  var hasHalves: Bool { ck_bf16_kernels_for(kernelLevel) != nil }

  /// Whether bfloat16 is faster than floats: its products are twice as fast on some processors, as slow as floats on others.
  var hasFastHalves: Bool { self == .avx512 && Self.multipliesHalvesFast }

  private static let multipliesHalvesFast = ck_bf16_is_fast()

  /// Whether bytes are faster than floats: with dot products of bytes or products of matrices they are, by much, and without
  /// them on AVX2 still. AVX-512's registers hold twice as many floats, but there are no kernels of bytes for them alone.
  var hasFastBytes: Bool {
    self == .avx2 || ["AVX-VNNI", "AVX-512 VNNI", "AMX", "NEON dot products"].contains(byteKernels)
  }

  package var kernelLevel: ck_level {
    switch self {
    case .scalar: ck_level_scalar
    case .neon: ck_level_neon
    case .avx2: ck_level_avx2
    case .avx512: ck_level_avx512
    }
  }
}
