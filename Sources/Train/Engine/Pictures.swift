import CKernels

/// A batch of pictures of one size as the kernels see them, channels padded to a multiple of 16: NHWC with a margin of zeros
/// around every picture as wide as the kernels that read it reach, or in panels of 16 channels without margin.
struct Pictures {
  struct Shape: Hashable {
    var count: Int
    var height: Int
    var width: Int
    var channels: Int
    var margin = 0
    var isInPanels = false
    /// Whether numbers are bfloat16, in panels only.
    var isHalf = false
    /// Channels with padding.
    var depth: Int

    init(count: Int, height: Int, width: Int, channels: Int, margin: Int = 0, isPadded: Bool = true) {
      (self.count, self.height, self.width, self.channels, self.margin) = (count, height, width, channels, margin)
      depth = isPadded ? (channels + 15) / 16 * 16 : channels
    }

    /// The same in panels.
    func inPanels(isHalf: Bool) -> Shape {
      var shape = self
      (shape.isInPanels, shape.isHalf, shape.margin) = (true, isHalf, 0)
      return shape
    }

    private var row: Int { (width + 2 * margin) * (isInPanels ? 16 : depth) }
    private var picture: Int { isInPanels ? height * width * depth : (height + 2 * margin) * row }

    /// Room for all pictures, margins included, in floats.
    var size: Int { isHalf ? (count * picture + 1) / 2 : count * picture }

    var extent: ck_extent {
      ck_extent(count: Int32(count), height: Int32(height), width: Int32(width), channels: Int32(depth))
    }

    func view(_ start: UnsafeMutablePointer<Float>) -> ck_pictures {
      var view = ck_pictures()
      view.base = UnsafeMutableRawPointer(start + margin * (row + depth))
      (view.picture, view.row) = (picture, row)
      (view.pixel, view.panel) = isInPanels ? (16, height * row) : (depth, 16)
      view.is_bf16 = isHalf
      view.is_streamed = isInPanels && size * 4 > 8 << 20
      return view
    }
  }

  let shape: Shape
  let view: ck_pictures

  /// - Parameter start: of zeros, as many as the shape's size.
  init(_ shape: Shape, at start: UnsafeMutablePointer<Float>) {
    self.shape = shape
    view = shape.view(start)
  }

  init(_ shape: Shape, in memory: FloatMemory) throws(TrainError) {
    self.init(shape, at: try memory.zeros(shape.size))
  }

  var extent: ck_extent { shape.extent }

  /// The first picture, NHWC.
  var first: ck_view {
    ck_view(base: view.base.assumingMemoryBound(to: Float.self), row: view.row, pixel: view.pixel)
  }
}
