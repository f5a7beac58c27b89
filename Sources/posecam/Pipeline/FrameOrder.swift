import Foundation

/// Puts what several streams finish back into the order of the frames.
///
/// A stream that is early leaves its result here and takes the next frame; it waits only when it is `reach` frames ahead of the
/// oldest that is missing, so that no frames pile up behind a slow one.
final class FrameOrder<Element>: @unchecked Sendable {
  private let reach: Int
  private let condition = NSCondition()
  private var early: [Int: Element] = [:]
  private var next = 0
  private var isDelivering = false
  private var hasEnded = false

  init(reach: Int) { self.reach = max(1, reach) }

  /// Leaves the result of the frame with number `ticket`, counted from 0 without gaps. Runs `body` on every result whose turn
  /// it is, one at a time, in order, on whichever stream came with the one that was missing.
  /// - Parameter body: false ends it all.
  /// - Returns: whether more frames are wanted.
  func deliver(_ element: Element, ticket: Int, _ body: (Element) -> Bool) -> Bool {
    condition.lock()
    defer { condition.unlock() }
    while ticket >= next + reach && !hasEnded { condition.wait() }
    guard !hasEnded else { return false }
    early[ticket] = element
    guard !isDelivering else { return true }
    isDelivering = true
    while !hasEnded, let element = early.removeValue(forKey: next) {
      condition.unlock()
      let goesOn = body(element)
      condition.lock()
      next += 1
      if !goesOn { hasEnded = true }
      condition.broadcast()
    }
    isDelivering = false
    return !hasEnded
  }

  /// No result will come for a ticket that was taken: nothing after it can be delivered.
  func end() {
    condition.withLock {
      hasEnded = true
      early.removeAll()
      condition.broadcast()
    }
  }
}
