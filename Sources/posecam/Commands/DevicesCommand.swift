import ArgumentParser
import Foundation
import Video

/// `posecam devices`: what can be given to `--video` on this machine.
struct DevicesCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "devices",
    abstract: "Lists cameras with their formats, sizes and rates, and screens, as --video takes them.",
    discussion: "A camera is asked for a mode by --camera-size, --camera-fps and --camera-format.")

  @Argument(
    help: "Only this camera, by its number or device.", completion: .custom { _, _, _ in Camera.all.map(\.path) })
  var camera: String?

  func run() throws {
    var cameras = Camera.all
    if let camera {
      let path = camera.allSatisfy(\.isNumber) ? "/dev/video\(camera)" : camera
      guard access(path, F_OK) == 0 else { throw PosecamError("\(path): no such camera") }
      cameras = [cameras.first { $0.path == path } ?? Camera(path: path, name: "unnamed")]
    }
    if cameras.isEmpty { print("no cameras (no /dev/video*)") }
    for camera in cameras {
      let number = camera.path.split(separator: "/dev/video").last.flatMap { Int($0) }
      let formats = camera.formats()
      if self.camera != nil, formats == [Camera.noPictures] {
        throw PosecamError("\(camera.path): \(Camera.noPictures)")
      }
      print("--video \(number.map(String.init) ?? camera.path)  \(camera.path): \(camera.name)")
      for format in formats { print("  \(format)") }
    }
    guard camera == nil else { return }
    if let display = ScreenCapture.display {
      print("--video screen:  the X11 display \(display)")
    } else {
      print("no screen to capture (no X11 display, or this FFmpeg has no x11grab)")
    }
  }
}
