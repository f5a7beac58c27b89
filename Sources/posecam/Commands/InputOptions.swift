import ArgumentParser
import Video

extension StreamOptions.Transport: ExpressibleByArgument {}

/// What of a source is wanted, and how it is asked for.
struct InputOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Begin at this time of the source, as seconds or [h:]m:s.", valueName: "time"))
  var start: TimeOffset?

  @Option(help: ArgumentHelp("End before this time of the source.", valueName: "time"))
  var end: TimeOffset?

  @Option(help: ArgumentHelp("Take every Nth frame only.", valueName: "n"))
  var every = 1

  @Option(
    help: ArgumentHelp(
      "Take the pictures of a folder or pattern for the frames of a video, so many per second.", valueName: "rate"))
  var pictureRate: Double?

  @Option(
    help: ArgumentHelp(
      "Turn the picture clockwise, on top of what the file says of itself: 90, 180 or 270.", valueName: "degrees"))
  var rotate = 0

  @Flag(help: "Exchange left and right, after turning.")
  var flip = false

  @Option(
    help: ArgumentHelp("Ask the camera for this picture size, or capture so much of the screen.", valueName: "WxH"))
  var cameraSize: PixelSize?

  @Option(help: ArgumentHelp("Ask the camera or screen for this many frames per second.", valueName: "rate"))
  var cameraFps: Double?

  @Option(
    help: ArgumentHelp(
      "Ask the camera for this format, e.g. mjpeg or yuyv422 (default: mjpeg above 640x480, where there is one).",
      valueName: "format"))
  var cameraFormat: String?

  @Option(help: "How RTSP servers send: tcp, udp, or auto for TCP where there is a choice.")
  var rtspTransport = StreamOptions.Transport.auto

  @Option(help: ArgumentHelp("Seconds to wait for a network stream's answer.", valueName: "seconds"))
  var openTimeout = StreamOptions().openTimeout

  @Option(help: ArgumentHelp("Seconds to wait for a network stream's next data.", valueName: "seconds"))
  var readTimeout = StreamOptions().readTimeout

  @Option(
    help: ArgumentHelp(
      "Seconds for which to try again when a network stream breaks off, 0 for not at all "
        + "(default: for ever, or 30 where HTTP or TCP ended in good order).", valueName: "seconds"))
  var reconnect: Double?

  /// Whether times leave something out.
  var isPart: Bool { start != nil || end != nil }

  func validate() throws {
    if let end, end.seconds <= start?.seconds ?? 0 { throw ValidationError("--end must come after --start.") }
    guard (1...1_000_000).contains(every) else { throw ValidationError("--every takes 1 or more.") }
    guard rotate % 90 == 0, (-270...270).contains(rotate) else {
      throw ValidationError("--rotate takes 90, 180 or 270, not \(rotate).")
    }
    if let pictureRate, !(0.01...1000).contains(pictureRate) {
      throw ValidationError("--picture-rate takes 0.01 to 1000.")
    }
    if let cameraFps, !(0.1...1000).contains(cameraFps) { throw ValidationError("--camera-fps takes 0.1 to 1000.") }
    for (name, seconds) in [("--open-timeout", openTimeout), ("--read-timeout", readTimeout)]
    where !(0.1...3600).contains(seconds) {
      throw ValidationError("\(name) takes 0.1 to 3600 seconds.")
    }
    if let reconnect, !(0...1e9).contains(reconnect) { throw ValidationError("--reconnect takes 0 or more seconds.") }
  }

  var sourceOptions: SourceOptions {
    var options = SourceOptions()
    options.cameraMode = Camera.Mode(
      size: cameraSize.map { ($0.width, $0.height) }, rate: cameraFps, format: cameraFormat)
    options.pictureRate = pictureRate
    options.selection.start = start?.seconds
    options.selection.end = end?.seconds
    options.selection.every = every
    options.selection.quarterTurns = rotate / 90
    options.selection.isFlipped = flip
    options.stream.rtspTransport = rtspTransport
    (options.stream.openTimeout, options.stream.readTimeout) = (openTimeout, readTimeout)
    options.stream.reconnect = reconnect
    return options
  }
}

/// "640x480"
struct PixelSize: ExpressibleByArgument, Sendable {
  var width: Int
  var height: Int

  init?(argument: String) {
    let sides = argument.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    guard sides.count == 2, sides.allSatisfy({ (1...16384).contains($0) }) else { return nil }
    (width, height) = (sides[0], sides[1])
  }
}

/// "90", "1:30" or "0:01:30.5"
struct TimeOffset: ExpressibleByArgument, Sendable, Equatable {
  var seconds: Double

  init?(argument: String) {
    let parts = argument.split(separator: ":", omittingEmptySubsequences: false)
    let last = Double(parts[parts.count - 1]) ?? .nan
    guard parts.count <= 3, last >= 0, last < (parts.count > 1 ? 60 : 1e7) else { return nil }
    seconds = last
    for (part, unit) in zip(parts.dropLast().reversed(), [60.0, 3600.0]) {
      guard let number = Int(part), (0...10_000).contains(number) else { return nil }
      seconds += Double(number) * unit
    }
  }
}
