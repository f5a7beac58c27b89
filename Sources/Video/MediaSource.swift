import CFFmpeg
import Foundation
import Synchronization

/// Frames of anything FFmpeg opens: a video file, a picture, a stream or a camera.
///
/// Damaged packets are skipped and counted; what can be decoded is shown.
public final class MediaSource: FrameSource, @unchecked Sendable {
  public let info: SourceInfo
  private let input: MediaInput
  private let stream: UnsafeMutablePointer<AVStream>
  private var decoder: UnsafeMutablePointer<AVCodecContext>?
  private let converter: FrameConverter
  private var packet: UnsafeMutablePointer<AVPacket>?
  private var decoded: UnsafeMutablePointer<AVFrame>?

  private var frameCount = 0
  private var isDraining = false
  /// What ended the reading before the end.
  private var loss: VideoError?
  private var hasEnded = false
  /// A picture that was decoded when the source was opened.
  private var hasPending = false
  private var received: UInt64 = 0
  /// Nanoseconds of decoding since the last frame.
  private var workTime: UInt64 = 0
  private var lastTicks: Int64?
  /// After a seek: frames before this time are decoded but not given out.
  private var firstTicks: Int64?
  /// After a seek: the newest of those, given out where no other follows.
  private var passed = av_frame_alloc()
  private var hasPassed = false
  /// How many frames the container lists.
  private let promised: Int?
  /// Of a single picture.
  private var still: Frame?
  private var isStillWanted = false
  private var damaged = 0
  private let notices = Mutex<[String]>([])
  /// Pictures come without times, hence have those of their arrival.
  private let isUntimed: Bool
  private var firstReceived: UInt64?
  /// After a seek: `packet` was read already.
  private var hasPacket = false
  /// After a seek in a video of constant rate whose frames are stored out of order: the first frame's time tells the place.
  private var isPlaceByTime = false

