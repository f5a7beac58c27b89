import Foundation
import TestSupport
import Testing

/// The real program and a camera that a preloaded library pretends to be.
@Suite(
  .serialized,
  .enabled(if: CameraShim.isPossible && CameraRun.program != nil, "no C compiler, or the program is missing"))
struct CameraTests {
  @Test(arguments: [[:], ["CAMERA_SHIM_PLANAR": "1"]])
  func playsUntilItIsUnplugged(form: [String: String]) throws {
    let environment = form.merging(["CAMERA_SHIM_FRAMES": "12"]) { $1 }
    let run = try CameraRun("--video", "9", "--json", "-", camera: environment)
    #expect(run.status == 1)
    #expect(run.errors.contains("/dev/video9: the device is gone") && run.errors.contains("after 12 frames"))
    let lines = run.output.split(separator: "\n")
    #expect(lines.count >= 2 && lines[0].contains("\"width\":320,\"height\":240"))
    // Times begin with the camera, not with the epoch.
    let times = lines.dropFirst().compactMap { $0.firstMatch(of: #/"time":([0-9.]+)/#).flatMap { Double($0.1) } }
    #expect(times.count == lines.count - 1 && times.allSatisfy { $0 < 100 })
    #expect(zip(times, times.dropFirst()).allSatisfy { $0 < $1 })
  }

  @Test(.enabled(if: CameraRun.hasFFmpeg, "ffmpeg is needed")) func compressedPicturesAreAskedForAboveVGA() throws {
    let folder = try RunFolder()
    try CameraRun.tool(
      "ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=size=800x600:rate=30:duration=1", "-c:v", "mjpeg", "-f",
      "mjpeg", folder.path + "/pictures")
    let run = try CameraRun(
      "--video", "/dev/video9", "--camera-size", "800x600", "--json", "-",
      camera: [
        "CAMERA_SHIM_MJPEG": folder.path + "/pictures", "CAMERA_SHIM_WIDTH": "800", "CAMERA_SHIM_HEIGHT": "600",
        "CAMERA_SHIM_FRAMES": "8",
      ])
    #expect(run.errors.contains("after 8 frames"))
    #expect(run.output.contains("\"width\":800,\"height\":600"))
    #expect(run.errors.contains("/dev/video9: mjpeg yuvj420p 800x600 at 30 fps\n"), "what was agreed on is told")
    let listed = try CameraRun(
      "devices", "9",
      camera: [
        "CAMERA_SHIM_MJPEG": folder.path + "/pictures", "CAMERA_SHIM_WIDTH": "800", "CAMERA_SHIM_HEIGHT": "600",
      ])
    #expect(
      listed.output == """
        --video 9  /dev/video9: unnamed
          yuyv422 (YUYV 4:2:2): 800x600 at 30 fps
          mjpeg (Motion-JPEG): 800x600 at 30 fps

        """)
  }

  @Test func aCameraWithoutThatFormatIsUsedAsItIs() throws {
    let run = try CameraRun(
      "--video", "9", "--camera-size", "1280x720", "--json", "-", camera: ["CAMERA_SHIM_FRAMES": "4"])
    #expect(run.errors.contains("after 4 frames") && run.output.contains("\"width\":320,\"height\":240"))
    #expect(run.errors.contains("/dev/video9: rawvideo yuyv422 320x240 at 30 fps (asked for 1280x720)"))
  }

  @Test func aCameraThatSendsNothingIsNotWaitedForForEver() throws {
    let stalled = try CameraRun("--video", "9", "--json", "-", camera: ["CAMERA_SHIM_STALL": "5"])
    #expect(stalled.status == 1 && stalled.errors.contains("nothing received any more, after 5 frames"))
    let dead = try CameraRun("--video", "9", "--json", "-", camera: ["CAMERA_SHIM_FRAMES": "0"])
    #expect(dead.status == 1 && dead.output == "" && dead.errors.contains("sends no pictures"))
  }
}

/// One run of the program to its end.
private struct CameraRun {
  let status: Int32
  let output: String
  let errors: String

  /// The program beside the tests.
  static let program: String? = {
    let tests = URL(fileURLWithPath: CommandLine.arguments[0]).deletingLastPathComponent()
    let bundles = [Bundle.main.bundleURL, tests, tests.deletingLastPathComponent()]
    return bundles.map { $0.appendingPathComponent("posecam").path }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }()

  static let hasFFmpeg = (try? tool("ffmpeg", "-version")) != nil

  init(_ arguments: String..., camera: [String: String]) throws {
    let folder = try RunFolder()
    let library = try CameraShim.build(in: folder.path)
    var environment = ProcessInfo.processInfo.environment.merging(camera) { $1 }
    environment["LD_PRELOAD"] = library.path
    let process = Process()
    process.executableURL = URL(fileURLWithPath: try #require(Self.program))
    process.arguments = arguments
    process.environment = environment
    process.standardInput = FileHandle.nullDevice
    // Files, since a pipe that nobody empties would stop the program.
    let names = ["output", "errors"].map { folder.path + "/" + $0 }
    for name in names { try Data().write(to: URL(fileURLWithPath: name)) }
    process.standardOutput = FileHandle(forWritingAtPath: names[0])
    process.standardError = FileHandle(forWritingAtPath: names[1])
    try process.run()
    process.waitUntilExit()
    status = process.terminationStatus
    output = try String(contentsOfFile: names[0], encoding: .utf8)
    errors = try String(contentsOfFile: names[1], encoding: .utf8)
  }

  static func tool(_ arguments: String...) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = arguments
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
  }
}

/// A folder that goes with its owner.
private final class RunFolder {
  let path = FileManager.default.temporaryDirectory.appendingPathComponent("posecam-\(UUID().uuidString)").path

  init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

  deinit { try? FileManager.default.removeItem(atPath: path) }
}
