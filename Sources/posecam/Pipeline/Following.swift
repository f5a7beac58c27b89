import Tracker

/// How identities are kept and key points smoothed: our way, or the reference's.
enum Following: Sendable {
  case tracked(PoseTracker)
  case compatible(ReferenceTracker)

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
