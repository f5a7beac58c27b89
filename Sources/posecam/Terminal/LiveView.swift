import Tracker
import Video

/// Everything that one screen shows.
struct LiveView: Sendable {
  var mode = ViewMode.video
  /// What lies under the skeletons, scaled to `Screen.pictureSize`; another size is centred or cropped, since the window
  /// may just have changed.
  var picture: Bitmap?
  /// The size of the source after rotation, in stored pixels: people are in these coordinates.
  var frameWidth = 0
  var frameHeight = 0
  /// Width of one of those pixels by its height.
  var pixelAspect = 1.0
  var people: [Person] = []
  /// What is known of each of them over time.
  var sightings: [Int: Sighting] = [:]
  /// The identity that stands out.
  var selected: Int?
  var source = ""
  var model = ""
  var format = ""
  /// Size and arithmetic of the network.
  var engine = ""
  var stages: [StageTiming] = []
  /// Frames per second that the source delivered, the network looked at and the screen showed.
  var capturedRate = 0.0
  var processedRate = 0.0
  var shownRate = 0.0
  /// Capture to screen; only live sources have one.
  var latency: StageTiming?
  var history = History()
  /// Stale frames of a live source that were left out.
  var dropped = 0
  var queues: [QueueDepth] = []
  var load: SystemLoad?
  var frameIndex = 0
  /// Seconds since the start of the source, and its length where that is known.
  var time = 0.0
  var duration: Double?
  var isPaused = false
  var isLive = false
  var canSeek = false
  /// A single picture.
  var isStill = false
  /// The source came to its end.
  var isOver = false
  /// A live source that sends nothing.
  var isWaiting = false
  /// Seconds recorded so far while recording.
  var recorded: Double?
  /// What happened, newest last.
  var events: [Event] = []
  /// All videos where there are several, in their order; everything else then tells of the one with number `focus`.
  var tiles: [Tile] = []
  var focus = 0

  /// One of several videos.
  struct Tile: Sendable {
    var name = ""
    var picture: Bitmap?
    var frameWidth = 0
    var frameHeight = 0
    var pixelAspect = 1.0
    var people: [Person] = []
    var selected: Int?
    /// Frames per second that are looked at.
    var rate = 0.0
    var hasEnded = false

    /// Of the frame in pixels as high as wide.
    var shownWidth: Int { Int((Double(frameWidth) * pixelAspect).rounded()) }
  }

  /// The one video where there is one.
  var tile: Tile {
    Tile(
      name: source, picture: picture, frameWidth: frameWidth, frameHeight: frameHeight, pixelAspect: pixelAspect,
      people: people, selected: selected, rate: processedRate, hasEnded: isOver)
  }

  struct Event: Sendable, Equatable {
    /// Seconds since the program began.
    var time: Double
    var text: String
  }
}

/// How many elements wait before a stage.
struct QueueDepth: Sendable, Equatable {
  var name: String
  var depth: Int
  var capacity: Int
}

/// Rates and latency of the last minutes, a value every half second, oldest first.
struct History: Sendable, Equatable {
  private(set) var captured: [Float] = []
  private(set) var processed: [Float] = []
  private(set) var shown: [Float] = []
  /// Milliseconds.
  private(set) var latency: [Float] = []
  static let interval = 0.5
  private static let length = 400

  mutating func append(captured: Double, processed: Double, shown: Double, latency: Double?) {
    func add(_ value: Double, to values: inout [Float]) {
      values.append(Float(value))
      if values.count > Self.length { values.removeFirst(values.count - Self.length) }
    }
    add(captured, to: &self.captured)
    add(processed, to: &self.processed)
    add(shown, to: &self.shown)
    if let latency { add(latency, to: &self.latency) }
  }
}
