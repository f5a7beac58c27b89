import Tracker

/// Which of the people found are wanted.
struct PoseSelection: Sendable {
  /// Of what the built-in network sees in pictures without people, seven eighths score less; of the people it finds, one in
  /// thirty-three (docs/model-card.md).
  static let usualScore: Float = 0.36

  var maximumPeople: Int?
  /// People below this score are left out.
  var leastScore: Float = 0
  /// Key points below this score are left out, and then people with fewer than so many.
  var leastKeypointScore: Float = 0
  var leastKeypoints = 0

  /// What can be decided before what several looks at a frame found is merged: who is cut in one may be whole in all.
  var ofParts: PoseSelection {
    PoseSelection(leastScore: leastScore, leastKeypointScore: leastKeypointScore)
  }

  func kept(_ poses: [Pose]) -> [Pose] {
    var kept = poses.filter { $0.score >= leastScore }
    if leastKeypointScore > 0 { kept = kept.map { $0.keepingKeypoints(from: leastKeypointScore) } }
    kept.removeAll { $0.count < max(1, leastKeypoints) }
    if let maximumPeople, kept.count > maximumPeople {
      kept.sort { $0.totalScore > $1.totalScore }
      kept.removeLast(kept.count - maximumPeople)
    }
    return kept
  }
}

extension Pose {
  /// The pose without the key points below a score; its own score stays.
  fileprivate func keepingKeypoints(from least: Float) -> Pose {
    let score = score
    var pose = self
    pose.keypoints = keypoints.map { $0.flatMap { $0.score >= least ? $0 : nil } }
    pose.totalScore = score * Float(max(1, 2 * pose.count - 1))
    return pose
  }
}
