import Foundation

/// Named tensors and what a model file says of itself.
public struct WeightFile: Sendable, Equatable {
  /// By the names that PyTorch gives them, e.g. `model.0.0.weight`.
  public var tensors: [String: Tensor]
  /// Architecture and its options, input normalisation, provenance, licence.
  public var metadata: [String: String]

  public init(tensors: [String: Tensor], metadata: [String: String]) {
    self.tensors = tensors
    self.metadata = metadata
  }

  /// Reads a safetensors file, a PyTorch checkpoint (zip or legacy form) or an ONNX file of Lightweight OpenPose, told apart
  /// by their first bytes.
  ///
  /// The file is treated as hostile: nothing in it is executed, and memory is taken in proportion to its size alone.
  public init(contentsOf path: String) throws(InferError) {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw InferError("\(path): \(errno == ENOENT ? "no such file" : String(cString: strerror(errno)))")
    }
    // A pipe or a device may never end.
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw InferError("\(path): \(status.st_mode & S_IFMT == S_IFDIR ? "a folder, not a file" : "no regular file")")
    }
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
    } catch {
      let isForbidden = (error as? CocoaError)?.code == .fileReadNoPermission
      throw InferError("\(path): cannot be read\(isForbidden ? ": no permission" : "")")
    }
    try self.init(data, name: path)
  }

  /// Reads a model that is already in memory.
  /// - Parameter name: what messages call it.
  init(_ data: Data, name: String) throws(InferError) {
    let result = data.withUnsafeBytes { bytes in Result { () throws(InferError) in try WeightFile(bytes, name: name) } }
    self = try result.get()
  }

  /// Reads a model that is already in memory.
  /// - Parameter name: what messages call it.
  public init(_ bytes: UnsafeRawBufferPointer, name: String) throws(InferError) {
    guard !bytes.isEmpty else { throw InferError("\(name): the file is empty") }
    if bytes.starts(with: Checkpoint.zipStart) {
      self = try Checkpoint.read(zip: bytes, name: name)
    } else if bytes.starts(with: Checkpoint.legacyStart) {
      self = try Checkpoint.read(legacy: bytes, name: name)
    } else if bytes.first == ONNXFile.start && !Safetensors.mayBegin(bytes) {
      self = try ONNXReader.read(bytes, name: name)
    } else if bytes.first == 0x80 && !Safetensors.mayBegin(bytes) {
      throw InferError("\(name): a pickle, but no checkpoint that torch.save wrote")
    } else {
      self = try Safetensors.read(bytes, name: name)
    }
  }

  /// Writes a safetensors file.
  public func write(to path: String) throws(InferError) { try Self.write(try Safetensors.bytes(of: self), to: path) }

  /// Writes a model file that is made: under a temporary name first, so that a crash never leaves half a file.
  public static func write(_ data: Data, to path: String) throws(InferError) {
    // A device or a pipe is written to, never replaced; nor what a name of an open file, like /dev/stdout, leads to.
    var status = stat()
    let isSpecial =
      stat(path, &status) == 0
      && (status.st_mode & S_IFMT != S_IFREG || ["/dev/std", "/dev/fd/", "/proc/"].contains { path.hasPrefix($0) })
    // A link stays; what it leads to is replaced.
    let target = isSpecial ? path : URL(fileURLWithPath: path).resolvingSymlinksInPath().path
    let partial = isSpecial ? path : "\(target).partial-\(getpid())"
    let descriptor = open(partial, O_WRONLY | (isSpecial ? O_APPEND : O_CREAT | O_TRUNC) | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw InferError("\(path): cannot be written: \(String(cString: strerror(errno)))") }
    var failure: Int32?
    data.withUnsafeBytes { bytes in
      var written = 0
      while written < bytes.count {
        let count = Foundation.write(descriptor, bytes.baseAddress.map { $0 + written }, bytes.count - written)
        if count < 0 && errno == EINTR { continue }
        guard count > 0 else {
          failure = errno
          return
        }
        written += count
      }
    }
    if failure == nil && fsync(descriptor) != 0 && errno != EINVAL { failure = errno }
    close(descriptor)
    if failure == nil && !isSpecial && rename(partial, target) != 0 { failure = errno }
    if let failure {
      if !isSpecial { unlink(partial) }
      throw InferError("\(path): cannot be written: \(String(cString: strerror(failure)))")
    }
  }
}
