import Foundation
import Testing

/// The built program, started as a user starts it.
enum Program {
  /// The release build where it is as new as the sources, as `make test` leaves it; else the one beside the tests.
  static let path: String? = {
    let tests = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    let folders = [Bundle.main.bundleURL, tests, tests.deletingLastPathComponent()]
    let built = folders.map { $0.appendingPathComponent("posecam") }
      .first { FileManager.default.isExecutableFile(atPath: $0.path) }
    guard let built else { return nil }
    let release = built.deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent(
      "release/posecam")
    guard let date = changed(release), let newest = newestSource, date >= newest else { return built.path }
    return release.path
  }()

  private static var newestSource: Date? {
    let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Sources")
    let files = FileManager.default.enumerator(at: root, includingPropertiesForKeys: [.contentModificationDateKey])
    return files?.compactMap { ($0 as? URL).flatMap(changed) }.max()
  }

  private static func changed(_ file: URL) -> Date? {
    try? file.resourceValues(forKeys: [.contentModificationDateKey]).contentModificationDate
  }

  /// FFmpeg's own programs, which make clips and give a second opinion.
  static let hasFFmpeg = ["/usr/bin/ffmpeg", "/usr/local/bin/ffmpeg"]
    .contains { FileManager.default.isExecutableFile(atPath: $0) }

  static let isPresent = path != nil
  static let absence: Comment = "the built program is missing"

  struct Outcome {
    var status: Int32
    var output: String
    var errors: String
    /// The lines on standard error.
    var complaints: [Substring] { errors.split(separator: "\n") }
  }

  /// Runs a line of shell in which `posecam` is the program.
  static func run(_ line: String, in folder: Folder) throws -> Outcome {
    try shell("posecam() { '\(try #require(path))' \"$@\"; }; " + line, in: folder)
  }

  /// Runs a line of shell in a folder.
  static func shell(_ line: String, in folder: Folder) throws -> Outcome {
    let errors = folder.path(".errors")
    let script = """
      cd '\(folder.path(""))' && { \(line)
      } 2> '\(errors)'; echo "status=$?"
      """
    try script.write(toFile: folder.path(".script"), atomically: false, encoding: .utf8)
    let pipe = try #require(popen("sh '\(folder.path(".script"))'", "r"))
    var (bytes, buffer) = ([UInt8](), [UInt8](repeating: 0, count: 4096))
    while case let count = fread(&buffer, 1, buffer.count, pipe), count > 0 { bytes += buffer[..<count] }
    pclose(pipe)
    let text = String(decoding: bytes, as: UTF8.self)
    let mark = try #require(text.range(of: "status=", options: .backwards))
    let status = try #require(Int32(text[mark.upperBound...].trimmingCharacters(in: .whitespacesAndNewlines)))
    return Outcome(
      status: status, output: String(text[..<mark.lowerBound]),
      errors: String(decoding: try Data(contentsOf: URL(fileURLWithPath: errors)), as: UTF8.self))
  }
}

/// A temporary folder that goes with the test.
final class Folder {
  private let url = FileManager.default.temporaryDirectory.appendingPathComponent("posecam-\(UUID().uuidString)")

  init() throws { try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true) }
  deinit { try? FileManager.default.removeItem(at: url) }

  func path(_ name: String) -> String { name.isEmpty ? url.path : url.appendingPathComponent(name).path }
  func data(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: path(name))) }
  func text(_ name: String) throws -> String { String(decoding: try data(name), as: UTF8.self) }

  /// What is in it, without the files that start with a dot.
  func contents() throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: url.path).filter { !$0.hasPrefix(".") }.sorted()
  }
}
