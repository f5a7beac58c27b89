import Foundation

/// The bounded place between two stages of the pipeline.
///
/// The policy is the source's: a live source keeps only the newest element and counts those it replaced, so that no stage
/// ever works on a stale picture; a file makes the producer wait, so that no frame is lost.
final class Handover<Element>: @unchecked Sendable {
  enum Policy: Sendable, Equatable {
    /// At most one element waits; a newer one replaces it.
    case newest
    /// Up to `capacity` elements wait, then the producer does.
    case every(capacity: Int)
  }

  private let policy: Policy
  private let condition = NSCondition()
  private var waiting: [Element] = []
  private var isClosed = false
  private var replaced = 0

  init(_ policy: Policy) { self.policy = policy }

  /// Elements replaced before anyone took them.
  var dropped: Int { condition.withLock { replaced } }

  /// Elements that wait now.
  var depth: Int { condition.withLock { waiting.count } }

  /// Hands an element over, waiting for room where the policy says so; false when the other side is gone.
  @discardableResult
  func put(_ element: Element) -> Bool {
    condition.lock()
    defer { condition.unlock() }
    switch policy {
    case .newest:
      if !isClosed && !waiting.isEmpty {
        replaced += waiting.count
        waiting.removeAll(keepingCapacity: true)
      }
    case .every(let capacity):
      while waiting.count >= capacity && !isClosed { condition.wait() }
    }
    guard !isClosed else { return false }
    waiting.append(element)
    condition.broadcast()
    return true
  }

  /// What a bounded wait ended with.
  enum Taken {
    case element(Element)
    case nothingYet
    case closed
  }

  /// The oldest element, waiting for it; `nil` once the hand-over is closed and empty.
  func take() -> Element? {
    guard case .element(let element) = take(until: nil) else { return nil }
    return element
  }

  /// The oldest element, waiting for it no longer than `deadline`, or as long as it takes.
  func take(until deadline: Date?) -> Taken {
    condition.lock()
    defer { condition.unlock() }
    while waiting.isEmpty {
      if isClosed { return .closed }
      guard let deadline else {
        condition.wait()
        continue
      }
      if deadline <= Date() || (!condition.wait(until: deadline) && waiting.isEmpty && !isClosed) { return .nothingYet }
    }
    let element = waiting.removeFirst()
    condition.broadcast()
    return .element(element)
  }

  /// Waits until there is something to take; false once the hand-over is closed and empty.
  func waitForElement() -> Bool {
    condition.lock()
    defer { condition.unlock() }
    while waiting.isEmpty && !isClosed { condition.wait() }
    return !waiting.isEmpty
  }

  /// Takes away what waits and is stale, uncounted.
  func removeAll(where isStale: (Element) -> Bool) {
    condition.withLock {
      waiting.removeAll(where: isStale)
      condition.broadcast()
    }
  }

  /// No more elements will come. Those that wait can still be taken, unless `discarding` is asked for.
  func close(discarding: Bool = false) {
    condition.withLock {
      isClosed = true
      if discarding { waiting.removeAll() }
      condition.broadcast()
    }
  }
}
