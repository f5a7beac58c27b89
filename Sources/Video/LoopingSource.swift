import Synchronization

/// A source without an end: when it is over it begins anew, while times and numbers of frames go on.
public final class LoopingSource: FrameSource, @unchecked Sendable {
  public let info: SourceInfo
  private let open: () throws(VideoError) -> any FrameSource
  private let current: Mutex<any FrameSource>
  private let isCancelled = Atomic(false)
  private var frameCount = 0
  /// Added to the source's ticks.
  private var offset: Int64 = 0
  /// Seconds per tick.
  private var tick: Double?
  /// Of the frame before, with the offset, and what it was shown for.
  private var last: (ticks: Int64, duration: Int64)?
  private var isAnew = false
  /// Added to the source's numbers of frames; `nil` before the first.
  private var indexOffset: Int?

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

  public func takeNotices() -> [String] { current.withLock { $0.takeNotices() } }

  public var canSeek: Bool { current.withLock { $0.canSeek } }

  /// Goes to another place of the round that is being played.
  /// - Parameter seconds: of this source's time; before the round's beginning is the beginning.
  public func seek(to seconds: Double) throws(VideoError) {
    let begin = tick.map { Double(offset) * $0 } ?? 0
    try current.withLock { $0 }.seek(to: max(0, seconds - begin))
  }

  public func next() throws(VideoError) -> Frame? {
    while !isCancelled.load(ordering: .relaxed) {
      let source = current.withLock { $0 }
      if let frame = try source.next() { return try take(frame) }
      // Without a frame in between it would go round for ever.
      guard !isAnew, frameCount > 0, !isCancelled.load(ordering: .relaxed) else { return nil }
      let again = try open()
      current.withLock { $0 = again }
      isAnew = true
    }
    return nil
  }

  private func take(_ frame: Frame) throws(VideoError) -> Frame {
    let time = frame.timestamp
    tick = Double(time.numerator) / Double(time.denominator)
    if isAnew, let last {
      offset = last.ticks + last.duration - time.ticks
      indexOffset = frameCount - frame.index
    }
    isAnew = false
    let numbers = indexOffset ?? -frame.index
    indexOffset = numbers
    let ticks = time.ticks + offset
    let duration = frame.durationTicks > 0 ? frame.durationTicks : last.map { max(1, ticks - $0.ticks) } ?? 1
    last = (ticks, duration)
    frameCount = frame.index + numbers + 1
    return try frame.renumbered(
      index: frame.index + numbers,
      timestamp: Timestamp(ticks: ticks, numerator: time.numerator, denominator: time.denominator))
  }
}
