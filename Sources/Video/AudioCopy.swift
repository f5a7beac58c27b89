import CFFmpeg

/// The sound of a file, packet by packet as it is stored, for a second file.
final class AudioCopy {
  let input: MediaInput
  let stream: UnsafeMutablePointer<AVStream>
  private var packet = av_packet_alloc()
  private var hasPacket = false
  private var hasEnded = false
  private let start: Double?

  /// `nil` if the file has no sound.
  /// - Parameter start: where to begin, in seconds of the source's time; `nil` for the beginning.
  init?(path: String, start: Double? = nil) {
    guard let input = try? MediaInput(path: path) else { return nil }
    // Of several programmes in one stream that whose picture is shown.
    let picture = av_find_best_stream(input.context, AVMEDIA_TYPE_VIDEO, -1, -1, nil, 0)
    let index = av_find_best_stream(input.context, AVMEDIA_TYPE_AUDIO, -1, picture, nil, 0)
    guard index >= 0, let stream = input.context.pointee.streams[Int(index)] else { return nil }
    input.choose(index)
    input.followClock()
    self.input = input
    self.stream = stream
    self.start = start
    // Where that fails, all is read up to there.
    if let start {
      let micro = AVRational(num: 1, den: AV_TIME_BASE)
      av_seek_frame(input.context, -1, micro.ticks(in: start), AVSEEK_FLAG_BACKWARD)
    }
  }

  deinit { av_packet_free(&packet) }

  /// Gives `write` every packet that begins before `limit` seconds of the source's time, in order; all of them if `nil`. It is
  /// not given again where that fails.
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
      let seconds = ticks == ff_nopts_value ? nil : Double(ticks) * Double(base.num) / Double(max(1, base.den))
      if let limit, let seconds, seconds >= limit { return }
      if let start, let seconds, seconds < start {
        av_packet_unref(packet)
        hasPacket = false
        continue
      }
      hasPacket = false
      try write(packet)
    }
  }

  // MARK: - Where it fits

  /// Sound that a transport stream carries; of others FFmpeg makes what no player reads.
  private static let transportedSound = [
    AV_CODEC_ID_AAC, AV_CODEC_ID_MP1, AV_CODEC_ID_MP2, AV_CODEC_ID_MP3, AV_CODEC_ID_AC3, AV_CODEC_ID_EAC3,
    AV_CODEC_ID_DTS, AV_CODEC_ID_OPUS,
  ]

  /// Whether a kind of file can hold this sound. Some say so only once they write it.
  func fits(_ context: UnsafeMutablePointer<AVFormatContext>) -> Bool {
    guard let parameters = stream.pointee.codecpar else { return false }
    let codec = parameters.pointee.codec_id
    switch avformat_query_codec(context.pointee.oformat, codec, FF_COMPLIANCE_EXPERIMENTAL) {
    case 0: return false
    case ..<0 where !Self.transportedSound.contains(codec): return false
    default: break
    }
    guard let trial = avformat_alloc_context(), let copy = avformat_new_stream(trial, nil) else { return false }
    defer { avformat_free_context(trial) }
    trial.pointee.oformat = context.pointee.oformat
    trial.pointee.strict_std_compliance = context.pointee.strict_std_compliance
    avcodec_parameters_copy(copy.pointee.codecpar, parameters)
    copy.pointee.codecpar.pointee.codec_tag = 0
    guard avio_open_dyn_buf(&trial.pointee.pb) >= 0 else { return false }
    let isTaken = avformat_write_header(trial, nil) >= 0
    if isTaken { av_write_trailer(trial) }
    var bytes: UnsafeMutablePointer<UInt8>?
    avio_close_dyn_buf(trial.pointee.pb, &bytes)
    av_free(bytes)
    trial.pointee.pb = nil
    return isTaken
  }
}
