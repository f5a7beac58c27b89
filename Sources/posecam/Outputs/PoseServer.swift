import Dispatch
import Foundation
import Synchronization

/// Sends JSON lines to every program that connects: through a Unix socket, or a TCP port of the loopback, which no other machine
/// can reach.
///
/// Each reader gets the header and then the frames from now on. Nothing ever waits for a reader: one that has not taken its last
/// line yet loses the frame, which is counted.
final class PoseServer: PoseWriter, @unchecked Sendable {
  enum Address: Sendable, Equatable {
    case unix(String)
    /// 0 for any that is free.
    case port(UInt16)

    /// "unix:PATH" or a port.
    init?(_ text: String) {
      if text.hasPrefix("unix:"), text.count > 5 {
        self = .unix(String(text.dropFirst(5)))
      } else if let port = UInt16(text) {
        self = .port(port)
      } else {
        return nil
      }
    }
  }

  private struct Reader {
    let descriptor: Int32
    /// What of a line is still to be sent.
    var rest: ArraySlice<UInt8>
  }

  private struct State {
    var lines: JSONLines
    var readers: [Reader] = []
    var accepted = 0
    var dropped = 0
  }

  /// Where it listens, e.g. "127.0.0.1:5000".
  let name: String
  private let address: Address
  private let descriptor: Int32
  private let header: [UInt8]
  private let state: Mutex<State>
  private let arrivals: any DispatchSourceRead

  private static let mostReaders = 64
  /// Of a reader's lines in the kernel: what waits there is already old when it is read.
  private static let bufferSize: Int32 = 32 * 1024

  init(_ address: Address, _ stream: PoseStream, coordinates: Coordinates = .pixel) throws(PosecamError) {
    self.address = address
    var lines = JSONLines(coordinates: coordinates)
    header = lines.header(stream)
    state = Mutex(State(lines: lines))
    switch address {
    case .unix(let path):
      descriptor = try Self.listen(path: path)
      name = "unix:\(path)"
    case .port(let port):
      let (opened, actual) = try Self.listen(port: port)
      (descriptor, name) = (opened, "127.0.0.1:\(actual)")
    }
    let queue = DispatchQueue(label: "posecam.serve")
    let arrivals = DispatchSource.makeReadSource(fileDescriptor: descriptor, queue: queue)
    self.arrivals = arrivals
    arrivals.setEventHandler { [weak self] in self?.accept() }
    arrivals.setCancelHandler { [descriptor] in close(descriptor) }
    arrivals.activate()
  }

  deinit { stop() }

  /// How many read, and what slow ones missed.
  var report: String {
    state.withLock { state in
      let readers = "\(state.accepted) \(state.accepted == 1 ? "reader" : "readers")"
      return "\(name): \(readers), \(state.dropped) frames dropped for slow ones"
    }
  }

  /// Frames that were not sent, counted for each reader.
  var dropped: Int { state.withLock { $0.dropped } }
  var readerCount: Int { state.withLock { $0.readers.count } }

  func write(_ frame: PoseFrame) {
    state.withLock { state in
      guard !state.readers.isEmpty else { return }
      let line = state.lines.line(frame)
      var dropped = 0
      for index in state.readers.indices.reversed() {
        var isThere = Self.send(&state.readers[index])
        if isThere, state.readers[index].rest.isEmpty {
          state.readers[index].rest = line[...]
          isThere = Self.send(&state.readers[index])
        } else if isThere {
          dropped += 1
        }
        if !isThere { close(state.readers.remove(at: index).descriptor) }
      }
      state.dropped += dropped
    }
  }

  /// Gives the readers a moment to take what they were sent, and leaves.
  func finish() {
    let end = DispatchTime.now().uptimeNanoseconds + 500_000_000
    while DispatchTime.now().uptimeNanoseconds < end {
      let isWaiting = state.withLock { state in
        for index in state.readers.indices where !Self.send(&state.readers[index]) { state.readers[index].rest = [] }
        return state.readers.contains { !$0.rest.isEmpty }
      }
      guard isWaiting else { break }
      usleep(5000)
    }
    stop()
  }

  private func stop() {
    guard !arrivals.isCancelled else { return }
    if case .unix(let path) = address { unlink(path) }
    state.withLock { state in
      arrivals.cancel()
      for reader in state.readers { close(reader.descriptor) }
      state.readers.removeAll()
    }
  }

  /// Sends what is left as far as it goes; false when the reader is gone.
  private static func send(_ reader: inout Reader) -> Bool {
    while !reader.rest.isEmpty {
      let count = reader.rest.withUnsafeBytes {
        Foundation.send(
          reader.descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT))
      }
      if count < 0 && errno == EINTR { continue }
      if count < 0 { return errno == EAGAIN || errno == EWOULDBLOCK }
      reader.rest.removeFirst(count)
    }
    return true
  }

  private func accept() {
    while true {
      let descriptor = Foundation.accept(descriptor, nil, nil)
      guard descriptor >= 0 else {
        if errno == EINTR || errno == ECONNABORTED { continue }
        // Out of descriptors: the one who waits would be announced again at once, for ever.
        if errno != EAGAIN { usleep(100_000) }
        return
      }
      _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
      var size = Self.bufferSize
      setsockopt(descriptor, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout.size(ofValue: size)))
      state.withLock { state in
        var reader = Reader(descriptor: descriptor, rest: header[...])
        guard !arrivals.isCancelled, state.readers.count < Self.mostReaders, Self.send(&reader) else {
          close(descriptor)
          return
        }
        state.accepted += 1
        state.readers.append(reader)
      }
    }
  }

  // MARK: - Listening

  private static func listen(port: UInt16) throws(PosecamError) -> (descriptor: Int32, port: UInt16) {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = INADDR_LOOPBACK.bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var yes: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, socklen_t(MemoryLayout.size(ofValue: yes)))
    let isBound = withUnsafeMutablePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
        descriptor >= 0 && bind(descriptor, address, length) == 0 && Foundation.listen(descriptor, 16) == 0
          && getsockname(descriptor, address, &length) == 0
      }
    }
    guard isBound else {
      let reason = PosecamError.reason
      close(descriptor)
      throw PosecamError("--serve \(port): cannot listen: \(reason)")
    }
    return (descriptor, UInt16(bigEndian: address.sin_port))
  }

  private static func listen(path: String) throws(PosecamError) -> Int32 {
    let room = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1
    guard path.utf8.count <= room else {
      throw PosecamError("--serve unix:\(path): the name of a socket has at most \(room) bytes; choose a shorter one")
    }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let length = socklen_t(MemoryLayout<sockaddr_un>.size)
    let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    func call(_ function: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Bool {
      withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { function(descriptor, $0, length) == 0 }
      }
    }
    var status = stat()
    if lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK {
      guard !call(connect), errno != EAGAIN else {
        close(descriptor)
        throw PosecamError("--serve unix:\(path): another program serves there")
      }
      // Left behind by a program that ended without cleaning up.
      unlink(path)
    }
    // What it tells is for this user alone; before it listens nobody can connect.
    let isBound =
      descriptor >= 0 && call(bind) && chmod(path, 0o600) == 0 && Foundation.listen(descriptor, 16) == 0
    let reason = PosecamError.reason
    guard isBound else {
      close(descriptor)
      throw PosecamError("--serve unix:\(path): cannot listen: \(reason)")
    }
    return descriptor
  }
}
