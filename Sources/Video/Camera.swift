import CFFmpeg
import Foundation

/// A camera under Video4Linux.
public struct Camera: Sendable, Equatable {
  /// Device path, e.g. /dev/video0.
  public let path: String
  /// The name its driver gives it.
  public let name: String

  public init(path: String, name: String) {
    self.path = path
    self.name = name
  }

  /// What to ask of a camera; what is `nil` is left to it.
  public struct Mode: Sendable, Equatable {
    public var size: (width: Int, height: Int)?
    public var rate: Double?
    /// FFmpeg's name, e.g. mjpeg or yuyv422.
    public var format: String?

    public init(size: (width: Int, height: Int)? = nil, rate: Double? = nil, format: String? = nil) {
      self.size = size
      self.rate = rate
      self.format = format
    }

    public static func == (first: Mode, second: Mode) -> Bool {
      first.size?.width == second.size?.width && first.size?.height == second.size?.height && first.rate == second.rate
        && first.format == second.format
    }
  }

  /// The cameras of this machine.
  public static var all: [Camera] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/dev")) ?? []
    let numbers = names.filter { $0.hasPrefix("video") }.compactMap { Int($0.dropFirst("video".count)) }.sorted()
    return numbers.map { number in
      let label = try? String(contentsOfFile: "/sys/class/video4linux/video\(number)/name", encoding: .utf8)
      return Camera(
        path: "/dev/video\(number)", name: label?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "unnamed")
    }
  }

  /// What `formats` says of a device that is no camera.
  public static let noPictures = "sends no pictures"

  /// Its formats by the names that `Mode.format` takes, with their sizes and rates, a line each, e.g. "mjpeg (Motion-JPEG): 640x480
  /// at 30 fps, 1280x720 at 30, 10 fps".
  public func formats() -> [String] {
    let descriptor = Foundation.open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { return ["cannot be opened: \(String(cString: strerror(errno)))"] }
    defer { close(descriptor) }
    guard ff_camera_captures(descriptor) != 0 else { return [Self.noPictures] }
    var lines: [String] = []
    var (name, text) = ([CChar](repeating: 0, count: 5), [CChar](repeating: 0, count: 33))
    // A broken driver must not keep us for ever.
    for index in 0..<UInt32(64) where ff_camera_format(descriptor, index, &name, &text) != 0 {
      var sizes: [String] = []
      for number in 0..<UInt32(64) {
        var (width, height): (UInt32, UInt32) = (0, 0)
        let kind = ff_camera_size(descriptor, name, number, &width, &height)
        guard kind != 0 else { break }
        let rates = Self.rates(descriptor, name, width, height)
        sizes.append("\(kind == 2 ? "up to " : "")\(width)x\(height)\(rates)")
        if kind == 2 { break }
      }
      let code = Self.text(name)
      lines.append("\(Self.names[code] ?? code) (\(Self.text(text))): \(sizes.joined(separator: ", "))")
    }
    return lines
  }

  /// FFmpeg's names of the formats that cameras have, by their FOURCC.
  private static let names = [
    "MJPG": "mjpeg", "JPEG": "mjpeg", "H264": "h264", "HEVC": "hevc", "YUYV": "yuyv422", "UYVY": "uyvy422",
    "YU12": "yuv420p", "NV12": "nv12", "RGB3": "rgb24", "BGR3": "bgr24", "GREY": "gray",
  ]

  private static func rates(_ descriptor: Int32, _ name: [CChar], _ width: UInt32, _ height: UInt32) -> String {
    var rates: [Double] = []
    for index in 0..<UInt32(32) {
      var rate = 0.0
      let kind = ff_camera_rate(descriptor, name, width, height, index, &rate)
      guard kind != 0 else { break }
      if kind == 2 { return " at up to \(text(rate)) fps" }
      rates.append(rate)
    }
    return rates.isEmpty ? "" : " at \(rates.map(text).joined(separator: ", ")) fps"
  }

  private static func text(_ rate: Double) -> String {
    let rounded = (rate * 100).rounded() / 100
    return rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
  }

  private static func text(_ characters: [CChar]) -> String {
    String(decoding: characters.prefix { $0 != 0 }.map { UInt8(truncatingIfNeeded: $0) }, as: UTF8.self)
  }

  /// Opens a camera, by index or device path.
  static func open(path: String, name: String, mode: Mode) throws(VideoError) -> MediaSource {
    guard access(path, F_OK) == 0 else {
      let known = all.map { "\($0.path) (\($0.name))" }.joined(separator: ", ")
      throw VideoError(
        "\(name): no camera \(path); \(known.isEmpty ? "there is none on this machine" : "there is \(known)")")
    }
    guard access(path, R_OK | W_OK) == 0 else {
      throw VideoError("\(path): no permission; is your user in the group 'video'?")
    }
    var options: [String: String] = [:]
    if let size = mode.size { options["video_size"] = "\(size.width)x\(size.height)" }
    if let rate = mode.rate { options["framerate"] = String(rate) }
    // Uncompressed pictures above VGA do not fit through USB 2 at full rate.
    let isLarge = mode.size.map { $0.width * $0.height > 640 * 480 } ?? false
    let wanted = mode.format ?? (isLarge ? "mjpeg" : nil)
    if let wanted { options[Self.isCompressed(wanted) ? "input_format" : "pixel_format"] = wanted }
    let source: MediaSource
    do {
      source = try open(path: path, options: options)
    } catch {
      // A camera without MJPEG is still a camera.
      guard mode.format == nil, wanted != nil else { throw error }
      options["input_format"] = nil
      source = try open(path: path, options: options)
    }
    source.notice("\(path): \(source.info.format)\(disappointment(mode, source.info))")
    return source
  }

  /// What the camera could not do of what was asked.
  private static func disappointment(_ mode: Mode, _ info: SourceInfo) -> String {
    var asked: [String] = []
    if let size = mode.size, size != (info.width, info.height) { asked.append("\(size.width)x\(size.height)") }
    if let rate = mode.rate, abs(rate - info.nominalRate) > 0.01 * rate { asked.append("\(text(rate)) fps") }
    if let format = mode.format, !info.format.contains(format) { asked.append(format) }
    return asked.isEmpty ? "" : " (asked for \(asked.joined(separator: ", ")))"
  }

  private static func isCompressed(_ format: String) -> Bool { ["mjpeg", "h264", "hevc"].contains(format) }

  private static func open(path: String, options: [String: String]) throws(VideoError) -> MediaSource {
    let input = try MediaInput(url: path, name: path, format: "v4l2", options: options, openTimeout: 10)
    input.readTimeout = 5
    return try MediaSource(input, name: path, isLive: true, decoderThreads: 1)
  }
}
