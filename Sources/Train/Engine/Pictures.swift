import CKernels

/// A batch of pictures of one size as the kernels see them: NHWC, channels padded to a multiple of 16, with a margin of zeros
/// around every picture as wide as the kernels that read it reach.
struct Pictures {
  struct Shape: Hashable {
    var count: Int
    var height: Int
    var width: Int
    var channels: Int
    var margin: Int

    /// Floats of one pixel.
    var pixel: Int

    init(count: Int, height: Int, width: Int, channels: Int, margin: Int, isPadded: Bool = true) {
      (self.count, self.height, self.width, self.channels, self.margin) = (count, height, width, channels, margin)
      pixel = isPadded ? (channels + 15) / 16 * 16 : channels
    }

    var row: Int { (width + 2 * margin) * pixel }
    var picture: Int { (height + 2 * margin) * row }

    var extent: ck_extent {
      ck_extent(count: Int32(count), height: Int32(height), width: Int32(width), channels: Int32(pixel))
    }
  }

  let shape: Shape
  let view: ck_pictures

  init(_ shape: Shape, in memory: FloatMemory) throws(TrainError) {
    self.shape = shape
    let start = try memory.zeros(shape.count * shape.picture)
    view = ck_pictures(
      base: start + shape.margin * (shape.row + shape.pixel), picture: shape.picture, row: shape.row, pixel: shape.pixel
    )
  }

  var extent: ck_extent { shape.extent }

  /// The first picture.
  var first: ck_view { ck_view(base: view.base, row: view.row, pixel: view.pixel) }
}