  /// - Parameters:
  ///   - input: just opened.
  ///   - name: as the user gave it.
  ///   - decoderThreads: more than one helps files; a live source would pay with a frame of delay for each.
  ///   - first: an earlier opening of the same, whose size pictures are brought to.
  init(
    _ input: MediaInput, name: String, isLive: Bool, decoderThreads: Int, like first: SourceInfo? = nil
  ) throws(VideoError) {
    self.input = input
    isUntimed = isLive && input.isUntimed
    var codec: UnsafePointer<AVCodec>?
    let index = av_find_best_stream(input.context, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0)
    guard index >= 0, let stream = input.context.pointee.streams[Int(index)], let codec,
      let parameters = stream.pointee.codecpar
    else {
      let hasAudio = av_find_best_stream(input.context, AVMEDIA_TYPE_AUDIO, -1, -1, nil, 0) >= 0
      throw VideoError("\(name): \(hasAudio ? "only sound, no video" : "no video that this FFmpeg can decode")")
    }
    self.stream = stream
    let (width, height) = (Int(parameters.pointee.width), Int(parameters.pointee.height))
    guard width > 0, height > 0 else { throw VideoError("\(name): no picture in it; is the file complete?") }
    guard width <= Self.largestSide, height <= Self.largestSide else {
      throw VideoError("\(name): pictures of \(width)x\(height) are too large; up to \(Self.largestSide) a side work")
    }
    // Sound is copied by the writer from its own opening of the file.
    input.choose(index)
    if !isLive { input.followClock() }

    guard let decoder = avcodec_alloc_context3(codec) else { throw VideoError("\(name): out of memory") }
    self.decoder = decoder
    avcodec_parameters_to_context(decoder, parameters)
    decoder.pointee.pkt_timebase = stream.pointee.time_base
    // A second thread would keep the first picture until there is another.
    decoder.pointee.thread_count = input.holdsPictures ? 1 : Int32(decoderThreads)
    if isLive {
      decoder.pointee.flags |= AV_CODEC_FLAG_LOW_DELAY
      decoder.pointee.thread_type = FF_THREAD_SLICE
    }
    let code = avcodec_open2(decoder, codec, nil)
    guard code >= 0 else {
      avcodec_free_context(&self.decoder)
      throw VideoError("\(name): \(VideoError.reason(code))")
    }

    packet = av_packet_alloc()
    decoded = av_frame_alloc()
    var orientation = Orientation(displayMatrix: ff_stream_display_matrix(stream))
    var isPicture = input.holdsPictures
    // EXIF orientation comes with the picture itself, so that one must be decoded before its size is known; a device's
    // first picture shows that there is one, and when its time begins.
    if isPicture || input.isDevice, let packet, let decoded {
      while input.context.pointee.nb_streams > 0, case .packet = input.read(into: packet) {
        received = Clock.now()
        // FFmpeg fills up what is missing with grey, and says nothing.
        let bytes = UnsafeRawBufferPointer(start: packet.pointee.data, count: Int(packet.pointee.size))
        if isPicture, codec.pointee.id == AV_CODEC_ID_MJPEG, !PictureDecoder.isWholeJPEG(bytes) { damaged += 1 }
        let isSent = packet.pointee.stream_index == index && avcodec_send_packet(decoder, packet) >= 0
        av_packet_unref(packet)
        if isSent && avcodec_receive_frame(decoder, decoded) >= 0 {
          hasPending = true
          if let own = Orientation(of: decoded) { orientation = own }
          break
        }
      }
    }
    // A picture that comes after the first makes a video of them; what phones hide behind a photograph is none.
    let isNamedPicture = PictureSource.extensions.contains((name as NSString).pathExtension.lowercased())
    if isPicture, hasPending, !isNamedPicture, let packet, case .packet = input.read(into: packet) {
      (isPicture, hasPacket) = (false, true)
    }
    if input.isDevice && !hasPending {
      av_frame_free(&decoded)
      av_packet_free(&packet)
      avcodec_free_context(&self.decoder)
      let complaint = FFmpegLog.take()
      throw VideoError("\(name): the camera sends no pictures\(complaint.isEmpty ? "" : " (\(complaint))")")
    }
    let (shownWidth, shownHeight) = orientation.swapsSides ? (height, width) : (width, height)
    converter = FrameConverter(
      shownWidth: first?.width ?? shownWidth, shownHeight: first?.height ?? shownHeight, orientation: orientation,
      copies: input.isDevice && codec.pointee.id == AV_CODEC_ID_RAWVIDEO)
    let rate = av_guess_frame_rate(input.context, stream, nil)
    let duration = input.context.pointee.duration
    let seconds = duration > 0 ? Double(duration) / Double(AV_TIME_BASE) : nil
    let nominalRate = rate.den > 0 ? Double(rate.num) / Double(rate.den) : 0
    let estimated = seconds.flatMap { nominalRate > 0 ? Int(exactly: ($0 * nominalRate).rounded()) : nil }
    promised = isLive || isPicture ? nil : input.listedFrames(of: stream)
    var info = SourceInfo(
      name: name, width: converter.width, height: converter.height, nominalRate: nominalRate,
      duration: isLive || isPicture ? nil : seconds,
      frameCount: isLive ? nil : isPicture ? 1 : promised ?? estimated, isLive: isLive,
      format: MediaInput.describe(
        codec, parameters, pixelFormat: input.isDevice ? decoded?.pointee.format : nil,
        rate: isPicture ? 0 : nominalRate, orientation: orientation),
      startTime: isUntimed
        ? 0
        : input.startTime(of: stream, first: input.isDevice ? decoded?.pointee.best_effort_timestamp : nil)
    )
    info.isStill = isPicture
    info.hasSound = av_find_best_stream(input.context, AVMEDIA_TYPE_AUDIO, -1, index, nil, 0) >= 0
    self.info = info
  }

  /// Of a picture, in pixels. 8K video is 7680 wide; what is larger is damaged or hostile.
  static let largestSide = 16384

  deinit {
    av_frame_free(&decoded)
    av_frame_free(&passed)
    av_packet_free(&packet)
    avcodec_free_context(&decoder)
  }

  public func cancel() { input.cancel() }

  public func takeNotices() -> [String] {
    notices.withLock { lines in
      defer { lines.removeAll() }
      return lines
    }
  }

  func notice(_ line: String) { notices.withLock { $0.append(line) } }

