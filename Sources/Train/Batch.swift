/// Pictures with what the network should answer for them. All arrays are dense and row-major.
public struct Batch: Sendable {
  public var count: Int
  /// Of the network's input, in pixels; multiples of 8.
  public var height: Int
  public var width: Int
  /// (N, 3, height, width), BGR, (x - 128) / 256.
  public var images: [Float]
  /// (N, 19, height / 8, width / 8): 18 key points and the background.
  public var heatmaps: [Float]
  /// (N, 38, height / 8, width / 8): the part affinity fields, x and y of each limb in turn.
  public var fields: [Float]
  /// (N, 1, height / 8, width / 8): weight of each cell in the loss, 0 where people are not labelled.
  public var mask: [Float]

  public init(
    count: Int, height: Int, width: Int, images: [Float], heatmaps: [Float], fields: [Float], mask: [Float]
  ) {
    let cells = count * (height / 8) * (width / 8)
    precondition(height.isMultiple(of: 8) && width.isMultiple(of: 8) && images.count == count * 3 * height * width)
    precondition(heatmaps.count == 19 * cells && fields.count == 38 * cells && mask.count == cells)
    self.count = count
    self.height = height
    self.width = width
    self.images = images
    self.heatmaps = heatmaps
    self.fields = fields
    self.mask = mask
  }
}
