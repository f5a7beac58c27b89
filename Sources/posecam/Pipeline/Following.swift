import Tracker

/// How identities are kept and key points smoothed: our way, or the reference's.
enum Following: Sendable {
  case tracked(PoseTracker)
  case compatible(ReferenceTracker)

  /// Seconds for which someone unseen keeps the identity; the reference forgets at once.
  var keepLost: Double {
    switch self {
    case .tracked(let tracker): tracker.options.keepLost
    case .compatible: 0
    }
  }

  mutating func update(_ poses: [Pose], at seconds: Double) -> [Person] {
    switch self {
    case .tracked(var tracker):
      defer { self = .tracked(tracker) }
      return tracker.update(poses, at: seconds)
    case .compatible(var tracker):
      defer { self = .compatible(tracker) }
      return tracker.update(poses)
    }
  }
}
