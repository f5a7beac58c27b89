import Foundation
import Infer
import Testing

@testable import Video
@testable import posecam

/// A model by its address, from a server on the loopback.
@Suite(.enabled(if: Program.isPresent, Program.absence))
struct RemoteModelTests {
  /// Serves the folder on a port of its own while `line` runs, which finds the address in $at; requests are told in `.log`.
  private func run(_ line: String, in folder: Folder) throws -> Program.Outcome {
    try """
    import http.server, sys
    class Handler(http.server.SimpleHTTPRequestHandler):
        def do_GET(self):
            if self.path == '/cut.safetensors':
                self.send_response(200)
                self.send_header('Content-Length', '1000000')
                self.end_headers()
                self.wfile.write(b'half')
            elif self.path == '/local.safetensors':
                self.send_response(302)
                self.send_header('Location', 'file:///etc/passwd')
                self.end_headers()
            else:
                super().do_GET()
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    open('.port', 'w').write(str(server.server_port))
    server.serve_forever()
    """.write(toFile: folder.path(".server.py"), atomically: true, encoding: .utf8)
    return try Program.run(
      """
      python3 .server.py 2> .log & server=$!
      trap 'kill $server' EXIT
      for try in $(seq 500); do [ -s .port ] && break; sleep 0.02; done
      export at=http://127.0.0.1:$(cat .port) XDG_CACHE_HOME="$PWD/cache"
      \(line)
      """, in: folder)
  }

  @Test func aModelIsFetchedOnceAndKept() throws {
    let folder = try Folder()
    #expect(try Program.run("posecam export -o m.safetensors", in: folder).status == 0)
    let digest = Download.sha256([UInt8](try folder.data("m.safetensors")))
    let outcome = try run(
      """
      posecam export --model "$at/m.safetensors#sha256=\(digest)" -o a.onnx &&
      posecam export --model "$at/m.safetensors#sha256=\(digest.uppercased())" -o b.onnx
      """, in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(outcome.errors.contains("fetching http://127.0.0.1"))
    #expect(try folder.text(".log").split(separator: "\n").count { $0.contains("GET /m.safetensors") } == 1)
    #expect(try folder.data("a.onnx") == folder.data("b.onnx"))
  }

  @Test func whatIsNotTheFileIsNotKept() throws {
    let folder = try Folder()
    let zeros = String(repeating: "0", count: 64)
    try "text".write(toFile: folder.path("m.safetensors"), atomically: true, encoding: .utf8)
    for (address, word) in [
      ("$at/m.safetensors#sha256=\(zeros)", "not \(zeros)"), ("$at/none.pth#sha256=\(zeros)", "404"),
      ("$at/cut.safetensors#sha256=\(zeros)", "cut.safetensors: "),
      ("$at/local.safetensors#sha256=\(zeros)", "local.safetensors: "),
      ("$at/m.safetensors", "add #sha256="), ("$at/m.safetensors#md5=1", "64 hexadecimal digits"),
    ] {
      let outcome = try run("posecam export --model \"\(address)\" -o a.onnx; find cache -type f 2> .no", in: folder)
      #expect(outcome.output == "" && outcome.errors.contains(word), "\(address): \(outcome.errors)")
      // Neither half of a file nor one of this machine was taken for the file.
      #expect(outcome.errors.contains("has the SHA-256") == word.hasPrefix("not "))
      try? FileManager.default.removeItem(atPath: folder.path(".port"))
    }
  }

  /// Nothing of an address leads out of the folder.
  @Test(arguments: [
    ("https://host/a/model.pth?download=true", "model.pth"),
    ("https://host/m%2F..%2F..%2F.bashrc", "m_2F.._2F.._2F.bashrc"),
    ("https://host/", "model"), ("https://host/..", ".."), ("https://host/ä\n.onnx", "___.onnx"),
    ("https://host/\(String(repeating: "n", count: 300)).onnx", String(repeating: "n", count: 95) + ".onnx"),
  ])
  func namesAreOfFewCharacters(url: String, name: String) {
    #expect(RemoteModel.fileName(url) == name)
  }

  /// FIPS 180-4's example.
  @Test func digestsAreTheStandards() {
    #expect(
      Download.sha256(Array("abc".utf8)) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
  }
}
