import Foundation

/// What of a source is to be seen, and how it is to be held.
public struct Selection: Sendable, Equatable {
  /// Seconds from the source's beginning.
  public var start: Double?
  public var end: Double?
  /// Every so many frames one is taken, beginning with the first.
  public var every = 1
  /// Clockwise, on top of what the source itself says of its orientation.
  public var quarterTurns = 0
  /// Left and right are exchanged, after turning.
  public var isFlipped = false

  public init() {}

  var orientation: Orientation { Orientation.turned(quarterTurns).then(isFlipped ? .mirrored : .upright) }
}

/// A part of another source, turned if asked for. Times and numbers of frames stay those of the whole.
public final class SelectedSource: FrameSource, @unchecked Sendable {
  public let info: SourceInfo
  private let source: any FrameSource
  private let selection: Selection
  private var converters: [FrameConverter] = []
  /// Number of the first frame that was taken: the others are so many frames from there.
  private var origin: Int?
  private var isOver = false

  init(_ source: any FrameSource, _ selection: Selection) throws(VideoError) {
    self.source = source
    self.selection = selection
    var info = source.info
    if selection.orientation.swapsSides { (info.width, info.height) = (info.height, info.width) }
    if selection.orientation != .upright { info.format += ", turned as asked" }
    info.nominalRate /= Double(selection.every)
    if let start = selection.start, let duration = info.duration, start >= duration {
      throw VideoError("\(info.name): lasts \(duration) seconds and cannot begin at \(start)")
    }
    if let count = info.frameCount {
      var share = 1.0
      // Pictures are a second apart.
      if let length = info.duration ?? (info.isStill ? Double(count) : nil), length > 0 {
        share = max(0, min(selection.end ?? length, length) - (selection.start ?? 0)) / length
      }
      info.frameCount = max(1, Int((Double(count) * share / Double(selection.every)).rounded(.up)))
    }
    if let end = selection.end { info.duration = info.duration.map { min($0, end) } }
    self.info = info
    if let start = selection.start, source.canSeek { try source.seek(to: start) }
  }

  public func cancel() { source.cancel() }
  public func takeNotices() -> [String] { source.takeNotices() }
  public var canSeek: Bool { source.canSeek }

  public func seek(to seconds: Double) throws(VideoError) {
    // Far enough before the end for a frame.
    let rate = source.info.nominalRate
    let last = selection.end.map { $0 - (rate > 0 ? 1 / rate : 0.05) } ?? .infinity
    try source.seek(to: max(min(seconds, last), selection.start ?? 0))
    isOver = false
  }

  public func next() throws(VideoError) -> Frame? {
    while !isOver, let frame = try source.next() {
      let time = frame.timestamp.seconds - info.startTime
      // Times are rounded to the source's ticks.
      if let start = selection.start, time < start - 1e-6 { continue }
      if let end = selection.end, time >= end {
        isOver = true
        break
      }
      let first = origin ?? frame.index
      origin = first
      if (frame.index - first).isMultiple(of: selection.every) { return try turned(frame) }
    }
    return nil
  }

  private func turned(_ frame: Frame) throws(VideoError) -> Frame {
    let orientation = selection.orientation
    guard orientation != .upright else { return frame }
    let (width, height) = orientation.swapsSides ? (frame.height, frame.width) : (frame.width, frame.height)
    if let index = converters.firstIndex(where: { $0.width == width && $0.height == height }) {
      return try frame.converted(by: converters[index])
    }
    // Pictures of a folder may alternate between a few sizes.
    if converters.count > 3 { converters.removeFirst() }
    converters.append(FrameConverter(width: frame.width, height: frame.height, orientation: orientation))
    return try frame.converted(by: converters[converters.count - 1])
  }
}
