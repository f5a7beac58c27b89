import Video

/// When the frames of a file are due on the screen.
struct Pace {
  let speed: Double
  /// The clock's time of the source's time 0.
  private var origin: UInt64?

  /// - Parameter speed: times as fast as the source is.
  init(speed: Double) { self.speed = speed }

  /// The clock's time at which a frame is due. A late one makes all later ones late instead of rushed.
  mutating func due(_ seconds: Double) -> UInt64 {
    let now = Clock.now()
    // A file may say any time at all; thirty years are as good as more.
    let offset = UInt64(min(max(0, seconds) / speed, 1e9) * 1e9)
    if let origin, origin + offset >= now { return origin + offset }
    origin = now > offset ? now - offset : 0
    return now
  }
}
