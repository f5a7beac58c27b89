import Tracker
import Video

/// Everything that one screen shows.
struct LiveView: Sendable {
  /// The frame, scaled to `Screen.pictureSize`; another size is centred or cropped, since the window may just have changed.
  var picture: Bitmap?
  /// The size of the source as displayed, in pixels: people are in these coordinates.
  var frameWidth = 0
  var frameHeight = 0
  var people: [Person] = []
  var source = ""
  var model = ""
  var format = ""
  var stages: [StageTiming] = []
  /// Frames per second that the source delivered, the network looked at and the screen showed.
  var capturedRate = 0.0
  var processedRate = 0.0
  var shownRate = 0.0
  /// Capture to screen; only live sources have one.
  var latency: StageTiming?
  /// Stale frames of a live source that were left out.
  var dropped = 0
  var frameIndex = 0
  /// Seconds since the start of the source, and its length where that is known.
  var time = 0.0
  var duration: Double?
  var isPaused = false
  var isLive = false
  /// What happened, newest last.
  var notices: [String] = []
}
