import Foundation
import Testing

/// A stream that comes at its own pace, over HTTP and UDP on the loopback, into a network that is too slow for it.
@Suite(.enabled(if: Program.isPresent, Program.absence), .serialized)
struct LiveStreamTests {
  static let hasPython =
    FileManager.default.isExecutableFile(atPath: "/usr/bin/python3")
    || FileManager.default.isExecutableFile(atPath: "/usr/local/bin/python3")

  /// Sends clip.ts over `seconds`: to whoever asks on a free HTTP port, which it writes to the file `port`, or to a UDP port.
  private static let sender = """
    import http.server, socket, sys, time
    kind, seconds = sys.argv[1], float(sys.argv[2])
    data = open('clip.ts', 'rb').read()
    def pace(send):
        start, size = time.monotonic(), 7 * 188
        for at in range(0, len(data), size):
            time.sleep(max(0, start + seconds * at / len(data) - time.monotonic()))
            send(data[at:at + size])
    if kind == 'udp':
        out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        pace(lambda part: out.sendto(part, ('127.0.0.1', int(sys.argv[3]))))
    else:
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.send_response(200)
                self.send_header('Content-Type', 'video/mp2t')
                self.end_headers()
                pace(self.wfile.write)
            def log_message(self, *arguments): pass
        server = http.server.HTTPServer(('127.0.0.1', 0), Handler)
        server.timeout = 20
        open('port.new', 'w').write(str(server.server_port))
        import os
        os.rename('port.new', 'port')
        server.handle_request()
    """

  private func prepare(_ seconds: Int) throws -> Folder {
    let folder = try Folder()
    let clip = try Program.run(
      "posecam scene demo:size=320x192,seconds=\(seconds),people=2 -o clip.ts --truth t", in: folder)
    try #require(clip.status == 0, "\(clip.errors)")
    try Self.sender.write(toFile: folder.path("send.py"), atomically: true, encoding: .utf8)
    return folder
  }

  /// The number before (or after) a word of the last line of the progress.
  private func number(_ pattern: Regex<(Substring, Substring)>, in outcome: Program.Outcome) -> Double? {
    outcome.complaints.last.flatMap { try? pattern.firstMatch(in: $0) }.flatMap { Double($0.output.1) }
  }

  @Test(.enabled(if: hasPython, "python3 is not installed"))
  func aSlowNetworkDropsStaleFramesAndStaysCurrent() throws {
    let folder = try prepare(4)
    let outcome = try Program.run(
      """
      python3 send.py http 4 & sender=$!
      until [ -s port ]; do kill -0 $sender || exit 9; sleep 0.05; done
      posecam --video http://127.0.0.1:$(cat port)/ --json live.jsonl --size 640 --threads 1 --reconnect 0
      """, in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let lines = try folder.text("live.jsonl").split(separator: "\n").dropFirst()
    let frames = lines.compactMap { line -> Int? in
      (try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])?["frame"] as? Int
    }
    #expect(frames == frames.sorted() && Set(frames).count == frames.count)
    // Far fewer than the 120 that came were looked at, yet the last ones are the newest.
    #expect((3..<110).contains(frames.count), "\(frames.count)")
    #expect(frames.last ?? 0 > 100)
    let dropped = try #require(number(/(\d+) dropped/, in: outcome), "\(outcome.errors)")
    #expect(abs(dropped + Double(frames.count) - 120) <= 4, "every frame was shown or counted")
    // Two frames wait at most: one before the network, one in it. A queue would have grown to seconds.
    let latency = try #require(number(/latency (\d+) ms/, in: outcome), "\(outcome.errors)")
    let period = 4000 / Double(frames.count)
    #expect(latency < 3 * period + 100, "\(latency) ms at \(period) ms per frame")
  }

  @Test(.enabled(if: hasPython, "python3 is not installed"))
  func datagramsAreShownAsTheyCome() throws {
    let folder = try prepare(3)
    // Below what the system gives out by itself.
    let port = 20_000 + Int(getpid()) % 12_000
    // The clip is sent twice: the first time may begin before the program listens.
    let outcome = try Program.run(
      """
      '\(try #require(Program.path))' --video udp://127.0.0.1:\(port) --json live.jsonl & child=$!
      sleep 1; python3 send.py udp 3 \(port); python3 send.py udp 3 \(port)
      kill -TERM $child; wait $child
      """, in: folder)
    #expect(outcome.status == 143, "\(outcome.errors)")
    let count = try folder.text("live.jsonl").split(separator: "\n").count - 1
    #expect(count > 30, "\(count) frames: \(outcome.errors)")
  }
}

/// A stream that breaks off: the short form of Benchmarks/reconnect.py, which measures.
@Suite(.enabled(if: Program.isPresent && Program.hasFFmpeg, "the built program, or ffmpeg, is missing"), .serialized)
struct ReconnectTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path

  /// Killed and started again three times: the picture comes back each time, people stay who they are, nothing leaks, and
  /// every change is told once.
  @Test func comesBackEachTime() throws {
    let outcome = try Program.run(
      "python3 '\(Self.root)/Benchmarks/reconnect.py' --posecam '\(try #require(Program.path))' --kinds tcp --times 3 "
        + "--up 1.5 --limit 15", in: try Folder())
    #expect(outcome.status == 0, "\(outcome.output) \(outcome.errors)")
    #expect(outcome.output.contains("6 lines told"), "\(outcome.output)")
  }

  @Test func givesUpWhenAskedTo() throws {
    let folder = try Folder()
    try """
    import socket
    server = socket.create_server(("127.0.0.1", 0))
    open("port", "w").write(str(server.getsockname()[1]))
    client = server.accept()[0]
    client.sendall(open("clip.ts", "rb").read())
    """.write(toFile: folder.path("send.py"), atomically: true, encoding: .utf8)
    let outcome = try Program.run(
      """
      posecam scene demo:size=160x96,seconds=1,people=1 -o clip.ts --truth t
      python3 send.py & until [ -s port ]; do sleep 0.05; done
      posecam --video tcp://127.0.0.1:$(cat port) --json out.jsonl --size 64 --reconnect 1; echo $? > status
      """, in: folder)
    // What came to its end in good order is no failure, and what came before is there.
    #expect(try folder.text("status") == "0\n", "\(outcome.errors)")
    #expect(outcome.complaints.filter { $0.contains("ended after") && $0.contains("trying again") }.count == 1)
    #expect(try folder.text("out.jsonl").split(separator: "\n").count >= 2)
  }

  @Test func whatWasNeverThereIsAnErrorAtOnce() throws {
    let outcome = try Program.run("posecam --video tcp://127.0.0.1:9 --json - --open-timeout 2", in: try Folder())
    #expect(outcome.status == 1 && outcome.errors.contains("Error: tcp://127.0.0.1:9: Connection refused"))
    // Nobody sends; without the time-out it would wait for ever.
    let silent = try Program.run("posecam --video udp://127.0.0.1:29 --json - --open-timeout 0.5", in: try Folder())
    #expect(silent.status == 1 && silent.errors.contains("no answer in time"))
  }
}
