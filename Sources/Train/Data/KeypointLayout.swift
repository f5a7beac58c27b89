import Tracker

/// How the 17 key points of COCO become the 18 of this program's skeleton, and back.
public enum KeypointLayout {
  /// Names in the order of COCO's key points.
  public static let cocoNames = [
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder", "left_elbow",
    "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip", "left_knee", "right_knee", "left_ankle",
    "right_ankle",
  ]

  /// COCO's index of each of the 18; -1 for the neck, which COCO does not know.
  public static let cocoIndex = [0, -1, 6, 8, 10, 5, 7, 9, 12, 14, 16, 11, 13, 15, 2, 1, 4, 3]

  /// What each of the 18 becomes in a mirror.
  public static let mirrored = [0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16]

  static let neck = 1

  /// COCO's OKS sigmas, in its order.
  public static let cocoSigmas: [Double] = [
    0.026, 0.025, 0.025, 0.035, 0.035, 0.079, 0.079, 0.072, 0.072, 0.062, 0.062, 0.107, 0.107, 0.087, 0.087, 0.089,
    0.089,
  ]

  /// The 18 key points of a person; the neck is the middle between the shoulders.
  /// - Parameter coco: 17 points as labelled.
  public static func internalPoints(
    of coco: [PersonAnnotation.Point], width: Int, height: Int
  ) -> [LabelPoint] {
    func converted(_ point: PersonAnnotation.Point) -> LabelPoint {
      let isAbsent = point.visibility == 0 || (point.x == 0 && point.y == 0)
      return LabelPoint(
        x: point.x, y: point.y,
        visibility: isAbsent || !point.isInside(width: width, height: height)
          ? .absent : point.visibility == 2 ? .visible : .occluded)
    }
    var points = cocoIndex.map { $0 < 0 ? LabelPoint(x: 0, y: 0, visibility: .absent) : converted(coco[$0]) }
    let (left, right) = (points[5], points[2])
    if left.visibility != .absent, right.visibility != .absent {
      points[neck] = LabelPoint(
        x: (left.x + right.x) / 2, y: (left.y + right.y) / 2,
        visibility: left.visibility == .visible && right.visibility == .visible ? .visible : .occluded)
    }
    return points
  }
}

/// One of a person's 18 key points as the targets are drawn from.
public struct LabelPoint: Sendable, Equatable {
  /// The reference's codes.
  public enum Visibility: Int, Sendable {
    case occluded = 0
    case visible = 1
    case absent = 2
  }

  public var x: Double
  public var y: Double
  public var visibility: Visibility

  public init(x: Double, y: Double, visibility: Visibility) {
    self.x = x
    self.y = y
    self.visibility = visibility
  }
}
