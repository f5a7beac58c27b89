/// What is known of a source before its first frame.
public struct SourceInfo: Sendable {
  /// The source as the user named it.
  public var name: String
  /// Size in pixels as displayed, that is after rotation and with square pixels left to the player.
  public var width: Int
  public var height: Int
  /// Frames per second as the container or device states it, 0 if unknown. Never used to compute a time.
  public var nominalRate: Double
  /// Length in seconds, if the container states one.
  public var duration: Double?
  /// Number of frames, if known or well estimated.
  public var frameCount: Int?
  /// Camera or network stream: frames come at their own pace and stale ones are to be dropped.
  public var isLive: Bool
  /// Single pictures that have nothing to do with each other.
  public var isStill = false
  /// Whether sound comes with the pictures.
  public var hasSound = false
  /// One line for people: codec, pixel format, negotiated camera mode.
  public var format: String
  /// Where the source's time begins, in seconds; times for people are told relative to it.
  public var startTime: Double

  public init(
    name: String, width: Int, height: Int, nominalRate: Double, duration: Double?, frameCount: Int?, isLive: Bool,
    format: String, startTime: Double = 0
  ) {
    self.name = name
    self.width = width
    self.height = height
    self.nominalRate = nominalRate
    self.duration = duration
    self.frameCount = frameCount
    self.isLive = isLive
    self.format = format
    self.startTime = startTime
  }
}

/// A camera, file, stream, set of pictures or the demo scene: one frame after the other, in order.
public protocol FrameSource: AnyObject, Sendable {
  var info: SourceInfo { get }
  /// The next frame, waiting for it if the source is live; `nil` at the end. To be called from one thread at a time.
  func next() throws(VideoError) -> Frame?
  /// Makes a `next()` that waits on another thread return `nil` soon. May be called from any thread, more than once.
  func cancel()
  /// Whether `seek` works.
  var canSeek: Bool { get }
  /// Makes `next()` go on with the first frame at or after `seconds`, counted from the source's beginning, or the last frame
  /// where there is none; also after the end. To be called between calls of `next()`, from the same thread.
  func seek(to seconds: Double) throws(VideoError)
  /// What went wrong without ending the video ("3 corrupt packets skipped"), one line each, since the last call.
  func takeNotices() -> [String]
}

extension FrameSource {
  public var canSeek: Bool { false }
  public func seek(to seconds: Double) throws(VideoError) {}
}