  public func next() throws(VideoError) -> Frame? {
    guard let decoder, let packet, let decoded, let passed else { return nil }
    if isStillWanted {
      isStillWanted = false
      return still
    }
    while !hasEnded && !input.isCancelled {
      let start = Clock.now()
      let code = hasPending ? 0 : avcodec_receive_frame(decoder, decoded)
      hasPending = false
      switch code {
      case 0:
        if decoded.pointee.flags & AV_FRAME_FLAG_CORRUPT != 0 || decoded.pointee.decode_error_flags != 0 {
          damaged += 1
        }
        if isPlaceByTime {
          isPlaceByTime = false
          if let place = place(ofTicks: decoded.pointee.best_effort_timestamp) { frameCount = place }
        }
        if let firstTicks, decoded.pointee.best_effort_timestamp < firstTicks,
          decoded.pointee.best_effort_timestamp != ff_nopts_value
        {
          av_frame_unref(passed)
          av_frame_move_ref(passed, decoded)
          hasPassed = true
          frameCount += 1
          continue
        }
        defer { workTime = 0 }
        let next = try frame(from: decoded, workBefore: workTime + Clock.now() - start)
        if info.isStill {
          still = next
          end()
        }
        return next
      case ff_error(EAGAIN):
        try feed(decoder, packet)
      case ff_error_eof:
        end()
        if firstTicks != nil, hasPassed {
          frameCount -= 1
          return try frame(from: passed, workBefore: workTime)
        }
      default:
        damaged += 1
        if isDraining { end() }
      }
    }
    if let loss, !input.isCancelled { throw loss }
    return nil
  }

  public var canSeek: Bool {
    guard !info.isLive else { return false }
    return info.isStill || info.duration != nil && (input.context.pointee.pb?.pointee.seekable ?? 0) != 0
  }

  /// Goes to the key frame before and decodes from there.
  public func seek(to seconds: Double) throws(VideoError) {
    if info.isStill {
      isStillWanted = still != nil
      return
    }
    guard canSeek, let decoder, let packet, seconds.isFinite else { return }
    // Far beyond any video, and still a whole number of ticks.
    let seconds = min(max(0, seconds), 1e9)
    let base = stream.pointee.time_base
    let ticks = base.ticks(in: info.startTime + seconds)
    // Containers without an index are entered anywhere, before a key frame that comes too late.
    for back in [0, 2, 10, 60, seconds + 1] {
      let code = input.seek(stream.pointee.index, to: ticks - base.ticks(in: back))
      guard code >= 0 || back > 0 else {
        throw VideoError("\(info.name): cannot go to another place: \(VideoError.reason(code))")
      }
      if let time = skipToKeyFrame(packet), time <= ticks || back > seconds { break }
      hasPacket = false
      av_packet_unref(packet)
    }
    avcodec_flush_buffers(decoder)
    (isDraining, hasEnded, hasPending, loss) = (false, false, false, nil)
    (lastTicks, firstTicks, hasPassed) = (nil, ticks, false)
    if hasPacket { findPlace(of: packet) }
    let delay = max(decoder.pointee.has_b_frames, stream.pointee.codecpar.pointee.video_delay)
    isPlaceByTime = delay > 0 && av_cmp_q(stream.pointee.avg_frame_rate, stream.pointee.r_frame_rate) == 0
  }

  /// Reads up to the next key frame and keeps its packet to be decoded: when it is shown, `nil` at the end.
  private func skipToKeyFrame(_ packet: UnsafeMutablePointer<AVPacket>) -> Int64? {
    av_packet_unref(packet)
    while case .packet = input.read(into: packet) {
      let isKey = packet.pointee.flags & ff_key_frame_flag != 0
      if packet.pointee.stream_index == stream.pointee.index && isKey {
        hasPacket = true
        return packet.pointee.pts == ff_nopts_value ? packet.pointee.dts : packet.pointee.pts
      }
      av_packet_unref(packet)
    }
    return nil
  }

  /// Which frame of the source a packet holds: by the container's index where that lists every frame, else by the rate.
  private func findPlace(of packet: UnsafePointer<AVPacket>) {
    let listed = Int64(avformat_index_get_entries_count(stream))
    if listed > 0, listed == stream.pointee.nb_frames,
      case let place = av_index_search_timestamp(stream, packet.pointee.dts, Int32(AVSEEK_FLAG_ANY)), place >= 0
    {
      frameCount = Int(place)
      return
    }
    if let place = place(ofTicks: packet.pointee.pts == ff_nopts_value ? packet.pointee.dts : packet.pointee.pts) {
      frameCount = place
    }
  }

  /// The number of the frame at a time, as far as a constant rate tells.
  private func place(ofTicks ticks: Int64) -> Int? {
    guard ticks != ff_nopts_value, info.nominalRate > 0 else { return nil }
    let base = stream.pointee.time_base
    let tick = Double(base.num) / Double(max(1, base.den))
    // The sound may begin before the first frame does.
    let first = stream.pointee.start_time == ff_nopts_value ? info.startTime : Double(stream.pointee.start_time) * tick
    let seconds = Double(ticks) * tick - first
    return Int(exactly: (seconds * info.nominalRate).rounded()).map { max(0, $0) }
  }

