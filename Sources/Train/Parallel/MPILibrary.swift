import Foundation

/// Open MPI, found while the program runs, so that the program also works without it.
///
/// MPI fixes names and arguments of its functions, but every implementation has handles and constants of its own. These are
/// those of Open MPI 2 to 5 (libmpi.so.40, as in Debian 12 and Ubuntu 24.04), whose predefined handles are addresses of
/// variables with known names; other libraries are refused.
struct MPILibrary: @unchecked Sendable {
  typealias Handle = UnsafeMutableRawPointer
  typealias Text = UnsafeMutablePointer<CChar>
  typealias Number = UnsafeMutablePointer<Int32>

  let initialise: @convention(c) (Number?, UnsafeMutableRawPointer?, _ required: Int32, _ provided: Number) -> Int32
  let size: @convention(c) (Handle, Number) -> Int32
  let rank: @convention(c) (Handle, Number) -> Int32
  let setErrorHandler: @convention(c) (Handle, Handle) -> Int32
  /// Where from, where to, how many, of what, which operation, among whom, what is under way.
  let startAllReduce:
    @convention(c) (Handle?, Handle, Int32, Handle, Handle, Handle, UnsafeMutablePointer<Handle>) ->
      Int32
  /// What, how many, of what, from whom, among whom, what is under way.
  let startBroadcast: @convention(c) (Handle, Int32, Handle, Int32, Handle, UnsafeMutablePointer<Handle>) -> Int32
  let test: @convention(c) (UnsafeMutablePointer<Handle>, Number, Handle?) -> Int32
  let errorText: @convention(c) (Int32, Text, Number) -> Int32
  let abort: @convention(c) (Handle, Int32) -> Int32
  let finalise: @convention(c) () -> Int32

  let world: Handle
  let float: Handle
  let double: Handle
  let byte: Handle
  let sum: Handle
  let errorsReturn: Handle
  /// What no request is.
  let noRequest: Handle

  /// MPI_IN_PLACE
  static var inPlace: Handle? { Handle(bitPattern: 1) }
  /// MPI_THREAD_FUNNELED: one thread makes all calls.
  static let oneThread: Int32 = 1
  /// MPI_MAX_ERROR_STRING and MPI_MAX_LIBRARY_VERSION_STRING are at most this.
  private static let longestText = 1024

  /// - Parameter name: of the shared library.
  init(name: String = "libmpi.so.40") throws(TrainError) {
    // Its plug-ins look for its symbols among those of the program.
    guard let library = dlopen(name, RTLD_NOW | RTLD_GLOBAL) else {
      let reason = dlerror().map { String(cString: $0) } ?? "not found"
      throw TrainError(
        "started by mpirun, but Open MPI's library cannot be loaded (\(reason)): install libopenmpi3 (Debian) or "
          + "libopenmpi3t64 (Ubuntu) on every machine, or start without mpirun")
    }
    func symbol(_ symbol: String) throws(TrainError) -> Handle {
      guard let address = dlsym(library, symbol) else {
        throw TrainError("\(name): no Open MPI, it lacks \(symbol): other MPI libraries are not supported")
      }
      return address
    }
    func function<Function>(_ name: String) throws(TrainError) -> Function {
      unsafeBitCast(try symbol(name), to: Function.self)
    }
    let version = Self.text(try function("MPI_Get_library_version") as @convention(c) (Text, Number) -> Int32)
    guard version.hasPrefix("Open MPI") else {
      throw TrainError("\(name): '\(version.prefix(60))' is not Open MPI: other MPI libraries are not supported")
    }
    initialise = try function("MPI_Init_thread")
    size = try function("MPI_Comm_size")
    rank = try function("MPI_Comm_rank")
    setErrorHandler = try function("MPI_Comm_set_errhandler")
    startAllReduce = try function("MPI_Iallreduce")
    startBroadcast = try function("MPI_Ibcast")
    test = try function("MPI_Test")
    errorText = try function("MPI_Error_string")
    abort = try function("MPI_Abort")
    finalise = try function("MPI_Finalize")
    world = try symbol("ompi_mpi_comm_world")
    float = try symbol("ompi_mpi_float")
    double = try symbol("ompi_mpi_double")
    byte = try symbol("ompi_mpi_byte")
    sum = try symbol("ompi_mpi_op_sum")
    errorsReturn = try symbol("ompi_mpi_errors_return")
    noRequest = try symbol("ompi_request_null")
  }

  /// What an MPI function's error code means.
  func message(_ code: Int32) -> String { Self.text { errorText(code, $0, $1) } }

  private static func text(_ write: (Text, Number) -> Int32) -> String {
    var (buffer, length) = ([CChar](repeating: 0, count: longestText), Int32(0))
    let code = buffer.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.map { write($0, &length) } ?? -1
    }
    guard code == 0, (0..<longestText).contains(Int(length)) else { return "unknown" }
    return String(decoding: buffer.prefix(Int(length)).map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
  }
}
