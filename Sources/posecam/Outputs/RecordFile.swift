import Foundation
import Video

/// A file, or standard output, to which records are added: each is there whole or not at all.
///
/// The file appears under its name when it is finished (`PartialFile`). Where the disk takes only part of a record, that part is
/// cut off again, so that what came before can still be finished.
final class RecordFile {
  let name: String
  private let file: PartialFile?
  private var descriptor: Int32
  /// Whether a reader may be slow, as at the other end of a pipe.
  private let hasReader: Bool
  /// Bytes of the whole records.
  private var length = 0

  /// - Parameter path: "-" for standard output.
  init(_ path: String) throws(PosecamError) {
    guard path != "-" else {
      (name, file, descriptor) = ("standard output", nil, STDOUT_FILENO)
      hasReader = Self.hasReader(descriptor)
      return
    }
    name = path
    do {
      let file = try PartialFile(path)
      self.file = file
      descriptor = open(file.path, O_WRONLY | O_TRUNC | O_CLOEXEC)
    } catch { throw PosecamError(error.description) }
    hasReader = Self.hasReader(descriptor)
    guard descriptor >= 0 else { throw PosecamError("\(path): cannot be written: \(PosecamError.reason)") }
  }

  deinit { close() }

  private func close() {
    if descriptor > STDERR_FILENO { Foundation.close(descriptor) }
    descriptor = -1
  }

  private static func hasReader(_ descriptor: Int32) -> Bool {
    var status = stat()
    return fstat(descriptor, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
  }

  /// Seconds for which a reader may take nothing once the program is to end.
  private static let lastPatience = 1.0

  /// Waits until the reader takes some more.
  private func waitForReader() throws(PosecamError) {
    var waited = 0.0
    while true {
      var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
      if poll(&ready, 1, 100) > 0 { return }
      waited = Interruption.isEnding ? waited + 0.1 : 0
      if waited > Self.lastPatience {
        throw PosecamError("\(name): cannot be written: its reader takes nothing, and the program was to end")
      }
    }
  }

  func write(_ record: [UInt8]) throws(PosecamError) {
    var written = 0
    while written < record.count {
      if hasReader { try waitForReader() }
      let count = record.withUnsafeBytes {
        // As much as a pipe that has room takes without waiting.
        Foundation.write(
          descriptor, $0.baseAddress.map { $0 + written }, min($0.count - written, hasReader ? Int(PIPE_BUF) : .max))
      }
      if count < 0 && (errno == EINTR || errno == EAGAIN) { continue }
      guard count > 0 else {
        let reason = errno == EPIPE ? "nobody reads it any more" : PosecamError.reason
        if written > 0, file != nil, ftruncate(descriptor, off_t(length)) == 0 {
          lseek(descriptor, off_t(length), SEEK_SET)
        }
        throw PosecamError("\(name): cannot be written: \(reason)")
      }
      written += count
    }
    length += written
  }

  /// Makes the file appear.
  func finish() throws(PosecamError) {
    guard let file else { return }
    let isClosed = Foundation.close(descriptor) == 0
    let reason = PosecamError.reason
    descriptor = -1
    guard isClosed else { throw PosecamError("\(name): cannot be written: \(reason)") }
    do { try file.keep() } catch { throw PosecamError(error.description) }
  }
}
