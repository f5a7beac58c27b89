import CFFmpeg

/// The sound of a file, packet by packet as it is stored, for a second file.
final class AudioCopy {
  let input: MediaInput
  let stream: UnsafeMutablePointer<AVStream>
  private var packet = av_packet_alloc()
  private var hasPacket = false
  private var hasEnded = false

  /// `nil` if the file has no sound.
  init?(path: String) {
    guard let input = try? MediaInput(url: "file:\(path)", name: path) else { return nil }
    let index = av_find_best_stream(input.context, AVMEDIA_TYPE_AUDIO, -1, -1, nil, 0)
    guard index >= 0, let stream = input.context.pointee.streams[Int(index)] else { return nil }
    for other in 0..<Int(input.context.pointee.nb_streams) where other != Int(index) {
      input.context.pointee.streams[other]?.pointee.discard = AVDISCARD_ALL
    }
    self.input = input
    self.stream = stream
  }

  deinit { av_packet_free(&packet) }

  /// Gives `write` every packet that begins before `limit` seconds of the source's time, in order; all of them if `nil`.
  func copy(until limit: Double?, _ write: (UnsafeMutablePointer<AVPacket>) throws(VideoError) -> Void)
    throws(VideoError)
  {
    guard let packet else { return }
    while !hasEnded {
      if !hasPacket {
        guard case .packet = input.read(into: packet) else {
          hasEnded = true
          return
        }
        guard packet.pointee.stream_index == stream.pointee.index else {
          av_packet_unref(packet)
          continue
        }
        hasPacket = true
      }
      let ticks = packet.pointee.dts == ff_nopts_value ? packet.pointee.pts : packet.pointee.dts
      let base = stream.pointee.time_base
      if let limit, ticks != ff_nopts_value, Double(ticks) * Double(base.num) / Double(base.den) >= limit { return }
      try write(packet)
      hasPacket = false
    }
  }
}
