import Foundation

/// The library that presents a camera, /dev/video9, to a program started with it in `LD_PRELOAD`
/// (`Tests/CameraShim/CameraShim.c` tells what its environment variables do).
public enum CameraShim {
  /// The C compiler, if there is one.
  public static let compiler: String? = {
    let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
    return ["cc", "clang", "gcc"].lazy.flatMap { name in folders.map { "\($0)/\(name)" } }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }()

  /// Preloading is Linux's, and so is Video4Linux.
  public static var isPossible: Bool {
    #if os(Linux)
      return compiler != nil
    #else
      return false
    #endif
  }

  /// Compiles it into `folder`.
  public static func build(in folder: String) throws -> URL {
    let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("CameraShim/CameraShim.c")
    let library = URL(fileURLWithPath: folder).appendingPathComponent("camera-shim.so")
    let process = Process()
    process.executableURL = URL(fileURLWithPath: compiler ?? "/usr/bin/cc")
    process.arguments = ["-O1", "-fPIC", "-shared", "-o", library.path, source.path, "-ldl"]
    process.standardInput = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else { throw CocoaError(.executableLoad) }
    return library
  }
}
