import CFFmpeg

/// One picture of a source: upright, 8-bit planar YUV 4:2:0 (chroma planes rounded up), shared and never written to
/// by a stage that did not make it, since the decoder may still predict from it.
public final class Frame: @unchecked Sendable {
  /// The one reference this object owns; freed with it (`av_frame_free`).
  let raw: UnsafeMutablePointer<AVFrame>
  /// Counts the source's frames from 0.
  public let index: Int
  /// When it is to be shown, in the source's time.
  public let timestamp: Timestamp
  /// When it reached this program: `Clock.now()`, carried to the screen to tell the latency.
  public let captured: UInt64

  public var width: Int { Int(raw.pointee.width) }
  public var height: Int { Int(raw.pointee.height) }

  /// Takes over the caller's reference to an upright YUV 4:2:0 picture.
  init(adopting raw: UnsafeMutablePointer<AVFrame>, index: Int, timestamp: Timestamp, captured: UInt64) {
    self.raw = raw
    self.index = index
    self.timestamp = timestamp
    self.captured = captured
  }

  deinit {
    var raw: UnsafeMutablePointer<AVFrame>? = raw
    av_frame_free(&raw)
  }
}
