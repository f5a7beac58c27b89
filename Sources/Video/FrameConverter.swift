import CFFmpeg

/// Brings whatever a decoder gives to an upright 8-bit YUV 4:2:0 picture of one size: nothing is copied when it is one
/// already, libswscale converts what is not, and turned pictures are turned.
final class FrameConverter {
  /// Size of the result, after turning; that of the first picture. Later ones of other sizes are scaled to it.
  let width: Int
  let height: Int
  private let orientation: Orientation
  private let copies: Bool
  private var scaler: ff_scaler?
  private var scaledPool: FramePool?
  private var turnedPool: FramePool?

  /// - Parameters:
  ///   - width: of the pictures as they are stored, before turning.
  convenience init(width: Int, height: Int, orientation: Orientation) {
    let (shownWidth, shownHeight) = orientation.swapsSides ? (height, width) : (width, height)
    self.init(shownWidth: shownWidth, shownHeight: shownHeight, orientation: orientation)
  }

  /// - Parameters:
  ///   - shownWidth: of the result.
  ///   - copies: pictures lie in memory of a device that goes with it, hence none is passed on as it is.
  init(shownWidth: Int, shownHeight: Int, orientation: Orientation, copies: Bool = false) {
    (width, height) = (shownWidth, shownHeight)
    self.orientation = orientation
    self.copies = copies
  }

  deinit { sws_freeContext(scaler) }

  /// Takes over `raw` and returns the picture, owned by the caller.
  func convert(_ raw: UnsafeMutablePointer<AVFrame>) throws(VideoError) -> UnsafeMutablePointer<AVFrame> {
    var result = raw
    let (storedWidth, storedHeight) = orientation.swapsSides ? (height, width) : (width, height)
    let format = AVPixelFormat(raw.pointee.format)
    let (isFull, isColour) = (Self.isFullRange(raw.pointee), Self.isRGB(format))
    let isPlain = Self.unranged(format) == AV_PIX_FMT_YUV420P
    if !isPlain || copies || raw.pointee.width != storedWidth || raw.pointee.height != storedHeight {
      result = try replacing(raw) { raw throws(VideoError) in try scale(raw, width: storedWidth, height: storedHeight) }
    }
    if isFull { result.pointee.color_range = AVCOL_RANGE_JPEG }
    if isColour {
      // What was told of the source no longer holds.
      result.pointee.color_range = AVCOL_RANGE_MPEG
      let space = result.pointee.colorspace
      if space == AVCOL_SPC_RGB || space == AVCOL_SPC_UNSPECIFIED { result.pointee.colorspace = AVCOL_SPC_SMPTE170M }
    }
    result.pointee.format = AV_PIX_FMT_YUV420P.rawValue
    if orientation != .upright {
      result = try replacing(result) { raw throws(VideoError) in try turn(raw) }
      if orientation.swapsSides {
        let aspect = result.pointee.sample_aspect_ratio
        result.pointee.sample_aspect_ratio = AVRational(num: aspect.den, den: aspect.num)
      }
    }
    return result
  }

  private static func isRGB(_ format: AVPixelFormat) -> Bool {
    let flags = av_pix_fmt_desc_get(format)?.pointee.flags ?? 0
    return flags & UInt64(AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL) != 0
  }

  /// Whether luminance has all 256 values: as the picture says, else JPEG's own formats and grey do.
  private static func isFullRange(_ raw: AVFrame) -> Bool {
    let format = AVPixelFormat(raw.format)
    guard !isRGB(format) else { return false }
    if format != unranged(format) || raw.color_range == AVCOL_RANGE_JPEG { return true }
    guard raw.color_range != AVCOL_RANGE_MPEG, let layout = av_pix_fmt_desc_get(format)?.pointee else { return false }
    // With opacity or without; black and white alone have no range.
    return layout.nb_components < 3 && layout.flags & UInt64(AV_PIX_FMT_FLAG_BITSTREAM) == 0
  }

