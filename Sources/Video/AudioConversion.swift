import CFFmpeg

/// Sound that a kind of file cannot hold as it is stored, encoded anew as AAC.
///
/// Owns a decoder, libswresample's context and an encoder. Where the source's times jump, those of the result do.
final class AudioConversion {
  private var decoder: UnsafeMutablePointer<AVCodecContext>?
  private var encoder: UnsafeMutablePointer<AVCodecContext>?
  private var resampler = swr_alloc()
  /// Samples that do not fill a frame of the encoder yet.
  private var waiting: OpaquePointer?
  /// When the first of them is heard, in samples of the result.
  private var start: Int64?
  private var frame = av_frame_alloc()
  private var packet = av_packet_alloc()

  /// Rates that AAC knows.
  private static let rates: Set<Int32> = [
    96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350,
  ]

  /// `nil` if this FFmpeg cannot decode the sound, or encode AAC.
  /// - Parameter format: of the file that is written.
  init?(_ stream: UnsafeMutablePointer<AVStream>, for format: UnsafePointer<AVOutputFormat>) {
    guard let parameters = stream.pointee.codecpar, let decoding = avcodec_find_decoder(parameters.pointee.codec_id),
      let encoding = avcodec_find_encoder(AV_CODEC_ID_AAC)
    else { return nil }
    decoder = avcodec_alloc_context3(decoding)
    encoder = avcodec_alloc_context3(encoding)
    guard let decoder, let encoder, avcodec_parameters_to_context(decoder, parameters) >= 0 else { return nil }
    decoder.pointee.pkt_timebase = stream.pointee.time_base
    guard avcodec_open2(decoder, decoding, nil) >= 0 else { return nil }

    // Mono, stereo and 5.1 stay what they are.
    let channels = decoder.pointee.ch_layout.nb_channels
    av_channel_layout_default(&encoder.pointee.ch_layout, [1, 6].contains(channels) ? channels : 2)
    let rate = decoder.pointee.sample_rate
    encoder.pointee.sample_rate = Self.rates.contains(rate) ? rate : 48000
    encoder.pointee.sample_fmt = AV_SAMPLE_FMT_FLTP
    encoder.pointee.time_base = AVRational(num: 1, den: encoder.pointee.sample_rate)
    encoder.pointee.bit_rate = min(448_000, 96_000 * Int64(encoder.pointee.ch_layout.nb_channels))
    if format.pointee.flags & AVFMT_GLOBALHEADER != 0 {
      encoder.pointee.flags |= Int32(bitPattern: UInt32(AV_CODEC_FLAG_GLOBAL_HEADER))
    }
    guard avcodec_open2(encoder, encoding, nil) >= 0 else { return nil }
    waiting = av_audio_fifo_alloc(
      AV_SAMPLE_FMT_FLTP, encoder.pointee.ch_layout.nb_channels, 2 * encoder.pointee.frame_size)
    // Channels that are mixed must not become too loud together, of which libswresample takes care for whole numbers only.
    av_opt_set_double(UnsafeMutableRawPointer(resampler), "rematrix_maxval", 1, 0)
    guard waiting != nil, resampler != nil, frame != nil, packet != nil else { return nil }
  }

  deinit {
    avcodec_free_context(&decoder)
    avcodec_free_context(&encoder)
    swr_free(&resampler)
    av_audio_fifo_free(waiting)
    av_frame_free(&frame)
    av_packet_free(&packet)
  }

  /// Of the packets that come out: 1 / samples per second.
  var timeBase: AVRational { encoder?.pointee.time_base ?? AVRational(num: 1, den: 1) }

  func describe(_ stream: UnsafeMutablePointer<AVStream>) {
    avcodec_parameters_from_context(stream.pointee.codecpar, encoder)
    stream.pointee.time_base = timeBase
  }

