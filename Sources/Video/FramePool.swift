import CFFmpeg

/// Memory for pictures of one size, used again when a frame is gone (`av_buffer_pool`).
final class FramePool: @unchecked Sendable {
  let width: Int
  let height: Int
  let format: AVPixelFormat
  private var pool: OpaquePointer?
  private static let alignment: Int32 = 64

  init(width: Int, height: Int, format: AVPixelFormat = AV_PIX_FMT_YUV420P) {
    self.width = width
    self.height = height
    self.format = format
    let size = av_image_get_buffer_size(format, Int32(width), Int32(height), Self.alignment)
    pool = av_buffer_pool_init(max(1, Int(size)) + Int(Self.alignment), nil)
  }

  deinit { av_buffer_pool_uninit(&pool) }

  /// A picture with undefined contents, owned by the caller.
  func take() throws(VideoError) -> UnsafeMutablePointer<AVFrame> {
    var frame = av_frame_alloc()
    guard let raw = frame, let buffer = av_buffer_pool_get(pool) else {
      av_frame_free(&frame)
      throw VideoError("out of memory for a picture of \(width)x\(height)")
    }
    raw.pointee.buf.0 = buffer
    (raw.pointee.width, raw.pointee.height, raw.pointee.format) = (Int32(width), Int32(height), format.rawValue)
    withUnsafeMutablePointer(to: &raw.pointee.data) { data in
      withUnsafeMutablePointer(to: &raw.pointee.linesize) { lines in
        data.withMemoryRebound(to: UnsafeMutablePointer<UInt8>?.self, capacity: 8) { data in
          lines.withMemoryRebound(to: Int32.self, capacity: 8) { lines in
            _ = av_image_fill_arrays(
              data, lines, buffer.pointee.data, format, Int32(width), Int32(height), Self.alignment)
          }
        }
      }
    }
    return raw
  }
}
