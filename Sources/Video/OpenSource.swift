import Foundation

/// How to open a source.
public struct SourceOptions: Sendable {
  public var cameraMode = Camera.Mode()
  public var stream = StreamOptions()
  /// For files; live sources decode on one, which adds no delay.
  public var decoderThreads = 2
  /// Whether the demo scene keeps to the clock, as a camera would, instead of coming as fast as it is drawn.
  public var isDemoLive = true
  public var selection = Selection()
  /// Pictures per second of a folder or pattern that holds the frames of a video; `nil` where each is for itself.
  public var pictureRate: Double?
  /// Begins anew when it is over.
  public var isLooped = false

  public init() {}
}

/// How to keep a network stream.
public struct StreamOptions: Sendable {
  public enum Transport: String, Sendable, CaseIterable {
    /// TCP, and UDP where the server has no TCP.
    case auto
    case tcp
    case udp
  }

  /// How RTSP servers send.
  public var rtspTransport = Transport.auto
  /// Seconds to wait for an answer, and for the next data.
  public var openTimeout = 15.0
  public var readTimeout = 10.0
  /// Seconds for which to try to reach a stream again that broke off, 0 for not at all; `nil` for ever, or half a minute where
  /// HTTP or TCP ended in good order.
  public var reconnect: Double?

  public init() {}
}

/// Opens whatever a user may name as a video.
/// - Parameter specifier: a camera's index or device path; a video file or picture; a folder or pattern of pictures; a URL; "-"
///   for standard input; "screen:" for this computer's screen; "demo" for the built-in scene.
public func openSource(_ specifier: String, options: SourceOptions = SourceOptions()) throws(VideoError)
  -> any FrameSource
{
  guard options.isLooped else { return try openOnce(specifier, options) }
  if specifier == "-" { throw VideoError("-: standard input is read only once and cannot be looped") }
  return try LoopingSource { () throws(VideoError) in try openOnce(specifier, options) }
}

/// Opens pictures as the frames of one source, in the order of their names.
public func openPictures(_ paths: [String], options: SourceOptions = SourceOptions()) throws(VideoError)
  -> any FrameSource
{
  guard options.isLooped else { return try openPicturesOnce(paths, options) }
  return try LoopingSource { () throws(VideoError) in try openPicturesOnce(paths, options) }
}

private func openPicturesOnce(_ paths: [String], _ options: SourceOptions) throws(VideoError) -> any FrameSource {
  let source = try PictureSource(paths: paths, name: "\(paths.count) pictures", rate: options.pictureRate)
  return options.selection == Selection() ? source : try SelectedSource(source, options.selection)
}

/// Whether a name is a picture's.
public func isPictureName(_ name: String) -> Bool {
  PictureSource.extensions.contains((name as NSString).pathExtension.lowercased())
}

private let videoExtensions: Set<String> = [
  "mp4", "m4v", "mov", "mkv", "webm", "avi", "mpg", "mpeg", "m2v", "ts", "mts", "m2ts", "vob", "wmv", "asf", "flv",
  "3gp", "ogv",
  "mxf", "mjpeg", "mjpg", "y4m", "h264", "hevc",
]

/// The videos of a folder, in the order of their names; none where it is no folder.
/// - Parameter unlessPictures: none where it holds pictures too.
public func videosIn(folder: String, unlessPictures: Bool = false) throws(VideoError) -> [String] {
  var isFolder: ObjCBool = false
  guard FileManager.default.fileExists(atPath: folder, isDirectory: &isFolder), isFolder.boolValue else { return [] }
  let names = try contents(of: folder)
  if unlessPictures, names.contains(where: isPictureName) { return [] }
  return names.filter { videoExtensions.contains(($0 as NSString).pathExtension.lowercased()) && !$0.hasPrefix(".") }
    .sorted { $0.compare($1, options: [.numeric, .caseInsensitive]) == .orderedAscending }
    .map { (folder as NSString).appendingPathComponent($0) }
}

private func contents(of folder: String) throws(VideoError) -> [String] {
  do {
    return try FileManager.default.contentsOfDirectory(atPath: folder)
  } catch {
    throw VideoError("\(folder): the folder cannot be read")
  }
}

private func openOnce(_ specifier: String, _ options: SourceOptions) throws(VideoError) -> any FrameSource {
  let source = try openWhole(specifier, options)
  guard options.pictureRate == nil || source is PictureSource else {
    throw VideoError("\(source.info.name): no folder or pattern of pictures, hence has its own rate")
  }
  return options.selection == Selection() ? source : try SelectedSource(source, options.selection)
}

private func openWhole(_ specifier: String, _ options: SourceOptions) throws(VideoError) -> any FrameSource {
  if !specifier.isEmpty, specifier.allSatisfy(\.isNumber), specifier.count <= 3 {
    return try Camera.open(path: "/dev/video\(specifier)", name: "camera \(specifier)", mode: options.cameraMode)
  }
  if specifier.hasPrefix("/dev/video") {
    return try Camera.open(path: specifier, name: specifier, mode: options.cameraMode)
  }
  if specifier == "screen" || specifier.hasPrefix("screen:") {
    return try ScreenCapture.open(specifier, mode: options.cameraMode)
  }
  if specifier == "-" {
    let input = try MediaInput(path: nil)
    return try MediaSource(input, name: "-", isLive: false, decoderThreads: options.decoderThreads)
  }
  if specifier == "demo" || specifier.hasPrefix("demo:") {
    return try DemoSource(specifier, isLive: options.isDemoLive)
  }
  if let scheme = specifier.range(of: "://").map({ String(specifier[..<$0.lowerBound]).lowercased() }) {
    return try openStream(specifier, scheme: scheme, options)
  }
  return try openPath(specifier, options)
}

