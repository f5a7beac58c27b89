import COpenBLAS

/// The OpenBLAS this process runs with.
public enum OpenBLAS {
  /// The processor family whose kernels it chose, or was told to by `OPENBLAS_CORETYPE`; to be printed with every figure.
  public static var coreName: String { String(cString: openblas_get_corename()) }

  /// Version and build options in one line.
  public static var configuration: String { String(cString: openblas_get_config()) }
}
