import Foundation

@testable import Video

/// A bitmap whose pixel at (x, y) is what `colour` says.
func painted(_ width: Int, _ height: Int, _ colour: (Int, Int) -> (UInt8, UInt8, UInt8)) -> Bitmap {
  var bitmap = Bitmap(width: width, height: height)
  for y in 0..<height {
    for x in 0..<width {
      let (red, green, blue) = colour(x, y)
      bitmap.pixels.replaceSubrange(3 * (y * width + x)..<3 * (y * width + x) + 3, with: [red, green, blue])
    }
  }
  return bitmap
}

/// A frame of one grey, at some ticks of 1/90000 s.
func grey(_ width: Int, _ height: Int, _ value: UInt8, ticks: Int64 = 0, index: Int = 0) throws -> Frame {
  try Frame(
    bitmap: painted(width, height) { _, _ in (value, value, value) }, index: index,
    timestamp: Timestamp(ticks: ticks, numerator: 1, denominator: 90000))
}

/// A folder that goes with its owner.
final class Scratch {
  let path: String

  init() throws {
    path = FileManager.default.temporaryDirectory.appendingPathComponent("posecam-\(UUID().uuidString)").path
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }

  func callAsFunction(_ name: String) -> String { path + "/" + name }
}

/// FFmpeg's own programs, the second opinion on what we write.
enum FFmpegTool {
  static let isPresent = ["ffmpeg", "ffprobe"].allSatisfy { name in
    (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
      FileManager.default.isExecutableFile(atPath: "\($0)/\(name)")
    }
  }

  /// What the program prints.
  @discardableResult static func run(_ name: String, _ arguments: String...) throws -> String {
    try run(name, arguments: arguments)
  }

  @discardableResult static func run(_ name: String, arguments: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [name, "-v", "error"] + arguments
    let output = Pipe()
    process.standardOutput = output
    process.standardInput = FileHandle.nullDevice
    try process.run()
    let data = output.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw VideoError("\(name) failed: \(arguments)") }
    return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
