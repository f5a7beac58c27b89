import Foundation
import Testing

@testable import posecam

/// Several videos for one `annotate`.
@Suite(.enabled(if: Program.isPresent, Program.absence))
struct WorklistTests {
  private let folder: Folder

  init() throws { folder = try Folder() }

  private func makeClips(_ names: String...) throws {
    let outcome = try Program.run(
      "posecam scene demo:size=96x64,seconds=0.5,people=1 -o one.mp4 --truth /dev/null && for n in \(names.joined(separator: " ")); do "
        + "mkdir -p $(dirname $n) && cp one.mp4 $n; done; rm one.mp4", in: folder)
    try #require(outcome.status == 0, "\(outcome.errors)")
  }

  private func run(_ line: String) throws -> Program.Outcome { try Program.run("posecam annotate \(line)", in: folder) }

  private func files(in name: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: folder.path(name)).sorted()
  }

  @Test func everyVideoGetsOutputsOfItsOwn() throws {
    try makeClips("a.mp4", "b/c.mp4")
    let outcome = try run("a.mp4 b/c.mp4 -o 'out/{name}.mp4' --json '{name}.jsonl' -o 'poses/{name}/'")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("1 of 2: a.mp4") && outcome.errors.contains("2 of 2: b/c.mp4"))
    #expect(try files(in: "out") == ["a.mp4", "c.mp4"])
    #expect(try files(in: "poses/a").count == 15 && files(in: "poses/c").count == 15)
    for name in ["a", "c"] { #expect(try folder.text("\(name).jsonl").split(separator: "\n").count == 16) }
    #expect(try folder.text("c.jsonl").contains("\"source\":\"b/c.mp4\""))
  }

  @Test func oneThatFailsDoesNotStopTheOthers() throws {
    try makeClips("videos/v2.mp4", "videos/v10.mp4")
    try Data("no video".utf8).write(to: URL(fileURLWithPath: folder.path("videos/v1.mov")))
    // As file managers leave them beside videos.
    try Data("no picture".utf8).write(to: URL(fileURLWithPath: folder.path("videos/thumbnail.jpg")))
    let outcome = try run("videos -o 'out/{name}.jsonl'")
    #expect(outcome.status == 1)
    #expect(outcome.errors.contains("1 of 3: videos/v1.mov") && outcome.errors.contains("3 of 3: videos/v10.mp4"))
    #expect(outcome.complaints.last == "Error: 1 of 3 failed: videos/v1.mov")
    #expect(try files(in: "out") == ["v10.jsonl", "v2.jsonl"])
  }

  @Test func whatIsThereIsLeftOut() throws {
    try makeClips("a.mp4", "b.mp4")
    let command = "a.mp4 b.mp4 -o '{name}.csv' -o '{name}.jsonl' --skip-existing"
    #expect(try run(command).status == 0)
    try FileManager.default.removeItem(atPath: folder.path("b.csv"))
    try Data("mine".utf8).write(to: URL(fileURLWithPath: folder.path("a.csv")))
    let outcome = try run(command)
    #expect(outcome.status == 0 && outcome.errors.contains("1 left out"), "\(outcome.errors)")
    #expect(try folder.text("a.csv") == "mine")
    #expect(try folder.text("b.csv").hasPrefix("frame,time"))
  }

  /// What Ctrl-C cut short would count as done the next time.
  @Test func anInterruptedVideoIsNotKeptWhereItWouldBeSkipped() throws {
    let outcome = try Program.run(
      """
      posecam scene demo:size=96x64,seconds=40,people=1 -o long.mp4 --truth /dev/null && cp long.mp4 later.mp4
      '\(try #require(Program.path))' annotate long.mp4 later.mp4 -o '{name}.jsonl' --skip-existing --threads 1 & job=$!
      while kill -0 $job && ! ls -A | grep -q 'long.jsonl.partial'; do sleep 0.05; done; kill -TERM $job; wait $job
      """, in: folder)
    #expect(outcome.status == 128 + SIGTERM, "\(outcome.errors)")
    #expect(outcome.errors.contains("not kept"), "\(outcome.errors)")
    #expect(try folder.contents() == ["later.mp4", "long.mp4"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.path("")).allSatisfy { !$0.contains("partial") })
  }

  /// A disk that fills up: what is there of an output would count as done the next time.
  @Test func aFailedVideoIsNotKeptWhereItWouldBeSkipped() throws {
    try makeClips("a.mp4", "b.mp4")
    let command = "posecam annotate a.mp4 b.mp4 -o '{name}.ts' --skip-existing"
    let failed = try Program.run("trap '' XFSZ; ulimit -f 6; \(command)", in: folder)
    #expect(failed.status == 1 && failed.errors.contains("2 of 2 failed"), "\(failed.errors)")
    #expect(try folder.contents() == ["a.mp4", "b.mp4"])
    let again = try Program.run(command, in: folder)
    #expect(again.status == 0 && !again.errors.contains("left out"), "\(again.errors)")
    #expect(try folder.contents() == ["a.mp4", "a.ts", "b.mp4", "b.ts"])
  }

  /// Writes a server of `long.ts` that closes the connection after so many tenths of the file; its port comes in `.port`.
  private func writeServer(tenths: Int, knowsRanges: Bool) throws {
    let server = """
      import http.server, os
      data = open('long.ts', 'rb').read()
      class Handler(http.server.BaseHTTPRequestHandler):
          def do_GET(self):
              asked = self.headers.get('Range') if \(knowsRanges ? "True" : "False") else None
              start = int(asked.split('=')[1].split('-')[0]) if asked else 0
              self.send_response(206 if asked else 200)
              if asked: self.send_header('Content-Range', f'bytes {start}-{len(data) - 1}/{len(data)}')
              self.send_header('Content-Length', str(len(data) - start))
              self.end_headers()
              self.wfile.write(data[start:start + len(data) * \(tenths) // 10])
          def log_message(self, *arguments): pass
      server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
      open('.port.new', 'w').write(str(server.server_port))
      os.rename('.port.new', '.port')
      server.serve_forever()
      """
    try server.write(toFile: folder.path(".serve.py"), atomically: true, encoding: .utf8)
  }

  /// A server that closes the connection, as many do with one that was not read for a while, is asked for the rest.
  @Test(.enabled(if: LiveStreamTests.hasPython, "python3 is not installed")) func aDownloadGoesOnWhereItBrokeOff()
    throws
  {
    try writeServer(tenths: 4, knowsRanges: true)
    let outcome = try Program.run(
      """
      posecam scene demo:size=320x192,seconds=2,people=2 -o long.ts --truth /dev/null
      python3 .serve.py & server=$!
      until [ -s .port ]; do kill -0 $server || break; sleep 0.05; done
      posecam annotate http://127.0.0.1:$(cat .port)/long.ts -o all.jsonl; status=$?
      posecam annotate long.ts -o file.jsonl
      kill $server; (exit $status)
      """, in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let (all, file) = try (folder.text("all.jsonl"), folder.text("file.jsonl"))
    #expect(all.split(separator: "\n").dropFirst() == file.split(separator: "\n").dropFirst())
  }

  /// What was not delivered may be had another time: the run fails, and nothing counts as done.
  @Test(.enabled(if: LiveStreamTests.hasPython, "python3 is not installed")) func aDownloadThatBreaksOffIsAFailure()
    throws
  {
    try writeServer(tenths: 6, knowsRanges: false)
    let made = try Program.run(
      "posecam scene demo:size=320x192,seconds=4,people=2 -o long.ts --truth /dev/null", in: folder)
    try #require(made.status == 0, "\(made.errors)")
    for (output, kept) in [("cut.jsonl", ["cut.jsonl"]), ("'{name}.jsonl' --skip-existing", [])] {
      let outcome = try Program.run(
        """
        rm -f .port cut.jsonl; python3 .serve.py & server=$!
        until [ -s .port ]; do kill -0 $server || break; sleep 0.05; done
        posecam annotate http://127.0.0.1:$(cat .port)/long.ts -o \(output); status=$?
        kill $server; (exit $status)
        """, in: folder)
      #expect(outcome.status == 1 && outcome.errors.contains("reading stopped early"), "\(outcome.errors)")
      #expect(try folder.contents().filter { $0.hasSuffix("jsonl") } == kept)
      for name in kept { #expect(try folder.text(name).split(separator: "\n").count > 20) }
    }
  }

  /// From a pipe that sends nothing, as the first and as a later source: nothing hangs, and no older file is replaced.
  @Test(arguments: ["quiet -o keep.csv", "a.mp4 quiet -o '{name}.jsonl'"])
  func theEndMayBeAskedForWhileASourceIsOpened(_ line: String) throws {
    try makeClips("a.mp4")
    try Data("mine".utf8).write(to: URL(fileURLWithPath: folder.path("keep.csv")))
    let outcome = try Program.run(
      """
      mkfifo quiet; sleep 60 > quiet & holder=$!
      timeout -k 20 4 '\(try #require(Program.path))' annotate \(line) --threads 1; status=$?
      kill $holder; (exit $status)
      """, in: folder)
    #expect(outcome.status == 124, "\(outcome.status): \(outcome.errors)")
    #expect(try folder.text("keep.csv") == "mine")
  }

  @Test func picturesOfOneNameAreSeveral() throws {
    try makeClips("a.mp4")
    #expect(try run("a.mp4 --pictures p --end 0.01").status == 0)
    let copied = try Program.shell(
      "mv p/*_000000000000_rendered.png p/1.png && mkdir q r && cp p/1.png q && cp p/1.png r", in: folder)
    #expect(copied.status == 0)
    let outcome = try run("p/1.png q/1.png r/1.png -o people/ --pictures drawn")
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try files(in: "people") == ["1.png_keypoints.json", "1_3_keypoints.json", "1_keypoints.json"])
    #expect(try files(in: "drawn") == ["1.png_rendered.png", "1_3_rendered.png", "1_rendered.png"])
  }

  @Test func picturesAreOneSource() throws {
    try makeClips("a.mp4")
    #expect(try run("a.mp4 --pictures p").status == 0)
    let outcome = try run("p/*0_rendered.png p/a_000000000007_rendered.png -o all.jsonl")
    #expect(outcome.status == 0, "\(outcome.errors)")
    let lines = try folder.text("all.jsonl").split(separator: "\n")
    #expect(lines.count == 4 && lines[2].contains("7_rendered.png") && lines[3].contains("10_rendered.png"), "\(lines)")
  }

  @Test func theLiveCommandTakesNamesToo() throws {
    try makeClips("a.mp4")
    #expect(try run("a.mp4 --pictures p").status == 0)
    for (line, count) in [
      ("a.mp4", 16), ("live a.mp4", 16), ("p/*1_rendered.png", 3),
      ("live --video p/a_000000000001_rendered.png p/a_000000000002_rendered.png", 3),
    ] {
      let outcome = try Program.run("posecam \(line) --json -", in: folder)
      #expect(outcome.output.split(separator: "\n").count == count, "\(line): \(outcome.errors)")
    }
    let several = try Program.run("posecam a.mp4 a.mp4 --json -", in: folder)
    #expect(several.status == 64 && several.errors.contains("Outputs take one"), "\(several.errors)")
  }

  @Test func whatCannotBeToldApartIsRefused() throws {
    try makeClips("a.mp4", "b/a.mp4", "b/z.mp4", "z_a.mp4")
    try FileManager.default.createSymbolicLink(atPath: folder.path("link.mp4"), withDestinationPath: "z_a.mp4")
    let before = try folder.contents()
    for (line, complaint) in [
      ("a.mp4 b/a.mp4 -o out.mp4", "a.mp4: several sources need outputs of their own"),
      ("b -o out.mp4", "b: a folder with 2 videos; give outputs with {name}"),
      ("a.mp4 b/a.mp4 -o '{name}.csv'", "a.csv: would be written for a.mp4 and for b/a.mp4"),
      ("a.mp4 b/z.mp4 -o '{name}.mov' --json all.jsonl", "all.jsonl: every video needs outputs of its own"),
      ("a.mp4 b/z.mp4 -o '{name}.csv' --serve 0", "--serve takes one source"),
      ("a.mp4 -o '{name}.mp4'", "a.mp4: is the input itself"),
      ("a.mp4 b/a.mp4 -o 'b/{name}.mp4'", "b/a.mp4: would be written for"),
      ("a.mp4 b/z.mp4 -o 'b/{name}.mp4'", "b/z.mp4: is the input itself"),
      ("b/z.mp4 b/a.mp4 -o 'none/deep/{name}.mp4'", "none/deep: cannot be made"),
      ("a.mp4 -o out.mp4 --skip-existing", "--skip-existing is for"),
      ("a.mp4 -o '{name}/' --pictures '{name}_drawn' --skip-existing", "--skip-existing: no folder tells"),
      ("./a.mp4 b/../z_a.mp4 -o 'z_{name}.mp4'", "b/../z_a.mp4: is an input, and an output of another"),
      (". -o 'z_{name}.mp4'", ": is an input, and an output of another"),
      ("a.mp4 link.mp4 -o 'z_{name}.mp4'", "link.mp4: is an input, and an output of another"),
    ] {
      let outcome = try run(line)
      #expect(outcome.status == 1 && outcome.errors.contains(complaint), "\(line): \(outcome.errors)")
      #expect(try folder.contents() == before)
    }
  }

  @Test(arguments: [
    ("clip.mp4", "clip"), ("/a/b/holiday 1.final.mov", "holiday 1.final"), ("-", "video"), ("..", "video"),
    ("/", "video"),
    ("rtsp://me:secret@camera/stream", "stream"), ("0", "0"),
  ]) func sourcesHaveNames(input: String, name: String) {
    #expect(Worklist.name(of: input) == name)
  }
}
