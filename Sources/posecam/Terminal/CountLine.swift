import Foundation
import Synchronization
import Video

/// One line on standard error that tells how many pictures are done: rewritten in place on a terminal, else a new line every
/// ten seconds.
final class CountLine: Sendable {
  private let isTerminal = isatty(STDERR_FILENO) == 1 && ProcessInfo.processInfo.environment["TERM"] != "dumb"
  private let start = Clock.now()
  private let shown: Mutex<UInt64>

  init() { shown = Mutex(Clock.now()) }

  /// Shows the state if it is time to; on any thread.
  /// - Parameter known: how many were done before this run.
  func show(_ done: Int, of total: Int, before known: Int = 0, _ more: String = "") {
    let now = Clock.now()
    let isDue = shown.withLock { shown in
      guard now > shown, now - shown > (isTerminal ? 200_000_000 : 10_000_000_000) else { return false }
      shown = now
      return true
    }
    guard isDue else { return }
    let rate = Double(done - known) / max(1e-9, Double(now - start) / 1e9)
    let left = ProgressLine.duration(Double(total - done) / max(1e-9, rate))
    let line = ["\(done)/\(total) pictures", more, "\(left) left"].filter { !$0.isEmpty }.joined(separator: "  ")
    StandardError.write(isTerminal ? "\r\(line)\u{1B}[K" : "\(line)\n")
  }

  func clear() { if isTerminal { StandardError.write("\r\u{1B}[K") } }
}
