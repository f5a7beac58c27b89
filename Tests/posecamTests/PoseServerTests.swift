import Foundation
import Testing

@testable import posecam

struct PoseServerTests {
  /// A program that reads.
  private final class Reader {
    let descriptor: Int32

    init(unix path: String) throws {
      descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
      try connect(&address)
    }

    init(port: UInt16) throws {
      descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
      try connect(&address)
    }

    deinit { close(descriptor) }

    private func connect<Address>(_ address: inout Address) throws {
      let length = socklen_t(MemoryLayout<Address>.size)
      let result = withUnsafePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { Foundation.connect(descriptor, $0, length) }
      }
      guard result == 0 else { throw CocoaError(.fileReadUnknown) }
    }

    /// Everything up to the `count`-th line, or to the end.
    func lines(_ count: Int) -> [Substring] {
      var bytes: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 4096)
      while bytes.count(where: { $0 == 10 }) < count, case let got = read(descriptor, &buffer, buffer.count), got > 0 {
        bytes += buffer[..<got]
      }
      return String(decoding: bytes, as: UTF8.self).split(separator: "\n")
    }
  }

  /// Waits until the server has taken that many in.
  private func wait(for server: PoseServer, readers: Int) {
    for _ in 0..<1000 where server.readerCount < readers { usleep(2000) }
  }

  @Test func everyReaderGetsHeaderAndFrames() throws {
    let folder = try Folder()
    let server = try PoseServer(.unix(folder.path("s")), .sample())
    var status = stat()
    #expect(stat(folder.path("s"), &status) == 0 && status.st_mode & 0o077 == 0, "for this user alone")
    let early = try Reader(unix: folder.path("s"))
    wait(for: server, readers: 1)
    server.write(PoseFrame(index: 0, time: 0, width: 640, height: 360, people: []))
    let late = try Reader(unix: folder.path("s"))
    wait(for: server, readers: 2)
    server.write(PoseFrame(index: 1, time: 0.5, width: 640, height: 360, people: twoPeople))
    server.finish()
    let (first, second) = (early.lines(9), late.lines(9))
    #expect(first.count == 3 && second.count == 2)
    #expect(first[0] == second[0] && first[0].hasPrefix(#"{"schema":"posecam/1""#))
    #expect(first[1] == #"{"frame":0,"time":0,"people":[]}"#)
    #expect(first[2] == second[1] && first[2].hasPrefix(#"{"frame":1,"time":0.5,"people":[{"id":7,"#))
    #expect(try folder.contents() == [], "the socket is gone")
    #expect(server.report.contains("2 readers, 0 frames dropped"))
  }

  @Test func aPortOfTheLoopback() throws {
    let server = try PoseServer(.port(0), .sample())
    #expect(server.name.hasPrefix("127.0.0.1:"))
    let port = try #require(UInt16(server.name.dropFirst("127.0.0.1:".count)))
    let reader = try Reader(port: port)
    wait(for: server, readers: 1)
    server.write(PoseFrame(index: 8, time: 0, width: 640, height: 360, people: []))
    #expect(reader.lines(2).last == #"{"frame":8,"time":0,"people":[]}"#)
    #expect(throws: PosecamError.self) { _ = try PoseServer(.port(port), .sample()) }
    server.finish()
  }

  /// Nothing waits for one who does not read; what that one gets at last is whole lines, each counted frame missing.
  @Test func aSlowReaderLosesFramesAndHoldsNobodyUp() throws {
    let folder = try Folder()
    let server = try PoseServer(.unix(folder.path("s")), .sample())
    let slow = try Reader(unix: folder.path("s"))
    wait(for: server, readers: 1)
    let count = 2000
    for index in 0..<count {
      server.write(PoseFrame(index: index, time: 0, width: 640, height: 360, people: twoPeople))
    }
    let dropped = server.dropped
    #expect(dropped > count / 2 && dropped < count)
    let queue = DispatchQueue(label: "finish")
    let end = DispatchGroup()
    queue.async(group: end) { server.finish() }
    let lines = slow.lines(count + 2)
    end.wait()
    #expect(lines.count == 1 + count - dropped)
    let numbers = try lines.dropFirst().map { line in
      try #require((try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])?["frame"] as? Int)
    }
    #expect(numbers == Array(0..<numbers.count), "the first ones waited in the kernel")
  }

  @Test func readersMayLeave() throws {
    let folder = try Folder()
    let server = try PoseServer(.unix(folder.path("s")), .sample())
    do {
      let reader = try Reader(unix: folder.path("s"))
      wait(for: server, readers: 1)
      #expect(reader.lines(1).count == 1)
    }
    for index in 0..<3 {
      server.write(PoseFrame(index: index, time: 0, width: 640, height: 360, people: twoPeople))
    }
    #expect(server.readerCount == 0)
    let another = try Reader(unix: folder.path("s"))
    wait(for: server, readers: 1)
    server.finish()
    #expect(another.lines(2).count == 1)
  }

  @Test func placesThatAreTaken() throws {
    let folder = try Folder()
    let path = folder.path("s")
    let server = try PoseServer(.unix(path), .sample())
    #expect { _ = try PoseServer(.unix(path), .sample()) } throws: { "\($0)".contains("another program serves there") }
    server.finish()
    // A socket that nobody serves any more is taken over, anything else is not.
    let left = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = bind(left, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    close(left)
    try PoseServer(.unix(path), .sample()).finish()
    try "precious".write(toFile: path, atomically: false, encoding: .utf8)
    #expect { _ = try PoseServer(.unix(path), .sample()) } throws: { "\($0)".contains("Address already in use") }
    #expect(try folder.text("s") == "precious")
    let long = folder.path(String(repeating: "x", count: 120))
    #expect { _ = try PoseServer(.unix(long), .sample()) } throws: { "\($0)".contains("at most 107 bytes") }
  }

  @Test(arguments: [
    ("unix:/tmp/a", PoseServer.Address.unix("/tmp/a")), ("8080", .port(8080)), ("0", .port(0)), ("unix:", nil),
    ("70000", nil), ("-1", nil), ("localhost:80", nil), ("", nil),
  ])
  func addresses(text: String, address: PoseServer.Address?) {
    #expect(PoseServer.Address(text) == address)
  }
}
