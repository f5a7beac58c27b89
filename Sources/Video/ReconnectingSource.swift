import Foundation
import Synchronization

/// A network stream that is opened again whenever it breaks off: at once, then after waits that double up to a second.
///
/// Time goes on through the gap (`StreamClock`), the size stays that of the first picture, and each change between there and not
/// there is told in one line.
public final class ReconnectingSource: FrameSource, @unchecked Sendable {
  public let info: SourceInfo
  private let open: (SourceInfo, Cancellation) throws(VideoError) -> MediaSource
  private let patience: (_ hasEnded: Bool) -> Double
  private let cancellation: Cancellation
  /// `nil` while the stream is not there.
  private var stream: MediaSource?
  private var clock = StreamClock()
  private var frameCount = 0
  /// The next frame is the first of a new connection.
  private var isAnew = false
  private var loss: Loss?
  private let notices = Mutex<[String]>([])

  private struct Loss {
    let since = Clock.now()
    let error: VideoError
    /// It came to an end in good order.
    let hasEnded: Bool
    var wait = firstWait
    var nextTry = Clock.now()

    static let firstWait = 0.1
    static let longestWait = 1.0

    var seconds: Double { Double(Clock.now() - since) / 1e9 }
  }

  /// - Parameters:
  ///   - first: the first connection, whose calls `cancellation` ends.
  ///   - patience: for how many seconds to try, where the stream ended in good order or otherwise.
  ///   - open: opens the stream again, the size of its pictures as in the first connection.
  init(
    _ first: MediaSource, _ cancellation: Cancellation, patience: @escaping (_ hasEnded: Bool) -> Double,
    open: @escaping (_ first: SourceInfo, Cancellation) throws(VideoError) -> MediaSource
  ) {
    stream = first
    info = first.info
    self.cancellation = cancellation
    self.open = open
    self.patience = patience
    notice("\(info.name): \(info.format)")
  }

  public func cancel() { cancellation.cancel() }

  public func takeNotices() -> [String] {
    notices.withLock { lines in
      defer { lines.removeAll() }
      return lines
    }
  }

  public func next() throws(VideoError) -> Frame? {
    while !cancellation.isCancelled {
      guard let stream else {
        guard try reopen() else { return nil }
        continue
      }
      do throws(VideoError) {
        if let frame = try stream.next() { return try take(frame) }
        lose(VideoError("\(info.name): ended after \(frameCount) frames"), hasEnded: true)
      } catch {
        lose(error, hasEnded: false)
      }
    }
    return nil
  }

  private func take(_ frame: Frame) throws(VideoError) -> Frame {
    if let loss {
      notice("\(info.name): back after \((loss.seconds * 10).rounded() / 10) s")
      self.loss = nil
    }
    let time = clock.time(of: frame.timestamp, captured: frame.captured, isAnew: isAnew)
    isAnew = false
    defer { frameCount += 1 }
    return try frame.renumbered(index: frameCount, timestamp: time, outages: clock.outages)
  }

  /// The stream is not there any more, or came back without a picture.
  private func lose(_ error: VideoError, hasEnded: Bool) {
    for line in stream?.takeNotices() ?? [] { notice(line) }
    stream = nil
    isAnew = true
    guard loss == nil, !cancellation.isCancelled else { return }
    loss = Loss(error: error, hasEnded: hasEnded)
    if patience(hasEnded) > 0 { notice("\(error.description); trying again") }
  }

  /// Waits for its turn and tries once; false when it is over.
  private func reopen() throws(VideoError) -> Bool {
    guard var loss else { return false }
    let limit = patience(loss.hasEnded)
    guard loss.seconds < limit else {
      if loss.hasEnded { return false }
      throw limit > 0 ? VideoError("\(loss.error.description); not back after \(Int(limit.rounded())) s") : loss.error
    }
    let now = Clock.now()
    guard now >= loss.nextTry else {
      Thread.sleep(forTimeInterval: min(0.05, Double(loss.nextTry - now) / 1e9))
      return true
    }
    do throws(VideoError) {
      stream = try open(info, cancellation)
    } catch {
      // It is told that it is away; why it cannot be reached each time is nobody's interest.
    }
    loss.nextTry = Clock.now() + UInt64(loss.wait * 1e9)
    loss.wait = min(Loss.longestWait, 2 * loss.wait)
    self.loss = loss
    return true
  }

  private func notice(_ line: String) { notices.withLock { $0.append(line) } }
}
