/// The 18 key points of Lightweight OpenPose and the 19 limbs that its part affinity fields (PAFs) describe.
///
/// Osokin, "Real-time 2D Multi-Person Pose Estimation on CPU: Lightweight OpenPose" (2018);
/// Cao et al., "Realtime Multi-Person 2D Pose Estimation using Part Affinity Fields" (2017).
public enum Skeleton {
  /// Name of every key point, in the order of the heat-map channels.
  public static let keypointNames = [
    "nose", "neck", "right_shoulder", "right_elbow", "right_wrist", "left_shoulder", "left_elbow", "left_wrist",
    "right_hip", "right_knee", "right_ankle", "left_hip", "left_knee", "left_ankle", "right_eye", "left_eye",
    "right_ear", "left_ear",
  ]

  /// Number of key points: 18.
  public static let keypointCount = 18
  /// Heat-map channels: one per key point and the background.
  public static let heatmapCount = 19
  /// PAF channels: x and y of every limb.
  public static let fieldCount = 38

  /// A limb joins key point `a` to key point `b`; its field lies in PAF channels `x` and `y`.
  public struct Limb: Sendable, Equatable {
    public let a: Int
    public let b: Int
    /// PAF channel of the field's x component; y is the next one.
    public let x: Int
    public var y: Int { x + 1 }
  }

  /// The limbs in the order in which poses are grouped: it grows a tree from the neck.
  public static let limbs: [Limb] = [
    Limb(a: 1, b: 2, x: 12), Limb(a: 1, b: 5, x: 20), Limb(a: 2, b: 3, x: 14), Limb(a: 3, b: 4, x: 16),
    Limb(a: 5, b: 6, x: 22), Limb(a: 6, b: 7, x: 24), Limb(a: 1, b: 8, x: 0), Limb(a: 8, b: 9, x: 2),
    Limb(a: 9, b: 10, x: 4), Limb(a: 1, b: 11, x: 6), Limb(a: 11, b: 12, x: 8), Limb(a: 12, b: 13, x: 10),
    Limb(a: 1, b: 0, x: 28), Limb(a: 0, b: 14, x: 30), Limb(a: 14, b: 16, x: 34), Limb(a: 0, b: 15, x: 32),
    Limb(a: 15, b: 17, x: 36), Limb(a: 2, b: 16, x: 18), Limb(a: 5, b: 17, x: 26),
  ]

  /// The 17 limbs that are drawn: all but shoulder to ear, which only help the grouping.
  public static let drawnLimbs = limbs.prefix(17)

  /// Per-key-point spread of human labelling, as a share of the square root of a person's area (COCO's OKS sigmas).
  public static let sigmas: [Float] = [
    0.026, 0.079, 0.079, 0.072, 0.062, 0.079, 0.072, 0.062, 0.107, 0.087, 0.089, 0.107, 0.087, 0.089, 0.025, 0.025,
    0.035, 0.035,
  ]
}
