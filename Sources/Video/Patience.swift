import Synchronization

/// A wish to end what waits, from any thread and for good.
final class Cancellation: Sendable {
  private let flag = Atomic(false)

  var isCancelled: Bool { flag.load(ordering: .relaxed) }

  func cancel() { flag.store(true, ordering: .relaxed) }
}

/// How long FFmpeg may wait: it asks again and again while it does. Its address must stay, hence a class.
final class Patience: Sendable {
  let cancellation: Cancellation
  /// `Clock.now()` after which waiting has lasted too long; 0 for no limit.
  private let deadline = Atomic<UInt64>(0)
  private let isStubborn = Atomic(false)

  init(_ cancellation: Cancellation) { self.cancellation = cancellation }

  /// From now on.
  func wait(atMost seconds: Double?, evenIfCancelled: Bool = false) {
    deadline.store(seconds.map { Clock.now() + UInt64($0 * 1e9) } ?? 0, ordering: .relaxed)
    isStubborn.store(evenIfCancelled, ordering: .relaxed)
  }

  var isOver: Bool {
    let limit = deadline.load(ordering: .relaxed)
    return (cancellation.isCancelled && !isStubborn.load(ordering: .relaxed)) || (limit != 0 && Clock.now() > limit)
  }
}
