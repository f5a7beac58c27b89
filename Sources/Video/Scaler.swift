import CFFmpeg

/// Scales frames to packed 8-bit pictures of standard dynamic range with libswscale, honouring the frame's colour matrix, range and
/// transfer. Keeps its context and buffer from frame to frame.
public final class Scaler: @unchecked Sendable {
  public enum Order: Sendable {
    case rgb, bgr
  }

  private let order: Order
  private var context: ff_scaler?
  private var colour: (space: AVColorSpace, range: AVColorRange) = (AVCOL_SPC_UNSPECIFIED, AVCOL_RANGE_UNSPECIFIED)
  private var size = (width: 0, height: 0, fromWidth: 0, fromHeight: 0)
  private var target: UnsafeMutablePointer<AVFrame>?

  /// For a compatible letterbox: the frame in its own size, and what OpenCV makes of it.
  private let ignoresMatrix: Bool
  private var whole: Scaler?
  private var resize = CompatibleResize()
  private var resized: [UInt8] = []

  public convenience init(order: Order) { self.init(order: order, ignoresMatrix: false) }

  private init(order: Order, ignoresMatrix: Bool) {
    self.order = order
    self.ignoresMatrix = ignoresMatrix
  }

  deinit {
    av_frame_free(&target)
    sws_freeContext(context)
  }

  /// Scales `frame` to width × height pixels of 3 bytes and lends them to `body`.
  public func scale<Result>(
    _ frame: Frame, width: Int, height: Int,
    _ body: (_ pixels: UnsafeRawBufferPointer, _ bytesPerRow: Int) -> Result
  ) throws(VideoError) -> Result {
    try prepare(frame, width: width, height: height)
    guard let context, let target, ff_scale(context, frame.raw, target) > 0, let pixels = target.pointee.data.0 else {
      throw VideoError("frame \(frame.index) of \(frame.width)x\(frame.height) could not be scaled")
    }
    let bytesPerRow = Int(target.pointee.linesize.0)
    if !ignoresMatrix, let mapping = ToneMapping(frame) {
      mapping.apply(order, to: pixels, bytesPerRow: bytesPerRow, width: width, height: height)
    }
    return body(UnsafeRawBufferPointer(start: pixels, count: bytesPerRow * height), bytesPerRow)
  }

  /// Scales `frame` to the content of `letterbox` and lends the pixels to `body`.
  ///
  /// A compatible letterbox gets what OpenCV would read and resize: BT.601 whatever the tag says, and two taps per side.
  public func scale<Result>(
    _ frame: Frame, in letterbox: Letterbox, _ body: (_ pixels: UnsafeRawBufferPointer, _ bytesPerRow: Int) -> Result
  ) throws(VideoError) -> Result {
    guard letterbox.isCompatible else {
      return try scale(frame, width: letterbox.innerWidth, height: letterbox.innerHeight, body)
    }
    if whole == nil { whole = Scaler(order: order, ignoresMatrix: true) }
    guard let whole else { throw VideoError("out of memory for a picture") }
    let (width, height) = (letterbox.innerWidth, letterbox.innerHeight)
    let bytesPerRow = 3 * width
    if resized.count != bytesPerRow * height { resized = [UInt8](repeating: 0, count: bytesPerRow * height) }
    try whole.scale(frame, width: frame.width, height: frame.height) { pixels, wholeRow in
      resized.withUnsafeMutableBytes { target in
        resize.run(
          .init(bytes: pixels, width: frame.width, height: frame.height, bytesPerRow: wholeRow),
          into: target, width: width, height: height, scale: Double(height) / Double(frame.height))
      }
    }
    return resized.withUnsafeBytes { body($0, bytesPerRow) }
  }

  /// Scales `frame` into a bitmap (RGB order only).
  public func bitmap(_ frame: Frame, width: Int, height: Int) throws(VideoError) -> Bitmap {
    var bitmap = Bitmap(width: width, height: height)
    try scale(frame, width: width, height: height) { pixels, bytesPerRow in
      bitmap.pixels.withUnsafeMutableBytes { target in
        for row in 0..<height {
          UnsafeMutableRawBufferPointer(rebasing: target[row * width * 3..<(row + 1) * width * 3])
            .copyMemory(
              from: UnsafeRawBufferPointer(rebasing: pixels[row * bytesPerRow..<row * bytesPerRow + width * 3]))
        }
      }
    }
    return bitmap
  }

