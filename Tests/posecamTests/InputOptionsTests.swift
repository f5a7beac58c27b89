import ArgumentParser
import Testing
import Video

@testable import posecam

struct InputOptionsTests {
  @Test(
    arguments: [
      ("90", 90), ("0", 0), ("1.5", 1.5), ("1:30", 90), ("0:01:30.5", 90.5), ("10:00:00", 36_000), ("-1", nil),
      ("1:60", nil), ("1:-3", nil), ("1::2", nil), ("", nil), (":", nil), ("1:2:3:4", nil), ("nan", nil), ("inf", nil),
      ("1e99", nil), ("a:10", nil), ("99999999999999999999:00", nil),
    ] as [(String, Double?)])
  func times(text: String, seconds: Double?) {
    #expect(TimeOffset(argument: text)?.seconds == seconds)
  }

  @Test func everythingReachesTheSource() throws {
    let options = try InputOptions.parse([
      "--start", "1:00", "--end", "90", "--every", "2", "--rotate", "270", "--flip", "--camera-size", "1280x720",
      "--camera-fps", "15", "--camera-format", "yuyv422", "--rtsp-transport", "udp", "--open-timeout", "3",
      "--read-timeout", "4", "--reconnect", "5",
    ]).sourceOptions
    #expect(options.selection.start == 60 && options.selection.end == 90 && options.selection.every == 2)
    #expect(options.selection.quarterTurns == 3 && options.selection.isFlipped)
    #expect(options.cameraMode == .init(size: (1280, 720), rate: 15, format: "yuyv422"))
    #expect(options.stream.rtspTransport == .udp && options.stream.openTimeout == 3)
    #expect(options.stream.readTimeout == 4 && options.stream.reconnect == 5)
  }

  @Test(arguments: [
    ["--start", "5", "--end", "5"], ["--every", "0"], ["--rotate", "45"], ["--camera-fps", "0"],
    ["--read-timeout", "0"], ["--reconnect", "-1"], ["--rtsp-transport", "sctp"], ["--start", "x"],
  ])
  func whatMakesNoSenseIsRefused(arguments: [String]) {
    #expect(throws: (any Error).self) { _ = try InputOptions.parse(arguments) }
  }
}