  /// Gives `write` what becomes of a packet; at the end, of all that waits.
  /// - Parameter source: `nil` at the end.
  /// - Returns: whether all of it could be read.
  func convert(
    _ source: UnsafeMutablePointer<AVPacket>?, _ write: (UnsafeMutablePointer<AVPacket>) throws(VideoError) -> Void
  ) throws(VideoError) -> Bool {
    guard let frame else { return false }
    var isWhole = avcodec_send_packet(decoder, source) >= 0
    while avcodec_receive_frame(decoder, frame) >= 0 {
      defer { av_frame_unref(frame) }
      if try !take(frame, write) { isWhole = false }
    }
    if source == nil {
      try encode(all: true, write)
      avcodec_send_frame(encoder, nil)
      try drain(write)
    }
    return isWhole
  }

  /// Brings decoded samples to the encoder's form.
  private func take(
    _ frame: UnsafeMutablePointer<AVFrame>, _ write: (UnsafeMutablePointer<AVPacket>) throws(VideoError) -> Void
  ) throws(VideoError) -> Bool {
    guard let encoder, let waiting, let decoder else { return false }
    var resampled = av_frame_alloc()
    defer { av_frame_free(&resampled) }
    guard let resampled else { return false }
    if frame.pointee.ch_layout.order == AV_CHANNEL_ORDER_UNSPEC {
      av_channel_layout_default(&frame.pointee.ch_layout, frame.pointee.ch_layout.nb_channels)
    }
    av_channel_layout_copy(&resampled.pointee.ch_layout, &encoder.pointee.ch_layout)
    resampled.pointee.sample_rate = encoder.pointee.sample_rate
    resampled.pointee.format = AV_SAMPLE_FMT_FLTP.rawValue
    if swr_convert_frame(resampler, resampled, frame) < 0 {
      // Rate or channels are others from here on.
      swr_close(resampler)
      guard swr_convert_frame(resampler, resampled, frame) >= 0 else { return false }
    }

    let rate = Int64(encoder.pointee.sample_rate)
    if frame.pointee.best_effort_timestamp != ff_nopts_value {
      let time = av_rescale_q(frame.pointee.best_effort_timestamp, decoder.pointee.pkt_timebase, timeBase)
      let expected = start.map { $0 &+ Int64(av_audio_fifo_size(waiting)) }
      // Times are often rounded; a tenth of a second is a gap, or sound that was there already.
      if let expected, time &- expected < -rate / 10 { return true }
      if let expected, time &- expected > rate / 10 {
        try encode(all: true, write)
        start = nil
      }
      if start == nil { start = time }
    }
    if start == nil { start = 0 }
    let count = resampled.pointee.nb_samples
    let isTaken = ff_queue(waiting, resampled, count) >= count
    try encode(all: false, write)
    return isTaken
  }

  /// - Parameter all: the last frame too, filled up with silence.
  private func encode(
    all: Bool, _ write: (UnsafeMutablePointer<AVPacket>) throws(VideoError) -> Void
  ) throws(VideoError) {
    guard let encoder, let waiting else { return }
    let size = encoder.pointee.frame_size
    while av_audio_fifo_size(waiting) >= (all ? 1 : size) {
      var full = av_frame_alloc()
      defer { av_frame_free(&full) }
      guard let full else { return }
      av_channel_layout_copy(&full.pointee.ch_layout, &encoder.pointee.ch_layout)
      full.pointee.sample_rate = encoder.pointee.sample_rate
      full.pointee.format = AV_SAMPLE_FMT_FLTP.rawValue
      full.pointee.nb_samples = size
      guard av_frame_get_buffer(full, 0) >= 0 else { return }
      let count = ff_unqueue(waiting, full, size)
      guard count > 0 else { return }
      ff_silence(full, count)
      full.pointee.pts = start ?? 0
      start = full.pointee.pts &+ Int64(count)
      avcodec_send_frame(encoder, full)
      try drain(write)
    }
  }

  private func drain(_ write: (UnsafeMutablePointer<AVPacket>) throws(VideoError) -> Void) throws(VideoError) {
    guard let packet else { return }
    while avcodec_receive_packet(encoder, packet) >= 0 {
      defer { av_packet_unref(packet) }
      try write(packet)
    }
  }
}