  private func prepare(_ frame: Frame, width: Int, height: Int) throws(VideoError) {
    let (space, range) = (frame.raw.pointee.colorspace, frame.raw.pointee.color_range)
    let wanted = (width: width, height: height, fromWidth: frame.width, fromHeight: frame.height)
    guard context == nil || wanted != size || (space, range) != colour else { return }
    let format = order == .rgb ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_BGR24
    // Averaging the area when shrinking keeps thin limbs; interpolation when enlarging.
    var method = ignoresMatrix ? ff_bicubic : width < frame.width ? ff_area : ff_bilinear
    #if arch(arm64)
      // FFmpeg 9's quick conversion leaves out the last column of an odd width; who asks for accuracy does not get it.
      if width % 2 == 1, width == frame.width, height == frame.height { method |= ff_accurate_rounding }
    #endif
    sws_freeContext(context)
    context = sws_getContext(
      Int32(frame.width), Int32(frame.height), AV_PIX_FMT_YUV420P, Int32(width), Int32(height), format, method,
      nil,
      nil, nil)
    guard let context else { throw VideoError("pictures of \(frame.width)x\(frame.height) cannot be scaled") }
    let matrix = sws_getCoefficients(ignoresMatrix ? Int32(SWS_CS_DEFAULT) : Self.matrix(space, height: frame.height))
    sws_setColorspaceDetails(
      context, matrix, range == AVCOL_RANGE_JPEG ? 1 : 0, sws_getCoefficients(Int32(SWS_CS_DEFAULT)), 1, 0, 1 << 16,
      1 << 16)
    if target == nil || size.width != width || size.height != height {
      av_frame_free(&target)
      // libswscale writes whole blocks of 8 pixels, and leaves out the last one where a row has no room for it.
      target = try FramePool(width: (width + 15) / 16 * 16, height: height, format: format).take()
    }
    (size, colour) = (wanted, (space, range))
  }

  /// What the frame says, or what players assume when it says nothing: BT.709 from 720 lines on, else BT.601.
  static func matrix(_ space: AVColorSpace, height: Int) -> Int32 {
    switch space {
    case AVCOL_SPC_BT709: Int32(SWS_CS_ITU709)
    case AVCOL_SPC_BT2020_NCL, AVCOL_SPC_BT2020_CL: Int32(SWS_CS_BT2020)
    case AVCOL_SPC_UNSPECIFIED, AVCOL_SPC_RGB: Int32(height >= 720 ? SWS_CS_ITU709 : SWS_CS_ITU601)
    default: Int32(SWS_CS_ITU601)
    }
  }
}

extension Frame {
  /// A frame from a bitmap, converted to BT.709 at limited range, as video is.
  /// - Parameter start: when the work on the picture began, for the frame's `decodeTime`; now if absent.
  public convenience init(
    bitmap: Bitmap, index: Int, timestamp: Timestamp, captured: UInt64 = Clock.now(), since start: UInt64 = Clock.now()
  ) throws(VideoError) {
    guard
      let context = sws_getContext(
        Int32(bitmap.width), Int32(bitmap.height), AV_PIX_FMT_RGB24, Int32(bitmap.width), Int32(bitmap.height),
        AV_PIX_FMT_YUV420P, ff_bilinear | ff_accurate_rounding, nil, nil, nil)
    else { throw VideoError("a bitmap of \(bitmap.width)x\(bitmap.height) cannot be converted") }
    defer { sws_freeContext(context) }
    sws_setColorspaceDetails(
      context, sws_getCoefficients(Int32(SWS_CS_DEFAULT)), 1, sws_getCoefficients(Int32(SWS_CS_ITU709)), 0, 0, 1 << 16,
      1 << 16)
    let target = try FramePool(width: bitmap.width, height: bitmap.height).take()
    target.pointee.colorspace = AVCOL_SPC_BT709
    target.pointee.color_primaries = AVCOL_PRI_BT709
    target.pointee.color_trc = AVCOL_TRC_BT709
    target.pointee.color_range = AVCOL_RANGE_MPEG
    bitmap.pixels.withUnsafeBytes { pixels in
      let planes: [UnsafePointer<UInt8>?] = [pixels.baseAddress?.assumingMemoryBound(to: UInt8.self), nil, nil, nil]
      let lines: [Int32] = [Int32(bitmap.width * 3), 0, 0, 0]
      var targets = [target.pointee.data.0, target.pointee.data.1, target.pointee.data.2, nil]
      let targetLines = [target.pointee.linesize.0, target.pointee.linesize.1, target.pointee.linesize.2, 0]
      _ = sws_scale(context, planes, lines, 0, Int32(bitmap.height), &targets, targetLines)
    }
    self.init(adopting: target, index: index, timestamp: timestamp, captured: captured, decodeTime: Clock.now() - start)
  }
}
