/// What the network says of one picture: heat-maps and part affinity fields, one value per stride × stride cell.
public struct FieldMaps: Sendable {
  /// Cells per row.
  public let width: Int
  /// Rows of cells.
  public let height: Int
  /// 19 × height × width, planar and row-major: 18 key points, then the background.
  public var heatmaps: [Float]
  /// 38 × height × width, planar and row-major: x and y per limb, in the channel order of `Skeleton.Limb.x`.
  public var fields: [Float]

  /// Maps of zeros, to be filled again for every frame.
  public init(width: Int, height: Int) {
    self.width = width
    self.height = height
    heatmaps = [Float](repeating: 0, count: Skeleton.heatmapCount * width * height)
    fields = [Float](repeating: 0, count: Skeleton.fieldCount * width * height)
  }
}
