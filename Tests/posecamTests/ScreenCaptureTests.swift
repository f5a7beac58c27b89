import Foundation
import Testing

/// The screen of an X server that draws into memory.
@Suite(.enabled(if: Program.isPresent && ScreenServer.isPresent, "the built program, or Xvfb, is missing"))
struct ScreenCaptureTests {
  @Test func aScreenAndAPartOfIt() throws {
    let folder = try Folder()
    let outcome = try Program.run(
      """
      Xvfb -displayfd 1 -screen 0 200x120x24 > display 2> xvfb & server=$!
      until [ -s display ]; do kill -0 $server || exit 9; sleep 0.05; done
      export DISPLAY=:$(cat display)
      posecam devices > devices
      posecam --video screen: --end 1 --size 64 --json whole.jsonl
      posecam --video screen:$DISPLAY.0+20,10 --camera-size 64x48 --end 1 --size 64 --json part.jsonl
      kill $server
      """, in: folder)
    #expect(try folder.text("devices").contains("--video screen:  the X11 display :"), "\(outcome.errors)")
    let (whole, part) = (try folder.text("whole.jsonl"), try folder.text("part.jsonl"))
    #expect(whole.contains(#""width":200,"height":120"#) && part.contains(#""width":64,"height":48"#))
    #expect(whole.split(separator: "\n").count >= 2 && part.split(separator: "\n").count >= 2)
  }

  @Test func withoutADisplayItSaysSo() throws {
    let outcome = try Program.run("unset DISPLAY; posecam --video screen:", in: try Folder())
    #expect(outcome.status == 1 && outcome.errors.contains("screen: no X11 display: DISPLAY is not set"))
  }
}

enum ScreenServer {
  static let isPresent = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").contains {
    FileManager.default.isExecutableFile(atPath: "\($0)/Xvfb")
  }
}
