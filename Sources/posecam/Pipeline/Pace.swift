import Video

/// When the frames of a file are due on the screen.
struct Pace {
  let speed: Double
  /// The clock's time of the source's time 0, which may be before the clock's own.
  private var origin: Int64?

  /// - Parameter speed: times as fast as the source is.
  init(speed: Double) { self.speed = speed }

  /// The clock's time at which a frame is due. A late one makes all later ones late instead of rushed.
  mutating func due(_ seconds: Double) -> UInt64 {
    let now = Int64(Clock.now())
    // A file may say any time at all; thirty years are as good as more.
    let offset = Int64(min(max(0, seconds) / speed, 1e9) * 1e9)
    if let origin, origin + offset >= now { return UInt64(origin + offset) }
    origin = now - offset
    return UInt64(now)
  }
}
