import Foundation

/// The estimators that one or several pipelines share, lent for one frame at a time, first come first served: nobody waits
/// longer than it takes to serve everyone else once.
final class EnginePool: @unchecked Sendable {
  /// All of them, lent or not.
  let estimators: [PoseEstimator]
  private let condition = NSCondition()
  private var free: [PoseEstimator]
  /// Numbers drawn by those who came, and the one whose turn it is.
  private var drawn = 0
  private var turn = 0

  init(_ estimators: [PoseEstimator]) {
    self.estimators = estimators
    free = estimators
  }

  /// Runs `body` with an estimator that nobody else uses meanwhile.
  func withEstimator<Result, Failure: Error>(
    _ body: (PoseEstimator) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    let estimator = borrow()
    defer { giveBack(estimator) }
    return try body(estimator)
  }

  private func borrow() -> PoseEstimator {
    condition.lock()
    defer { condition.unlock() }
    let number = drawn
    drawn += 1
    while turn != number || free.isEmpty { condition.wait() }
    turn += 1
    condition.broadcast()
    return free.removeLast()
  }

  private func giveBack(_ estimator: PoseEstimator) {
    condition.withLock {
      free.append(estimator)
      condition.broadcast()
    }
  }
}
