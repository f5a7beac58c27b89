import CFFmpeg
import Foundation

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
  /// Nanoseconds of work to decode and convert it, without waiting for its data.
  public let decodeTime: UInt64
  /// The file of a single picture.
  public let path: String?
  /// Its last part.
  public var name: String? { path.map { ($0 as NSString).lastPathComponent } }
  /// How often the source had broken off and come back before this frame.
  public let outages: Int

  /// How long the source shows it, in ticks of `timestamp`; 0 if the source does not say.
  let durationTicks: Int64

  public var width: Int { Int(raw.pointee.width) }
  public var height: Int { Int(raw.pointee.height) }
  /// Width of a pixel by its height, as players show it; 1 where the source does not say, or what cannot be.
  public var pixelAspect: Double {
    let ratio = raw.pointee.sample_aspect_ratio
    guard ratio.num > 0, ratio.den > 0 else { return 1 }
    let aspect = Double(ratio.num) / Double(ratio.den)
    return (0.25...4).contains(aspect) ? aspect : 1
  }

  /// Takes over the caller's reference to an upright YUV 4:2:0 picture.
  init(
    adopting raw: UnsafeMutablePointer<AVFrame>, index: Int, timestamp: Timestamp, durationTicks: Int64 = 0,
    captured: UInt64, decodeTime: UInt64 = 0, path: String? = nil, outages: Int = 0
  ) {
    self.raw = raw
    self.index = index
    self.timestamp = timestamp
    self.durationTicks = durationTicks
    self.captured = captured
    self.decodeTime = decodeTime
    self.path = path
    self.outages = outages
  }

  deinit {
    var raw: UnsafeMutablePointer<AVFrame>? = raw
    av_frame_free(&raw)
  }
}

extension Frame {
  /// The same picture at another place in a source.
  func renumbered(
    index: Int, timestamp: Timestamp, isNamed: Bool = true, outages: Int? = nil
  ) throws(VideoError) -> Frame {
    Frame(
      adopting: try copied(), index: index, timestamp: timestamp,
      durationTicks: timestamp.hasBase(of: self.timestamp) ? durationTicks : 0, captured: captured,
      decodeTime: decodeTime, path: isNamed ? path : nil, outages: outages ?? self.outages)
  }

  /// The same place in the source, the picture turned or of another size.
  func converted(by converter: FrameConverter) throws(VideoError) -> Frame {
    let start = Clock.now()
    let picture = try converter.convert(try copied())
    return Frame(
      adopting: picture, index: index, timestamp: timestamp, durationTicks: durationTicks, captured: captured,
      decodeTime: decodeTime + Clock.now() - start, path: path, outages: outages)
  }

  /// A part of the same picture, in the same memory.
  /// - Parameters:
  ///   - x: even, as `y` is, since colour is halved; a multiple of 32 keeps rows aligned.
  public func part(x: Int, y: Int, width: Int, height: Int) throws(VideoError) -> Frame {
    guard x >= 0, y >= 0, x % 2 == 0, y % 2 == 0, width > 0, height > 0, x <= self.width - width,
      y <= self.height - height
    else { throw VideoError("frame \(index) of \(self.width)x\(self.height) has no such part") }
    let copy = try copied()
    (copy.pointee.crop_left, copy.pointee.crop_top) = (x, y)
    (copy.pointee.crop_right, copy.pointee.crop_bottom) = (self.width - width - x, self.height - height - y)
    let part = Frame(
      adopting: copy, index: index, timestamp: timestamp, durationTicks: durationTicks, captured: captured,
      decodeTime: decodeTime, path: path, outages: outages)
    guard av_frame_apply_cropping(copy, Int32(AV_FRAME_CROP_UNALIGNED)) >= 0 else {
      throw VideoError("frame \(index) of \(self.width)x\(self.height) could not be cut")
    }
    return part
  }

  /// A second reference to the same memory.
  private func copied() throws(VideoError) -> UnsafeMutablePointer<AVFrame> {
    guard let copy = av_frame_clone(raw) else { throw VideoError("out of memory for a picture") }
    return copy
  }
}
