import Synchronization

/// A source without an end: when it is over it begins anew, while times and numbers of frames go on.
public final class LoopingSource: FrameSource, @unchecked Sendable {
  public let info: SourceInfo
  private let open: () throws(VideoError) -> any FrameSource
  private let current: Mutex<any FrameSource>
  private let isCancelled = Atomic(false)
  private var frameCount = 0
  /// Those played so far that can be gone back to, the present one last.
  private var rounds = [Round(ticks: 0, index: 0, begin: -.infinity)]
  private static let mostRounds = 1000
  /// Seconds per tick.
  private var tick: Double?
  /// Of the frame before, with the offset, and what it was shown for.
  private var last: (ticks: Int64, duration: Int64)?
  private var isAnew = false
  private var isFirstRound = true
  private let firstNotices = Mutex<[String]>([])

  private struct Round {
    /// Added to the source's ticks and numbers of frames.
    let ticks: Int64
    let index: Int
    /// When its first frame is shown, in seconds from the first round's beginning.
    let begin: Double
  }

  /// - Parameter open: opens the source, each time from its beginning.
  init(_ open: @escaping () throws(VideoError) -> any FrameSource) throws(VideoError) {
    self.open = open
    let first = try open()
    guard !first.info.isLive else { throw VideoError("\(first.info.name): has no end, hence cannot be looped") }
    current = Mutex(first)
    var info = first.info
    (info.duration, info.frameCount) = (nil, nil)
    self.info = info
  }

  public func cancel() {
    isCancelled.store(true, ordering: .relaxed)
    current.withLock { $0.cancel() }
  }

  public func takeNotices() -> [String] {
    let told = current.withLock { $0.takeNotices() }
    return firstNotices.withLock { lines in
      defer { lines.removeAll() }
      return lines + told
    }
  }

  public var canSeek: Bool { current.withLock { $0.canSeek } }

  /// Goes to another place of the round that is being played, or of one before.
  /// - Parameter seconds: of this source's time.
  public func seek(to seconds: Double) throws(VideoError) {
    let place = rounds.lastIndex { $0.begin <= seconds + 1e-6 } ?? 0
    let round = rounds[place]
    try current.withLock { $0 }.seek(to: max(0, seconds - Double(round.ticks) * (tick ?? 0)))
    rounds.removeSubrange((place + 1)...)
    isAnew = false
  }

  public func next() throws(VideoError) -> Frame? {
    while !isCancelled.load(ordering: .relaxed) {
      let source = current.withLock { $0 }
      if let frame = try source.next() { return try take(frame) }
      // Without a frame in between it would go round for ever.
      guard !isAnew, frameCount > 0, !isCancelled.load(ordering: .relaxed) else { return nil }
      let again = try open()
      let over = current.withLock { current in
        defer { current = again }
        return current
      }
      // Every round has the same to tell.
      let told = over.takeNotices()
      if isFirstRound { firstNotices.withLock { $0 += told } }
      (isFirstRound, isAnew) = (false, true)
    }
    return nil
  }

  private func take(_ frame: Frame) throws(VideoError) -> Frame {
    let time = frame.timestamp
    let tick = Double(time.numerator) / Double(time.denominator)
    self.tick = tick
    if isAnew, let last {
      let begin = last.ticks &+ last.duration
      rounds.append(
        Round(
          ticks: begin &- time.ticks, index: frameCount - frame.index, begin: Double(begin) * tick - info.startTime))
      if rounds.count > Self.mostRounds { rounds.removeFirst() }
    }
    isAnew = false
    let round = rounds[rounds.count - 1]
    let ticks = time.ticks &+ round.ticks
    let duration = frame.durationTicks > 0 ? frame.durationTicks : last.map { max(1, ticks &- $0.ticks) } ?? 1
    last = (ticks, duration)
    frameCount = frame.index + round.index + 1
    return try frame.renumbered(
      index: frame.index + round.index,
      timestamp: Timestamp(ticks: ticks, numerator: time.numerator, denominator: time.denominator))
  }
}