private let liveSchemes: Set<String> = ["rtsp", "rtsps", "udp", "rtp", "srt", "rtmp", "rtmps", "tcp"]

private func openStream(_ url: String, scheme: String, _ options: SourceOptions) throws(VideoError) -> any FrameSource {
  guard liveSchemes.contains(scheme) || ["http", "https"].contains(scheme) else {
    let known = (["http", "https"] + liveSchemes.sorted()).joined(separator: ", ")
    throw VideoError("\(withoutCredentials(url)): the protocol '\(scheme)' is not supported; these are: \(known)")
  }
  // No frames are awaited just to guess a rate, which would take seconds. What is read until the size is known (up to
  // the first key frame) is decoded: without it nothing could be shown before the second one.
  var settings = ["fpsprobesize": "0"]
  if scheme == "udp" { settings["overrun_nonfatal"] = "1" }
  // What has a length goes on where the connection broke: a server may close one that was not read for a while.
  if scheme.hasPrefix("http") { settings.merge(["reconnect": "1", "reconnect_delay_max": "5"]) { $1 } }
  if scheme.hasPrefix("rtsp") {
    switch options.stream.rtspTransport {
    case .auto: settings["rtsp_flags"] = "prefer_tcp"
    case .tcp, .udp: settings["rtsp_transport"] = options.stream.rtspTransport.rawValue
    }
  }
  let isCertainlyLive = liveSchemes.contains(scheme)
  let stream = options.stream
  let name = withoutCredentials(url)
  func open(_ cancellation: Cancellation) throws(VideoError) -> MediaInput {
    let input = try MediaInput(
      url: url, name: name, options: settings, openTimeout: stream.openTimeout, cancellation: cancellation)
    input.readTimeout = stream.readTimeout
    return input
  }
  let cancellation = Cancellation()
  let input = try open(cancellation)
  // What is served over HTTP with a length is a file; without, a stream.
  guard isCertainlyLive || !(input.hasDuration || input.hasLength) else {
    return try MediaSource(input, name: name, isLive: false, decoderThreads: options.decoderThreads)
  }
  let mayEnd = ["http", "https", "tcp"].contains(scheme)
  return try ReconnectingSource(
    MediaSource(input, name: name, isLive: true, decoderThreads: 1), cancellation,
    patience: { hasEnded in stream.reconnect ?? (hasEnded && mayEnd ? 30 : .infinity) },
    open: { first, cancellation throws(VideoError) in
      try MediaSource(open(cancellation), name: name, isLive: true, decoderThreads: 1, like: first)
    })
}

/// An address as it may be shown and written into files: cameras are often named with their password.
public func withoutCredentials(_ url: String) -> String {
  guard let scheme = url.range(of: "://") else { return url }
  let rest = url[scheme.upperBound...]
  let host = rest[..<(rest.firstIndex { "/?#".contains($0) } ?? rest.endIndex)]
  // What comes after a colon and is no port may be a password that has one of these signs in it.
  let colon = host.hasPrefix("[") ? nil : host.firstIndex(of: ":")
  let isPassword = colon.map { !host[host.index(after: $0)...].allSatisfy(\.isNumber) } ?? false
  guard let at = host.lastIndex(of: "@") ?? (isPassword ? rest.lastIndex(of: "@") : nil) else { return url }
  return String(url[..<scheme.upperBound] + rest[rest.index(after: at)...])
}

private func openPath(_ path: String, _ options: SourceOptions) throws(VideoError) -> any FrameSource {
  var isFolder: ObjCBool = false
  guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
    if path.isEmpty { throw VideoError("the source's name is empty") }
    // What an argument's bytes do not say in UTF-8 has become this.
    let hint = path.contains("\u{FFFD}") ? "; a name that is not UTF-8 cannot be opened: rename it" : ""
    guard path.contains(where: { "*?[".contains($0) }) else { throw VideoError("\(path): no such file\(hint)") }
    let found = matches(of: path)
    guard !found.isEmpty else { throw VideoError("\(path): no file has such a name") }
    return try PictureSource(paths: found, name: path, rate: options.pictureRate)
  }
  if isFolder.boolValue {
    let pictures = try contents(of: path).filter(isPictureName)
    return try PictureSource(
      paths: pictures.map { (path as NSString).appendingPathComponent($0) }, name: path, rate: options.pictureRate)
  }
  guard access(path, R_OK) == 0 else { throw VideoError("\(path): no permission to read it") }
  var status = stat()
  if stat(path, &status) == 0, status.st_size == 0, status.st_mode & S_IFMT == S_IFREG {
    throw VideoError("\(path): the file is empty")
  }
  let input = try MediaInput(path: path)
  return try MediaSource(input, name: path, isLive: false, decoderThreads: options.decoderThreads)
}

/// Files that a shell pattern names.
private func matches(of pattern: String) -> [String] {
  var found = glob_t()
  defer { globfree(&found) }
  guard glob(pattern, 0, nil, &found) == 0 else { return [] }
  return (0..<Int(found.gl_pathc)).compactMap { found.gl_pathv[$0].map { String(cString: $0) } }
}