  /// The format of the same layout whose name says nothing of the range: libswscale, which knows a context again by its
  /// formats, forgets JPEG's own.
  private static func unranged(_ format: AVPixelFormat) -> AVPixelFormat {
    switch format {
    case AV_PIX_FMT_YUVJ420P: AV_PIX_FMT_YUV420P
    case AV_PIX_FMT_YUVJ422P: AV_PIX_FMT_YUV422P
    case AV_PIX_FMT_YUVJ444P: AV_PIX_FMT_YUV444P
    case AV_PIX_FMT_YUVJ440P: AV_PIX_FMT_YUV440P
    case AV_PIX_FMT_YUVJ411P: AV_PIX_FMT_YUV411P
    default: format
    }
  }

  /// Frees the picture that went in once the one that came out is there, or the way failed.
  private func replacing(
    _ raw: UnsafeMutablePointer<AVFrame>,
    by step: (UnsafeMutablePointer<AVFrame>) throws(VideoError) -> UnsafeMutablePointer<AVFrame>
  ) throws(VideoError) -> UnsafeMutablePointer<AVFrame> {
    defer {
      var old: UnsafeMutablePointer<AVFrame>? = raw
      av_frame_free(&old)
    }
    let new = try step(raw)
    av_frame_copy_props(new, raw)
    return new
  }

  private func scale(
    _ raw: UnsafeMutablePointer<AVFrame>, width: Int, height: Int
  ) throws(VideoError) -> UnsafeMutablePointer<AVFrame> {
    let format = Self.unranged(AVPixelFormat(raw.pointee.format))
    scaler = sws_getCachedContext(
      scaler, raw.pointee.width, raw.pointee.height, format, Int32(width), Int32(height),
      AV_PIX_FMT_YUV420P, ff_bilinear | ff_accurate_rounding, nil, nil, nil)
    guard let scaler else {
      throw VideoError("pictures in the pixel format \(pixelFormatName(raw.pointee.format)) cannot be converted")
    }
    // The range is kept: a video cannot change it where its pictures change their size.
    let (range, matrix) = (Int32(Self.isFullRange(raw.pointee) ? 1 : 0), sws_getCoefficients(SWS_CS_DEFAULT))
    sws_setColorspaceDetails(scaler, matrix, range, matrix, range, 0, 1 << 16, 1 << 16)
    if scaledPool?.width != width || scaledPool?.height != height {
      scaledPool = FramePool(width: width, height: height)
    }
    guard let scaledPool else { throw VideoError("out of memory for a picture") }
    let target = try scaledPool.take()
    guard ff_scale(scaler, raw, target) > 0 else {
      var target: UnsafeMutablePointer<AVFrame>? = target
      av_frame_free(&target)
      throw VideoError("a picture could not be converted")
    }
    return target
  }

  private func turn(_ raw: UnsafeMutablePointer<AVFrame>) throws(VideoError) -> UnsafeMutablePointer<AVFrame> {
    if turnedPool == nil { turnedPool = FramePool(width: width, height: height) }
    guard let turnedPool else { throw VideoError("out of memory for a picture") }
    let target = try turnedPool.take()
    let (from, to) = (raw.pointee, target.pointee)
    let planes = [
      (from.data.0, from.linesize.0, to.data.0, to.linesize.0, 0),
      (from.data.1, from.linesize.1, to.data.1, to.linesize.1, 1),
      (from.data.2, from.linesize.2, to.data.2, to.linesize.2, 1),
    ]
    for (source, sourceStride, result, resultStride, shift) in planes {
      guard let source, let result else { continue }
      orientation.turn(
        source, stride: Int(sourceStride), width: (Int(from.width) + shift) >> shift,
        height: (Int(from.height) + shift) >> shift, to: result, stride: Int(resultStride))
    }
    return target
  }
}

/// FFmpeg's name of a pixel format, for messages.
func pixelFormatName(_ format: Int32) -> String {
  av_get_pix_fmt_name(AVPixelFormat(format)).map { String(cString: $0) } ?? "unknown"
}
