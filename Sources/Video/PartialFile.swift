import Foundation

/// A file that appears under its name only when it is whole: written beside it, renamed at the end.
///
/// A device or pipe is written to as it is.
public final class PartialFile {
  /// The file as the user named it.
  public let name: String
  /// Where to write.
  public let path: String
  private let destination: String
  private var isDone: Bool

  /// Refuses a folder, and a name beside which nothing can be made.
  public init(_ name: String) throws(VideoError) {
    self.name = name
    guard !name.isEmpty else { throw VideoError("an output without a name") }
    var status = stat()
    let exists = stat(name, &status) == 0
    // Behind the name of an open file, like /dev/stdout, may be one that is not ours to replace.
    let isOpen = ["/dev/std", "/dev/fd/", "/proc/"].contains { name.hasPrefix($0) }
    let isDevice = exists && (status.st_mode & S_IFMT != S_IFREG || isOpen)
    let resolved = isDevice ? name : URL(fileURLWithPath: name).resolvingSymlinksInPath().path
    destination = resolved
    let kind = status.st_mode & S_IFMT
    guard !exists || kind != S_IFDIR else { throw VideoError("\(name): a folder, not a file to write") }
    isDone = isDevice
    if isDone {
      path = resolved
      return
    }
    let url = URL(fileURLWithPath: resolved)
    path = url.deletingLastPathComponent().path + "/.\(url.lastPathComponent).partial-\(getpid())"
    let descriptor = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else {
      isDone = true
      throw VideoError("\(name): cannot be written: \(String(cString: strerror(errno)))")
    }
    // Who may read the one in whose place it comes may read it, and nobody else.
    if exists { fchmod(descriptor, status.st_mode & 0o777 | S_IWUSR) }
    close(descriptor)
  }

  /// Removes what was not kept.
  deinit { if !isDone { unlink(path) } }

  /// Writes a whole text file.
  public static func write(_ text: String, to name: String) throws(VideoError) {
    let file = try PartialFile(name)
    try file.write(Array(text.utf8))
    try file.keep()
  }

  /// Writes all the content at once.
  public func write(_ bytes: [UInt8]) throws(VideoError) {
    do {
      try bytes.withUnsafeBytes { try write($0) }
    } catch { throw error as? VideoError ?? VideoError("\(name): \(error)") }
  }

  /// Writes all the content at once.
  public func write(_ bytes: UnsafeRawBufferPointer) throws(VideoError) {
    guard let stream = fopen(path, "w") else {
      throw VideoError("\(name): cannot be written: \(String(cString: strerror(errno)))")
    }
    let isWhole = fwrite(bytes.baseAddress, 1, bytes.count, stream) == bytes.count
    let isFlushed = fclose(stream) == 0
    guard isWhole, isFlushed else {
      throw VideoError("\(name): cannot be written: \(String(cString: strerror(errno)))")
    }
  }

  /// Makes the written file appear under its name, in the place of an older one.
  /// - Parameter isDurable: it is on the disk first, so that not even a power failure leaves half of it under the name.
  public func keep(isDurable: Bool = true) throws(VideoError) {
    guard !isDone else { return }
    guard isDurable else { return try putInPlace() }
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    let isSafe = descriptor >= 0 && fsync(descriptor) == 0
    let reason = errno
    if descriptor >= 0 { close(descriptor) }
    guard isSafe else { throw VideoError("\(name): cannot be written: \(String(cString: strerror(reason)))") }
    try putInPlace()
  }

  private func putInPlace() throws(VideoError) {
    guard rename(path, destination) == 0 else {
      throw VideoError("\(name): cannot be put in place: \(String(cString: strerror(errno)))")
    }
    isDone = true
  }

  /// Whether something other than a file or folder goes by that name.
  public static func isDevice(_ name: String) -> Bool {
    var status = stat()
    return stat(name, &status) == 0 && ![S_IFREG, S_IFDIR].contains(status.st_mode & S_IFMT)
  }

  /// Whether two names lead to one and the same file.
  static func isSame(_ a: String, _ b: String) -> Bool {
    var (first, second) = (stat(), stat())
    return stat(a, &first) == 0 && stat(b, &second) == 0 && first.st_dev == second.st_dev
      && first.st_ino == second.st_ino && first.st_mode & S_IFMT == S_IFREG
  }
}
