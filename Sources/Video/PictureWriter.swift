import CFFmpeg
import Foundation

/// Writes single pictures: PNG or JPEG, by the name's extension. They appear under their names when they are whole.
public enum PictureWriter {
  public enum Kind: Sendable {
    case png, jpeg
  }

  private static func kind(of path: String) -> Kind? {
    switch URL(fileURLWithPath: path).pathExtension.lowercased() {
    case "png": .png
    case "jpg", "jpeg": .jpeg
    default: nil
    }
  }

  /// Whether a name says that a picture is meant.
  public static func hasExtension(_ path: String) -> Bool { kind(of: path) != nil }

  /// - Parameter isDurable: as `PartialFile.keep(isDurable:)` has it.
  /// - Throws: where the extension is another one, or the file cannot be written.
  public static func write(_ frame: Frame, to path: String, isDurable: Bool = true) throws(VideoError) {
    guard let kind = kind(of: path) else {
      throw VideoError(
        "\(path): unknown kind of picture '.\(URL(fileURLWithPath: path).pathExtension)'; use .png or .jpg")
    }
    let bytes: [UInt8]
    do throws(VideoError) {
      bytes = try encode(frame, as: kind)
    } catch {
      throw VideoError("\(path): \(error)")
    }
    let file = try PartialFile(path)
    let written = bytes.withUnsafeBytes { bytes in Result { () throws(VideoError) in try file.write(bytes) } }
    try written.get()
    try file.keep(isDurable: isDurable)
  }

  /// The bytes of a picture's file.
  public static func encode(_ frame: Frame, as kind: Kind) throws(VideoError) -> [UInt8] {
    _ = FFmpegLog.isCaptured
    let format = kind == .png ? AV_PIX_FMT_RGB24 : AV_PIX_FMT_YUVJ420P
    var picture: UnsafeMutablePointer<AVFrame>? = try convert(frame, to: format)
    defer { av_frame_free(&picture) }
    var packet = av_packet_alloc()
    defer { av_packet_free(&packet) }
    var encoder = avcodec_alloc_context3(avcodec_find_encoder(kind == .png ? AV_CODEC_ID_PNG : AV_CODEC_ID_MJPEG))
    defer { avcodec_free_context(&encoder) }
    guard let encoder, let picture, let packet else { throw VideoError("no encoder for this kind of picture") }
    (encoder.pointee.width, encoder.pointee.height) = (picture.pointee.width, picture.pointee.height)
    encoder.pointee.pix_fmt = format
    encoder.pointee.color_range = AVCOL_RANGE_JPEG
    encoder.pointee.time_base = AVRational(num: 1, den: 1)
    // FFmpeg's scale for MJPEG: 2 is next to lossless, 31 the worst.
    encoder.pointee.flags |= AV_CODEC_FLAG_QSCALE
    encoder.pointee.global_quality = 3 * FF_QP2LAMBDA
    picture.pointee.quality = 3 * FF_QP2LAMBDA
    var code = avcodec_open2(encoder, encoder.pointee.codec, nil)
    if code >= 0 { code = avcodec_send_frame(encoder, picture) }
    if code >= 0 { code = avcodec_send_frame(encoder, nil) }
    if code >= 0 { code = avcodec_receive_packet(encoder, packet) }
    guard code >= 0, let bytes = packet.pointee.data else { throw VideoError(VideoError.reason(code)) }
    return Array(UnsafeBufferPointer(start: bytes, count: Int(packet.pointee.size)))
  }

  /// PNG takes RGB; JPEG is BT.601 at full range, whatever the frame is. Viewers of either expect a standard dynamic range.
  private static func convert(_ frame: Frame, to format: AVPixelFormat) throws(VideoError)
    -> UnsafeMutablePointer<AVFrame>
  {
    var frame = frame
    if ToneMapping(frame) != nil {
      let bitmap = try Scaler(order: .rgb).bitmap(frame, width: frame.width, height: frame.height)
      frame = try Frame(bitmap: bitmap, index: frame.index, timestamp: frame.timestamp)
    }
    let (width, height) = (Int32(frame.width), Int32(frame.height))
    let flags = ff_bicubic | ff_accurate_rounding | ff_full_chroma
    guard
      let context = sws_getContext(
        width, height, AV_PIX_FMT_YUV420P, width, height, format, flags, nil, nil, nil)
    else { throw VideoError("frame \(frame.index) of \(width)x\(height) cannot be stored as a picture") }
    defer { sws_freeContext(context) }
    let matrix = Scaler.matrix(frame.raw.pointee.colorspace, height: frame.height)
    let isFull: Int32 = frame.raw.pointee.color_range == AVCOL_RANGE_JPEG ? 1 : 0
    sws_setColorspaceDetails(
      context, sws_getCoefficients(matrix), isFull, sws_getCoefficients(Int32(SWS_CS_ITU601)), 1, 0, 1 << 16, 1 << 16)
    let target = try FramePool(width: frame.width, height: frame.height, format: format).take()
    guard ff_scale(context, frame.raw, target) > 0 else {
      var target: UnsafeMutablePointer<AVFrame>? = target
      av_frame_free(&target)
      throw VideoError("frame \(frame.index) of \(width)x\(height) cannot be stored as a picture")
    }
    return target
  }
}
