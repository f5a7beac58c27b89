import Tracker

/// How the people of a source are followed, and how they were before each of its last frames: who looks at one of those again,
/// or steps back, sees the same identities.
struct FrameTracking: Sendable {
  private struct State {
    var following: Following
    var clock: TrackingClock
  }

  private var state: State
  /// Of a file, by ascending time.
  private var before: [(seconds: Double, state: State)] = []
  private let isLive: Bool
  /// More than wait in a pipeline, and some steps back.
  private static let mostBefore = 32

  /// - Parameter isLive: time never goes back.
  init(_ following: Following, isLive: Bool) {
    state = State(following: following, clock: TrackingClock(keepLost: following.keepLost))
    self.isLive = isLive
  }

  /// The people of the next frame, or of an earlier one again.
  /// - Parameters:
  ///   - seconds: the frame's time.
  ///   - outages: how often the source had broken off before it.
  ///   - picture: its size in pixels.
  mutating func update(
    _ poses: [Pose], at seconds: Double, outages: Int = 0, within picture: (width: Int, height: Int)
  ) -> [Person] {
    if !isLive {
      if let again = before.firstIndex(where: { $0.seconds >= seconds }) {
        state = before[again].state
        before.removeSubrange(again...)
      }
      before.append((seconds, state))
      if before.count > Self.mostBefore { before.removeFirst() }
    }
    let time = state.clock.time(of: seconds, outages: outages)
    return state.following.update(poses, at: time, within: picture)
  }
}
