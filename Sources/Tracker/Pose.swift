/// A key point that was found.
public struct Keypoint: Sendable, Equatable {
  /// Horizontal position; the unit is that of the pose that holds it (pixels of the frame once it left the parser).
  public var x: Float
  /// Vertical position, same unit.
  public var y: Float
  /// Height of the heat-map's peak, 0...1.
  public var score: Float

  public init(x: Float, y: Float, score: Float) {
    self.x = x
    self.y = y
    self.score = score
  }
}

/// An axis-aligned rectangle in the unit of the key points it surrounds.
public struct Box: Sendable, Equatable {
  public var x: Float
  public var y: Float
  public var width: Float
  public var height: Float

  public init(x: Float, y: Float, width: Float, height: Float) {
    self.x = x
    self.y = y
    self.width = width
    self.height = height
  }
}

/// One person's key points in one picture.
public struct Pose: Sendable, Equatable {
  /// 18 entries in the order of `Skeleton.keypointNames`; `nil` where none was found.
  public var keypoints: [Keypoint?]
  /// Sum of the scores of the key points and of the affinities of the limbs that joined them, as the grouping adds them.
  public var totalScore: Float

  public init(keypoints: [Keypoint?], totalScore: Float) {
    self.keypoints = keypoints
    self.totalScore = totalScore
  }

  /// How many key points were found.
  public var count: Int { keypoints.reduce(0) { $1 == nil ? $0 : $0 + 1 } }

  /// Mean of the scores that make up `totalScore` (n key points and n - 1 limbs), 0...1.
  public var score: Float {
    let terms = max(1, 2 * count - 1)
    return min(1, max(0, totalScore / Float(terms)))
  }

  /// The smallest box around the found key points; empty at the origin when there is none.
  public var box: Box {
    let found = keypoints.compactMap { $0 }
    guard let first = found.first else { return Box(x: 0, y: 0, width: 0, height: 0) }
    var (left, top, right, bottom) = (first.x, first.y, first.x, first.y)
    for point in found.dropFirst() {
      (left, right) = (min(left, point.x), max(right, point.x))
      (top, bottom) = (min(top, point.y), max(bottom, point.y))
    }
    return Box(x: left, y: top, width: right - left, height: bottom - top)
  }
}

/// A pose with the identity that the tracker gave it.
public struct Person: Sendable, Equatable {
  /// Stays with a person from frame to frame; unique within one run.
  public var id: Int
  /// Smoothed when smoothing is on.
  public var pose: Pose
  /// Not found in this picture, but expected there: missed for a moment.
  public var isPredicted: Bool

  public init(id: Int, pose: Pose, isPredicted: Bool = false) {
    self.id = id
    self.pose = pose
    self.isPredicted = isPredicted
  }
}
