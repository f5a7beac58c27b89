import ArgumentParser
import Foundation
import Video

/// `posecam devices`: what can be given to `--video` on this machine.
struct DevicesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "devices",
    abstract: "Lists cameras with their formats, sizes and rates, and screens, as --video takes them.",
    discussion: "A camera is asked for a mode by --camera-size, --camera-fps and --camera-format.")

  func run() throws {
    let cameras = Camera.all
    if cameras.isEmpty { print("no cameras (no /dev/video*)") }
    for camera in cameras {
      print("--video \(camera.path.dropFirst("/dev/video".count))  \(camera.path): \(camera.name)")
      for format in camera.formats() { print("  \(format)") }
    }
    if let display = ScreenCapture.display {
      print("--video screen:  the X11 display \(display)")
    } else {
      print("no screen to capture (no X11 display, or this FFmpeg has no x11grab)")
    }
  }
}
