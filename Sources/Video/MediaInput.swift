import CFFmpeg
import Foundation

/// An opened container, device or stream (`AVFormatContext` of a demuxer) whose blocking calls can be ended from outside.
final class MediaInput: @unchecked Sendable {
  private let patience: Patience
  /// Through which it is read, where that is a pipe.
  private let pipe: PipeReader?
  let context: UnsafeMutablePointer<AVFormatContext>
  /// Seconds a read may wait; `nil` for ever.
  var readTimeout: Double?
  /// When the source had answered: what it sent while it was looked at came about then.
  private(set) var opened = Clock.now()
  /// Puts the times of a file right whose clock jumps.
  private var clock: FileClock?

  /// A file, or a pipe that goes by a file's name.
  /// - Parameter path: `nil` for standard input.
  convenience init(path: String?) throws(VideoError) {
    let patience = Patience(Cancellation())
    // Without the prefix a name with a colon would be taken for a protocol, without the option one with "%d" for many names.
    try self.init(
      url: path.map { "file:\($0)" } ?? "pipe:0", name: path ?? "standard input", options: ["pattern_type": "none"],
      patience,
      pipe: PipeReader(path, patience))
  }

  /// A stream or device.
  /// - Parameters:
  ///   - name: what messages call it.
  ///   - format: FFmpeg's input format, e.g. "v4l2"; `nil` to find out.
  ///   - cancellation: ends the opening too.
  convenience init(
    url: String, name: String, format: String? = nil, options: [String: String] = [:], openTimeout: Double? = nil,
    cancellation: Cancellation = Cancellation()
  ) throws(VideoError) {
    try self.init(
      url: url, name: name, format: format, options: options, openTimeout: openTimeout, Patience(cancellation))
  }

  private convenience init(
    url: String, name: String, format: String? = nil, options: [String: String], openTimeout: Double? = nil,
    _ patience: Patience, pipe: PipeReader? = nil
  ) throws(VideoError) {
    _ = FFmpegLog.isCaptured
    _ = FFmpegLog.take()
    guard let allocated = avformat_alloc_context() else { throw VideoError("\(name): out of memory") }
    allocated.pointee.interrupt_callback.opaque = Unmanaged.passUnretained(patience).toOpaque()
    allocated.pointee.interrupt_callback.callback = { opaque in
      guard let opaque else { return 0 }
      return Unmanaged<Patience>.fromOpaque(opaque).takeUnretainedValue().isOver ? 1 : 0
    }
    allocated.pointee.pb = pipe?.context
    // A device waits inside the kernel, where nothing interrupts it: better that it does not wait.
    if format != nil { allocated.pointee.flags |= AVFMT_FLAG_NONBLOCK }
    var inputFormat: UnsafePointer<AVInputFormat>?
    if let format {
      inputFormat = av_find_input_format(format)
      guard inputFormat != nil else {
        avformat_free_context(allocated)
        throw VideoError("\(name): this FFmpeg cannot read \(format) devices")
      }
    }
    var dictionary: OpaquePointer?
    defer { av_dict_free(&dictionary) }
    for (key, value) in options { av_dict_set(&dictionary, key, value, 0) }
    patience.wait(atMost: openTimeout)
    var opened: UnsafeMutablePointer<AVFormatContext>? = allocated
    // On failure FFmpeg frees the context itself.
    var code = avformat_open_input(&opened, url, inputFormat, &dictionary)
    guard code >= 0, let opened else { throw VideoError(Self.openFailure(name, code)) }
    self.init(adopting: opened, patience, pipe)
    self.opened = Clock.now()
    // A device has said everything by now, and its pictures would be lost.
    if format != nil { return }
    code = avformat_find_stream_info(opened, nil)
    guard code >= 0 else { throw VideoError(Self.openFailure(name, code)) }
  }

  private init(adopting context: UnsafeMutablePointer<AVFormatContext>, _ patience: Patience, _ pipe: PipeReader?) {
    self.context = context
    self.patience = patience
    self.pipe = pipe
  }

  deinit {
    var closing: UnsafeMutablePointer<AVFormatContext>? = context
    // Closing must not be cut short, or a device stays open; but nobody waits long for a server that is gone.
    patience.wait(atMost: 3, evenIfCancelled: true)
    avformat_close_input(&closing)
  }

  private static func openFailure(_ name: String, _ code: Int32) -> String {
    switch code {
    case ff_error_exit: "\(name): no answer in time"
    case ff_error_invalid_data where FFmpegLog.take().contains("moov atom not found") && isMP4(name):
      "\(name): its index, which recorders write last, is missing: the recording broke off, or still goes on"
    case ff_error_invalid_data, ff_error_eof: "\(name): not a video or picture that FFmpeg can read"
    default: "\(name): \(VideoError.reason(code))"
    }
  }

