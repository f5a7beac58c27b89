import Foundation
import Testing

/// Tests that need a program which is not there are passed over; `make test`, which installs them, asks for them all.
struct ToolsTests {
  @Test(.enabled(if: ProcessInfo.processInfo.environment["POSECAM_TEST_TOOLS"] == "required", "make test asks for it"))
  func whatTheTestsNeedIsThere() {
    #expect(Program.isPresent && Program.hasFFmpeg && Tmux.isPresent)
    var tools = ["ffprobe", "python3", "mandoc"]
    #if arch(x86_64)
      tools += ["clang", "aarch64-linux-gnu-gcc", "qemu-aarch64-static"]
    #endif
    for tool in tools {
      let places = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":")
      #expect(places.contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(tool)") }, "\(tool)")
    }
  }
}
