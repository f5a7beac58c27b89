import CFFmpeg

/// Decodes whole pictures from memory: JPEG, PNG, WebP or BMP. Keeps its decoders from picture to picture; one per thread.
public final class PictureDecoder {
  private var decoders: [UInt32: UnsafeMutablePointer<AVCodecContext>] = [:]
  private var packet = av_packet_alloc()

  /// Of a picture; what claims to be larger is damaged or hostile.
  private static let mostPixels: Int64 = 1 << 27

  public init() { _ = FFmpegLog.isCaptured }

  deinit {
    av_packet_free(&packet)
    for decoder in decoders.values {
      var closing: UnsafeMutablePointer<AVCodecContext>? = decoder
      avcodec_free_context(&closing)
    }
  }

  /// The picture, upright.
  /// - Parameter name: what messages call it.
  /// - Throws: where it is of another kind, damaged, or cut off.
  public func decode(_ bytes: UnsafeRawBufferPointer, name: String) throws(VideoError) -> Frame {
    guard let codec = Self.codec(of: bytes) else { throw VideoError("\(name): neither JPEG, PNG, WebP nor BMP") }
    // FFmpeg would fill the missing part with grey.
    guard codec != AV_CODEC_ID_MJPEG || Self.isWholeJPEG(bytes) else {
      throw VideoError("\(name): the picture is cut off")
    }
    let decoder = try decoder(for: codec, name: name)
    guard let packet, bytes.count < Int32.max, av_new_packet(packet, Int32(bytes.count)) >= 0 else {
      throw VideoError("\(name): out of memory")
    }
    defer { av_packet_unref(packet) }
    UnsafeMutableRawBufferPointer(start: packet.pointee.data, count: bytes.count).copyMemory(from: bytes)
    // Without it FFmpeg adds a PNG to the last one of its size, as if it were a difference.
    packet.pointee.flags |= AV_PKT_FLAG_KEY
    var decoded = av_frame_alloc()
    var code = avcodec_send_packet(decoder, packet)
    if code >= 0 { code = avcodec_receive_frame(decoder, decoded) }
    guard code >= 0, let raw = decoded, raw.pointee.flags & AV_FRAME_FLAG_CORRUPT == 0,
      raw.pointee.decode_error_flags == 0
    else {
      av_frame_free(&decoded)
      avcodec_flush_buffers(decoder)
      throw VideoError("\(name): the picture is damaged")
    }
    let converter = FrameConverter(
      width: Int(raw.pointee.width), height: Int(raw.pointee.height),
      orientation: Orientation(of: raw) ?? .upright)
    return Frame(
      adopting: try converter.convert(raw), index: 0, timestamp: Timestamp(ticks: 0, numerator: 1, denominator: 1),
      captured: Clock.now())
  }

  private func decoder(for codec: AVCodecID, name: String) throws(VideoError) -> UnsafeMutablePointer<AVCodecContext> {
    if let known = decoders[codec.rawValue] { return known }
    var opened = avcodec_alloc_context3(avcodec_find_decoder(codec))
    guard let decoder = opened else { throw VideoError("\(name): this FFmpeg cannot decode such pictures") }
    decoder.pointee.thread_count = 1
    decoder.pointee.max_pixels = Self.mostPixels
    let code = avcodec_open2(decoder, decoder.pointee.codec, nil)
    guard code >= 0 else {
      avcodec_free_context(&opened)
      throw VideoError("\(name): \(VideoError.reason(code))")
    }
    decoders[codec.rawValue] = decoder
    return decoder
  }

  private static func codec(of bytes: UnsafeRawBufferPointer) -> AVCodecID? {
    if bytes.starts(with: [0xFF, 0xD8, 0xFF]) { return AV_CODEC_ID_MJPEG }
    if bytes.starts(with: [0x89, 0x50, 0x4E, 0x47]) { return AV_CODEC_ID_PNG }
    if bytes.starts(with: Array("RIFF".utf8)), bytes.dropFirst(8).starts(with: Array("WEBP".utf8)) {
      return AV_CODEC_ID_WEBP
    }
    return bytes.starts(with: Array("BM".utf8)) ? AV_CODEC_ID_BMP : nil
  }

  /// Whether the mark of the end follows the beginning of the picture proper (a preview before it may be whole).
  static func isWholeJPEG(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var position = 2
    while position + 4 <= bytes.count, bytes[position] == 0xFF, bytes[position + 1] != 0xDA {
      position += bytes[position + 1] == 0xFF ? 1 : 2 + Int(bytes[position + 2]) << 8 + Int(bytes[position + 3])
    }
    guard position + 4 <= bytes.count else { return false }
    var end = bytes.count - 2
    while end > position && !(bytes[end] == 0xFF && bytes[end + 1] == 0xD9) { end -= 1 }
    return end > position
  }
}
