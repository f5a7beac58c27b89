import Foundation
import TestSupport
import Testing

/// What is written for 64-bit ARM, on an emulated processor.
struct EmulatedARMTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path
  private static let tools = ["clang", "aarch64-linux-gnu-gcc", "qemu-aarch64-static"]
  private static let missing: [String] = tools.filter { tool in
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return !path.split(separator: ":").contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(tool)") }
  }

  /// With dot products of bytes, as processors since 2018 have them, and without.
  @Test(.enabled(if: missing.isEmpty, "not installed: \(missing.joined(separator: ", "))"))
  func kernelsComputeWhatTheReferenceDoes() throws {
    let folder = FileManager.default.temporaryDirectory.appending(path: "posecam-arm-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let script = """
      set -e
      cd '\(Self.root)/Sources'
      for file in CKernels/*.c CKernels/*/*.c CModel/*.c CTerminal/*.c ../Tests/KernelsOnARM/check.c; do
        clang --target=aarch64-linux-gnu -isystem /usr/aarch64-linux-gnu/include -std=gnu17 -Wall -Werror -O3 -I CKernels/include \
          -I CModel/include -I CTerminal/include -c $file -o "$out/$(basename $file .c).o"
      done
      cd "$out"
      aarch64-linux-gnu-gcc -static *.o -lm -lpthread -o check
      qemu-aarch64-static -cpu cortex-a72 ./check
      qemu-aarch64-static -cpu max ./check
      """
    let shell = Process()
    shell.executableURL = URL(filePath: "/bin/sh")
    shell.arguments = ["-c", script]
    shell.environment = ProcessInfo.processInfo.environment.merging(["out": folder.path]) { $1 }
    let output = Pipe()
    (shell.standardOutput, shell.standardError) = (output, output)
    try shell.run()
    let text = String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
    shell.waitUntilExit()
    #expect(shell.terminationStatus == 0, "\(text)")
    #expect(text.contains(/neon: [1-9]\d+ tried, 0 failed/), "\(text)")
    #expect(text.contains(/neon dotprod: [1-9]\d+ tried, 0 failed/), "\(text)")
  }
}
