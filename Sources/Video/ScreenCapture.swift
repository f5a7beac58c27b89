import CFFmpeg
import Foundation

/// What this computer's screen shows, through X11 (FFmpeg's x11grab).
public enum ScreenCapture {
  /// The display that `DISPLAY` names; `nil` where there is none or this FFmpeg cannot capture it.
  public static var display: String? {
    _ = FFmpegLog.isCaptured
    guard av_find_input_format("x11grab") != nil else { return nil }
    return ProcessInfo.processInfo.environment["DISPLAY"].flatMap { $0.isEmpty ? nil : $0 }
  }

  /// - Parameters:
  ///   - specifier: "screen:" for the display that `DISPLAY` names, "screen::1" for another, "screen::0.0+100,200" for the part
  ///     whose upper left corner that is; the mode's size says how large.
  static func open(_ specifier: String, mode: Camera.Mode) throws(VideoError) -> MediaSource {
    let named = specifier.dropFirst("screen:".count)
    let name = named.isEmpty ? "screen" : specifier
    let display = named.isEmpty ? ProcessInfo.processInfo.environment["DISPLAY"] ?? "" : String(named)
    guard !display.isEmpty else {
      let isWayland = ProcessInfo.processInfo.environment["WAYLAND_DISPLAY"] != nil
      throw VideoError(
        "screen: no X11 display: DISPLAY is not set\(isWayland ? "; Wayland's screen cannot be captured" : "")")
    }
    var options = ["framerate": String(mode.rate ?? 30)]
    if let size = mode.size { options["video_size"] = "\(size.width)x\(size.height)" }
    let input = try MediaInput(url: display, name: name, format: "x11grab", options: options, openTimeout: 10)
    input.readTimeout = 5
    let source = try MediaSource(input, name: name, isLive: true, decoderThreads: 1)
    source.notice("\(name): \(source.info.format)")
    return source
  }
}