  /// Gives the decoder the next packet of the video.
  private func feed(_ decoder: UnsafeMutablePointer<AVCodecContext>, _ packet: UnsafeMutablePointer<AVPacket>)
    throws(VideoError)
  {
    let reading = hasPacket ? .packet : input.read(into: packet)
    hasPacket = false
    switch reading {
    case .packet:
      received = Clock.now()
      defer { av_packet_unref(packet) }
      guard packet.pointee.stream_index == stream.pointee.index else { return }
      if packet.pointee.flags & AV_PKT_FLAG_CORRUPT != 0 { damaged += 1 }
      // A packet that cannot be decoded is lost; the ones after it are not.
      if avcodec_send_packet(decoder, packet) < 0 { damaged += 1 }
      workTime += Clock.now() - received
    case .end:
      isDraining = true
      avcodec_send_packet(decoder, nil)
    case .failure(let code), .loss(let code):
      if info.isLive {
        let gone = input.isDevice && (code == ff_error(ENODEV) || code == ff_error(EIO))
        let reason = code == ff_error_exit ? "nothing received any more" : VideoError.reason(code)
        throw VideoError(
          "\(info.name): \(gone ? "the device is gone (\(reason))" : reason), after \(frameCount) frames")
      }
      let line = "\(info.name): reading stopped early: \(VideoError.reason(code))"
      // Of a damaged file this is all there is; what was not delivered may be had another time.
      if case .loss = reading { loss = VideoError(line) } else { notice(line) }
      isDraining = true
      avcodec_send_packet(decoder, nil)
    }
  }

  private func end() {
    hasEnded = true
    if damaged > 0 {
      notice("\(info.name): \(damaged) damaged packets or frames, skipped or patched up by the decoder")
    }
    if input.clockJumps > 0 {
      notice(
        "\(info.name): its clock jumps \(input.clockJumps == 1 ? "once" : "\(input.clockJumps) times"); the video goes on where it was"
      )
    }
    if let promised, frameCount < promised - max(2, promised / 100) {
      notice("\(info.name): the file promises \(promised) frames, \(frameCount) are there; it may be cut off")
    }
  }

  private func frame(from decoded: UnsafeMutablePointer<AVFrame>, workBefore: UInt64) throws(VideoError)
    -> Frame
  {
    guard let own = av_frame_alloc() else { throw VideoError("\(info.name): out of memory") }
    av_frame_move_ref(own, decoded)
    let start = Clock.now()
    let base = stream.pointee.time_base
    // A missing or repeated time becomes the next tick, so that time never stands still or goes back; so does one of which sums
    // might not be whole numbers any longer.
    var ticks = own.pointee.best_effort_timestamp
    if ticks.magnitude > Self.mostTicks.magnitude { ticks = lastTicks.map { $0 &+ ticksPerFrame } ?? 0 }
    if let last = lastTicks, ticks <= last, !info.isLive { ticks = last &+ 1 }
    lastTicks = ticks
    (firstTicks, hasPassed) = (nil, false)
    // The first picture of a stream came while the stream was looked at.
    let captured = !info.isLive ? Clock.now() : frameCount == 0 && !input.isDevice ? input.opened : received
    var timestamp = Timestamp(ticks: ticks, numerator: base.num, denominator: base.den)
    if isUntimed {
      let first = firstReceived ?? received
      firstReceived = first
      timestamp = Timestamp(ticks: Int64((received - first) / 1000), numerator: 1, denominator: 1_000_000)
    }
    // Pixels that are no squares may be told of by the container alone.
    let duration = isUntimed ? 0 : min(ff_frame_duration(own), Self.mostTicks)
    own.pointee.sample_aspect_ratio = av_guess_sample_aspect_ratio(input.context, stream, own)
    let upright = try converter.convert(own)
    defer { frameCount += 1 }
    return Frame(
      adopting: upright, index: frameCount, timestamp: timestamp, durationTicks: duration, captured: captured,
      decodeTime: workBefore + Clock.now() - start,
      path: info.isStill && info.name != "-" ? info.name : nil)
  }

  private static let mostTicks = Int64.max / 8

  private var ticksPerFrame: Int64 {
    let rate = stream.pointee.avg_frame_rate
    guard rate.num > 0, rate.den > 0 else { return 1 }
    return max(1, av_rescale_q(1, AVRational(num: rate.den, den: rate.num), stream.pointee.time_base))
  }
}
