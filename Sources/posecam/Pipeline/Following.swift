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

  /// - Parameter picture: its size in pixels, 0 where it is not known.
  mutating func update(_ poses: [Pose], at seconds: Double, within picture: (width: Int, height: Int)) -> [Person] {
    switch self {
    case .tracked(var tracker):
      defer { self = .tracked(tracker) }
      return tracker.update(poses, at: seconds, within: picture.width > 0 ? picture : nil)
    case .compatible(var tracker):
      defer { self = .compatible(tracker) }
      return tracker.update(poses)
    }
  }
}
