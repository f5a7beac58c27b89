import CFFmpeg
import Foundation

/// What comes through a pipe, socket or terminal, for FFmpeg: its own reading of one waits inside the kernel, where no wish to end
/// reaches it.
final class PipeReader {
  let context: UnsafeMutablePointer<AVIOContext>
  private let descriptor: Int32
  private let isOwn: Bool
  private let patience: Patience

  private static let bufferSize: Int32 = 1 << 15

  /// `nil` where the name is that of something else, which FFmpeg reads well, or of nothing.
  /// - Parameter path: of a named pipe; `nil` for standard input.
  init?(_ path: String?, _ patience: Patience) {
    var status = stat()
    guard (path.map { stat($0, &status) } ?? fstat(0, &status)) == 0 else { return nil }
    let kind = status.st_mode & S_IFMT
    guard kind == S_IFIFO || path == nil && [S_IFSOCK, S_IFCHR].contains(kind) else { return nil }
    // To open a pipe waits for somebody who writes to it, except so; reading then waits below.
    let descriptor = path.map { open($0, O_RDONLY | O_NONBLOCK | O_CLOEXEC) } ?? 0
    guard descriptor >= 0 else { return nil }
    guard let buffer = av_malloc(Int(Self.bufferSize)),
      let context = avio_alloc_context(
        buffer.assumingMemoryBound(to: UInt8.self), Self.bufferSize, 0, nil,
        { reader, bytes, count in
          guard let reader, let bytes else { return ff_error(EINVAL) }
          return Unmanaged<PipeReader>.fromOpaque(reader).takeUnretainedValue().read(into: bytes, Int(count))
        }, nil, nil)
    else {
      if path != nil { close(descriptor) }
      return nil
    }
    (self.descriptor, isOwn) = (descriptor, path != nil)
    (self.context, self.patience) = (context, patience)
    context.pointee.opaque = Unmanaged.passUnretained(self).toOpaque()
  }

  deinit {
    var closing: UnsafeMutablePointer<AVIOContext>? = context
    // FFmpeg may have made another of it.
    av_freep(&context.pointee.buffer)
    avio_context_free(&closing)
    if isOwn { close(descriptor) }
  }

  private func read(into bytes: UnsafeMutablePointer<UInt8>, _ count: Int) -> Int32 {
    while !patience.isOver {
      var waiting = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      let ready = poll(&waiting, 1, 50)
      if ready < 0 && errno != EINTR { return ff_error(errno) }
      guard ready > 0 else { continue }
      let got = Foundation.read(descriptor, bytes, count)
      if got > 0 { return Int32(got) }
      if got == 0 { return ff_error_eof }
      guard errno == EINTR || errno == EAGAIN else { return ff_error(errno) }
    }
    return ff_error_exit
  }
}
