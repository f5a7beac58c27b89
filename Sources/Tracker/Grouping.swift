/// What the parser found in one picture: all key points, and how they belong together.
public struct Grouping: Sendable, Equatable {
  /// A peak of a heat-map, in up-sampled pixels.
  public struct Candidate: Sendable, Equatable {
    public var x: Float
    public var y: Float
    public var score: Float
    /// Counts all key points of the picture, joint after joint.
    public var id: Int
  }

  /// Key points that belong to one person.
  public struct Entry: Sendable, Equatable {
    /// 18 ids of candidates, -1 where none was found.
    public var ids: [Int]
    public var totalScore: Float
    /// Key points as the grouping counted them: the ones that shoulder-ear limbs filled in are not among them.
    public var count: Int
  }

  /// Per joint, 18 lists.
  public var keypoints: [[Candidate]]
  public var entries: [Entry]
  /// Up-sampled pixels per cell of the maps.
  public var upsample: Int
}
