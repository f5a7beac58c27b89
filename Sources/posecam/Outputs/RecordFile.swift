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
  /// Bytes of the whole records.
  private var length = 0

  /// - Parameter path: "-" for standard output.
  init(_ path: String) throws(PosecamError) {
    guard path != "-" else {
      (name, file, descriptor) = ("standard output", nil, STDOUT_FILENO)
      return
    }
    name = path
    do {
      let file = try PartialFile(path)
      self.file = file
      descriptor = open(file.path, O_WRONLY | O_TRUNC | O_CLOEXEC)
    } catch { throw PosecamError(error.description) }
    guard descriptor >= 0 else { throw PosecamError("\(path): cannot be written: \(PosecamError.reason)") }
  }

  deinit { close() }

  private func close() {
    if descriptor > STDERR_FILENO { Foundation.close(descriptor) }
    descriptor = -1
  }

  func write(_ record: [UInt8]) throws(PosecamError) {
    var written = 0
    while written < record.count {
      let count = record.withUnsafeBytes {
        Foundation.write(descriptor, $0.baseAddress.map { $0 + written }, $0.count - written)
      }
      if count < 0 && errno == EINTR { continue }
      if count < 0 && errno == EAGAIN {
        var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&ready, 1, -1)
        continue
      }
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
