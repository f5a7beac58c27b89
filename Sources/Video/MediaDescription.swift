import CFFmpeg

/// What an opened input says of itself.
extension MediaInput {
  /// A picture, or several one behind the other.
  var holdsPictures: Bool { formatName.hasSuffix("_pipe") || formatName == "image2" }

  /// Whether nothing in it tells when a frame is to be shown.
  var isUntimed: Bool { holdsPictures || (context.pointee.iformat?.pointee.flags ?? 0) & AVFMT_NOTIMESTAMPS != 0 }

  /// How many frames of a stream are shown, where the container lists them; `nil` where it does not.
  func listedFrames(of stream: UnsafeMutablePointer<AVStream>) -> Int? {
    let listed = formatName.hasPrefix("mov") ? ff_shown_frames(stream) : 0
    let count = listed > 0 ? listed : stream.pointee.nb_frames
    return count > 0 ? Int(count) : nil
  }

  /// Where the time of a stream begins, in seconds.
  /// - Parameter first: ticks of the first picture, where it was decoded already.
  func startTime(of stream: UnsafePointer<AVStream>, first: Int64?) -> Double {
    if let first, first != ff_nopts_value {
      let base = stream.pointee.time_base
      return Double(first) * Double(base.num) / Double(max(1, base.den))
    }
    let start = context.pointee.start_time
    guard start != ff_nopts_value else { return 0 }
    // FFmpeg tells microseconds; frames have the stream's ticks.
    let tick = Double(stream.pointee.time_base.num) / Double(max(1, stream.pointee.time_base.den))
    let (seconds, micro) = (Double(start) / Double(AV_TIME_BASE), 1 / Double(AV_TIME_BASE))
    let ticks = (seconds / tick).rounded()
    return abs(ticks * tick - seconds) <= micro ? ticks * tick : seconds
  }

  /// For people, e.g. "h264 yuv420p 1280x720 at 25 fps, turned upright".
  static func describe(
    _ codec: UnsafePointer<AVCodec>, _ parameters: UnsafePointer<AVCodecParameters>, pixelFormat: Int32?, rate: Double,
    orientation: Orientation
  ) -> String {
    let format = pixelFormat ?? parameters.pointee.format
    var text = "\(String(cString: codec.pointee.name)) \(pixelFormatName(format)) "
    text += "\(parameters.pointee.width)x\(parameters.pointee.height)"
    if rate > 0 {
      let rounded = (rate * 100).rounded() / 100
      text += " at \(rounded == rounded.rounded() ? "\(Int(rounded))" : "\(rounded)") fps"
    }
    if orientation != .upright { text += ", turned upright" }
    return text
  }
}