  /// Whether a file begins as MP4 does, whatever it is called.
  private static func isMP4(_ path: String) -> Bool {
    guard let file = FileHandle(forReadingAtPath: path), let start = try? file.read(upToCount: 8) else { return false }
    return start.suffix(4) == Data("ftyp".utf8)
  }

  /// Ends a call that waits on another thread, and all later ones.
  func cancel() { patience.cancellation.cancel() }

  /// A camera, asked without waiting.
  var isDevice: Bool { context.pointee.flags & AVFMT_FLAG_NONBLOCK != 0 }

  /// FFmpeg's name of the container or device.
  var formatName: String { context.pointee.iformat?.pointee.name.map { String(cString: $0) } ?? "" }

  /// Whether the container knows how long it is.
  var hasDuration: Bool { context.pointee.duration > 0 }

  /// Whether its end is known: HTTP tells a length. That of a playlist says nothing of what it names.
  var hasLength: Bool {
    guard let below = context.pointee.pb, avio_size(below) > 0 else { return false }
    return (context.pointee.iformat?.pointee.flags ?? 0) & AVFMT_NO_BYTE_SEEK == 0
  }

  var isCancelled: Bool { patience.cancellation.isCancelled }

  /// Goes to the key frame before a time of a stream, as far as the container tells. Returns FFmpeg's code.
  func seek(_ stream: Int32, to ticks: Int64) -> Int32 {
    patience.wait(atMost: readTimeout)
    let code = av_seek_frame(context, stream, ticks, AVSEEK_FLAG_BACKWARD)
    if code >= 0 { followClock() }
    return code
  }

  /// From now on the times of packets go on where the file's clock jumps. After another place was sought, again.
  func followClock() { clock = FileClock(mayJumpAhead: clockMayJump) }

  /// How often the clock jumped.
  var clockJumps: Int { clock?.jumps ?? 0 }

  /// Reads only one stream; where the clock may jump, sound and picture too, so that both openings of a file, for the one and
  /// for the other, see the same jumps.
  func choose(_ stream: Int32) {
    let types = clockMayJump ? [AVMEDIA_TYPE_VIDEO, AVMEDIA_TYPE_AUDIO] : []
    let kept = [stream] + types.map { av_find_best_stream(context, $0, -1, stream, nil, 0) }
    for index in 0..<Int32(context.pointee.nb_streams) where !kept.contains(index) {
      context.pointee.streams[Int(index)]?.pointee.discard = AVDISCARD_ALL
    }
  }

  private var clockMayJump: Bool { (context.pointee.iformat?.pointee.flags ?? 0) & AVFMT_TS_DISCONT != 0 }

  /// What reading a packet came to.
  enum Reading {
    case packet
    case end
    /// What came makes no sense.
    case failure(Int32)
    /// The disk or the network failed.
    case loss(Int32)
  }

  /// The next packet of any stream, into `packet`.
  func read(into packet: UnsafeMutablePointer<AVPacket>) -> Reading {
    patience.wait(atMost: readTimeout)
    var code = av_read_frame(context, packet)
    while code == ff_error(EAGAIN) {
      if patience.isOver {
        code = ff_error_exit
      } else {
        usleep(1000)
        code = av_read_frame(context, packet)
      }
    }
    if code >= 0 {
      putRight(packet)
      return .packet
    }
    if isCancelled { return .end }
    // Demuxers report a failure of the layer below as the end, and some the end as a failure.
    if let below = context.pointee.pb {
      let error = below.pointee.error
      // The end of what HTTP sends without a length is told as a broken connection.
      let isEnd = error == ff_error_eof || (error == ff_error(EIO) && avio_size(below) <= 0)
      if error < 0 && !isEnd { return .loss(error) }
      if avio_feof(below) != 0 { return .end }
    }
    return code == ff_error_eof ? .end : .failure(code)
  }

  private func putRight(_ packet: UnsafeMutablePointer<AVPacket>) {
    guard clock != nil, let stream = context.pointee.streams[Int(packet.pointee.stream_index)] else { return }
    let (base, micro) = (stream.pointee.time_base, AVRational(num: 1, den: AV_TIME_BASE))
    // The times at which packets are shown go back and forth; some containers leave out the first others.
    let ticks = packet.pointee.dts
    let offset = clock?.offset(
      stream: packet.pointee.stream_index, time: ticks == ff_nopts_value ? nil : av_rescale_q(ticks, base, micro),
      duration: av_rescale_q(packet.pointee.duration, base, micro))
    guard let offset, offset != 0 else { return }
    let shift = av_rescale_q(offset, micro, base)
    if packet.pointee.pts != ff_nopts_value { packet.pointee.pts &+= shift }
    if packet.pointee.dts != ff_nopts_value { packet.pointee.dts &+= shift }
  }
}
