import CFFmpeg
import Foundation

/// Writes frames as a video file: H.264 in YUV 4:2:0, every frame at its source's own time, with the source's sound.
///
/// The file grows under a temporary name beside its place and gets its name when it is finished, so that a failure leaves
/// neither half a file nor damages one that was there.
public final class VideoWriter {
  public struct Settings: Sendable {
    /// File whose sound is copied; `nil` for none.
    public var soundPath: String?
    /// The part of the sound that is copied, in seconds of the source's time; `nil` from its beginning, to its end.
    public var soundStart: Double?
    public var soundEnd: Double?
    /// Where the source's time begins, in seconds: the file begins there.
    public var startTime = 0.0
    /// Frames per second as the source states it; only a hint, times decide.
    public var nominalRate = 0.0
    /// Threads of the encoder.
    public var threads = 1

    public init() {}
  }

  /// The encoder that was chosen, e.g. "libx264".
  public let encoderName: String
  /// Things worth telling, e.g. why there is no sound.
  public private(set) var notices: [String] = []

  private let path: String
  private let file: PartialFile
  private let settings: Settings
  private var context: UnsafeMutablePointer<AVFormatContext>?
  private var encoder: UnsafeMutablePointer<AVCodecContext>?
  private var stream: UnsafeMutablePointer<AVStream>
  private var packet = av_packet_alloc()
  private var sound: AudioCopy?
  private var soundStream: UnsafeMutablePointer<AVStream>?
  /// Where the file cannot hold the sound as it is.
  private var conversion: AudioConversion?
  private var lastSound: Int64?
  /// Packets that the container did not take.
  private var lostSound = 0
  private var padding: FramePool?
  private let startTicks: Int64
  private var held: UnsafeMutablePointer<AVFrame>?
  /// Up to when the frames in the encoder are shown.
  private var encodedEnd: Int64?
  /// What the source says of the frame that waits, and how long the one before was shown.
  private var heldDuration: Int64 = 1
  private var lastDuration: Int64 = 1
  /// How long each frame in the encoder is to be shown, by its time.
  private var durations: [Int64: Int64] = [:]
  private var isFinished = false
  /// Nothing more can be put into the file.
  private var isFull = false
  /// Whether what is in the file plays without an end.
  private let needsNoEnd: Bool

  /// The encoders we would choose, best first.
  public static let encoderNames = ["libx264", "libopenh264", "mpeg4"]

  /// FFmpeg's names of the containers, by extension.
  private static let containers = ["mp4": "mp4", "m4v": "mp4", "mov": "mov", "mkv": "matroska", "ts": "mpegts"]

  /// Whether a name's extension is that of a video.
  public static func hasExtension(_ path: String) -> Bool {
    containers[URL(fileURLWithPath: path).pathExtension.lowercased()] != nil
  }

  /// Finds before there is a frame what would keep the file from being opened.
  public static func check(path: String, settings: Settings) throws(VideoError) {
    guard settings.soundPath.map({ !PartialFile.isSame($0, path) }) ?? true else {
      throw VideoError("\(path): is the video being read; choose another name for the output")
    }
    _ = try PartialFile(path)
  }

  /// - Parameters:
  ///   - first: the first frame to come; size, time base and colours are taken from it. It is not written.
  public init(path: String, like first: Frame, settings: Settings) throws(VideoError) {
    _ = FFmpegLog.isCaptured
    self.path = path
    self.settings = settings
    try Self.check(path: path, settings: settings)
    // A device has no extension.
    let fileExtension = URL(fileURLWithPath: path).pathExtension.lowercased()
    guard let container = Self.containers[fileExtension.isEmpty && PartialFile.isDevice(path) ? "mp4" : fileExtension]
    else { throw VideoError("\(path): unknown kind of file '.\(fileExtension)'; use .mp4, .mov, .mkv or .ts") }
    needsNoEnd = container == "matroska" || container == "mpegts"
    file = try PartialFile(path)
    guard avformat_alloc_output_context2(&context, nil, container, "file:" + file.path) >= 0, let context else {
      throw VideoError("\(path): this FFmpeg cannot write .\(fileExtension)")
    }
    guard let codec = Self.encoderNames.lazy.compactMap({ avcodec_find_encoder_by_name($0) }).first,
      let encoder = avcodec_alloc_context3(codec), let stream = avformat_new_stream(context, nil)
    else {
      avformat_free_context(context)
      throw VideoError("\(path): this FFmpeg has none of the encoders \(Self.encoderNames.joined(separator: ", "))")
    }
    encoderName = String(cString: codec.pointee.name)
    self.encoder = encoder
    self.stream = stream

    let raw = first.raw.pointee
    // Players and encoders want even sides; the last row or column is repeated.
    (encoder.pointee.width, encoder.pointee.height) = (raw.width + raw.width % 2, raw.height + raw.height % 2)
    encoder.pointee.pix_fmt = AV_PIX_FMT_YUV420P
    (encoder.pointee.colorspace, encoder.pointee.color_range) = (raw.colorspace, raw.color_range)
    (encoder.pointee.color_primaries, encoder.pointee.color_trc) = (raw.color_primaries, raw.color_trc)
    encoder.pointee.sample_aspect_ratio = raw.sample_aspect_ratio
    let base = AVRational(num: first.timestamp.numerator, den: first.timestamp.denominator)
    encoder.pointee.time_base = base
    if settings.nominalRate > 0, settings.nominalRate < 100_000 {
      lastDuration = max(1, Int64((Double(base.den) / Double(max(1, base.num)) / settings.nominalRate).rounded()))
    }
    startTicks = base.ticks(in: settings.startTime)
    if settings.nominalRate > 0 { encoder.pointee.framerate = av_d2q(settings.nominalRate, 100_000) }
    encoder.pointee.thread_count = Int32(max(1, settings.threads))
    encoder.pointee.gop_size = 250
    if context.pointee.oformat.pointee.flags & AVFMT_GLOBALHEADER != 0 {
      encoder.pointee.flags |= AV_CODEC_FLAG_GLOBAL_HEADER
    }
    var options: OpaquePointer?
    defer { av_dict_free(&options) }
    if encoderName == "libx264" {
      // Between x264's two fastest presets: the faster one with what costs little and is seen at once, sub-pixel motion,
      // deblocking and bits where the picture is smooth. See Benchmarks/README.md. No B-frames: every frame is stored in
      // the order of its time.
      av_dict_set(&options, "preset", "ultrafast", 0)
      av_dict_set(&options, "x264-params", "subme=1:deblock=0,0:aq-mode=1", 0)
      av_dict_set(&options, "crf", "21", 0)
    } else {
      encoder.pointee.bit_rate = Int64(raw.width) * Int64(raw.height) * 4
      if encoderName == "mpeg4" { encoder.pointee.time_base = Self.coarse(base) }
    }
    var code = avcodec_open2(encoder, codec, &options)
    guard code >= 0 else { throw VideoError("\(path): \(encoderName): \(VideoError.reason(code))") }
    avcodec_parameters_from_context(stream.pointee.codecpar, encoder)
    stream.pointee.time_base = encoder.pointee.time_base
    stream.pointee.avg_frame_rate = encoder.pointee.framerate
    // What the container says of it comes from here, what the codec says from the encoder.
    stream.pointee.sample_aspect_ratio = encoder.pointee.sample_aspect_ratio
    // FLAC in MP4 counts as an experiment.
    context.pointee.strict_std_compliance = FF_COMPLIANCE_EXPERIMENTAL
    addSound(to: context)

    code = avio_open(&context.pointee.pb, "file:" + file.path, AVIO_FLAG_WRITE)
    guard code >= 0 else { throw VideoError("\(path): cannot be written: \(VideoError.reason(code))") }
    code = avformat_write_header(context, nil)
    guard code >= 0 else { throw VideoError("\(path): cannot be written: \(VideoError.reason(code))") }
  }

  deinit { discard() }

  /// MPEG-4 part 2 stores its time base in 16 bits.
  private static func coarse(_ base: AVRational) -> AVRational {
    base.den <= 65535 ? base : AVRational(num: 1, den: 60000)
  }

  private func addSound(to context: UnsafeMutablePointer<AVFormatContext>) {
    guard let soundPath = settings.soundPath, let sound = AudioCopy(path: soundPath, start: settings.soundStart),
      let parameters = sound.stream.pointee.codecpar
    else { return }
    let name = String(cString: avcodec_get_name(parameters.pointee.codec_id))
    if sound.fits(context), let copy = avformat_new_stream(context, nil) {
      avcodec_parameters_copy(copy.pointee.codecpar, parameters)
      copy.pointee.codecpar.pointee.codec_tag = 0
      copy.pointee.time_base = sound.stream.pointee.time_base
      (self.sound, soundStream) = (sound, copy)
    } else if let conversion = AudioConversion(sound.stream, for: context.pointee.oformat),
      let converted = avformat_new_stream(context, nil)
    {
      conversion.describe(converted)
      notices.append("\(path): the sound becomes AAC: '\(name)' cannot be stored in this kind of file (.mkv takes it)")
      (self.sound, soundStream, self.conversion) = (sound, converted, conversion)
    } else {
      notices.append("no sound in \(path): '\(name)' cannot be stored in this kind of file (.mkv takes it)")
    }
  }

  /// Appends a frame. Frames must come in the order of their times.
  public func write(_ frame: Frame) throws(VideoError) {
    guard let encoder else { return }
    let picture = try evenSided(frame)
    let base = AVRational(num: frame.timestamp.numerator, den: frame.timestamp.denominator)
    var pts = Self.rescaled(frame.timestamp.ticks &- startTicks, base, encoder.pointee.time_base)
    if let held { pts = max(pts, held.pointee.pts + 1) }
    picture.pointee.pts = pts
    picture.pointee.pict_type = AV_PICTURE_TYPE_NONE
    // A frame waits for the next one, which tells how long it is shown.
    do throws(VideoError) {
      try encodeHeld(until: pts)
    } catch {
      var unused: UnsafeMutablePointer<AVFrame>? = picture
      av_frame_free(&unused)
      throw error
    }
    heldDuration =
      frame.durationTicks > 0 ? Self.rescaled(frame.durationTicks, base, encoder.pointee.time_base) : lastDuration
    held = picture
  }

  /// A source may say any time; sums of two stay whole numbers.
  private static func rescaled(_ ticks: Int64, _ base: AVRational, _ own: AVRational) -> Int64 {
    min(max(av_rescale_q(ticks, base, own), -Int64.max / 4), Int64.max / 4)
  }

  /// Encodes the frame that waits; it is shown until `end`.
  private func encodeHeld(until end: Int64) throws(VideoError) {
    guard let picture = held, let encoder else { return }
    defer { av_frame_free(&held) }
    lastDuration = max(1, end - picture.pointee.pts)
    durations[picture.pointee.pts] = lastDuration
    let code = avcodec_send_frame(encoder, picture)
    guard code >= 0 else { throw VideoError("\(path): \(encoderName): \(VideoError.reason(code))") }
    encodedEnd = end
    try drain(encoder)
  }

  /// Ends the file and gives it its name. After an interruption too: what was written so far plays.
  /// - Parameter isComplete: the source came to its end, so that its sound is copied to the end as well, not just as
  ///   far as there are frames.
  public func finish(isComplete: Bool = false) throws(VideoError) {
    guard !isFinished, let encoder, let context else { return }
    if let held { try encodeHeld(until: held.pointee.pts + max(1, heldDuration)) }
    guard let end = encodedEnd else { throw VideoError("\(path): not written: there was no frame") }
    avcodec_send_frame(encoder, nil)
    try drain(encoder)
    let base = encoder.pointee.time_base
    try copySound(
      until: isComplete ? settings.soundEnd : Double(end) * Double(base.num) / Double(base.den) + settings.startTime)
    if let conversion, try !conversion.convert(nil, storeSound) { lostSound += 1 }
    var code = av_write_trailer(context)
    let flushed = avio_closep(&context.pointee.pb)
    if code >= 0 { code = flushed }
    guard code >= 0 else {
      isFull = true
      throw unwritable(code)
    }
    try file.keep()
    isFinished = true
    if lostSound > 0 { notices.append("\(path): \(lostSound) damaged packets of sound left out") }
  }

  /// Keeps what was written before something failed, if it plays: all of it where only a frame was wrong; where the file took
  /// no more, only the kinds that need no end, .mkv and .ts.
  /// - Returns: whether there is a file now.
  public func salvage() -> Bool {
    if !isFull, (try? finish()) != nil { return true }
    guard isFull, needsNoEnd, let context else { return false }
    avio_closep(&context.pointee.pb)
    guard (try? file.keep()) != nil else { return false }
    isFinished = true
    return true
  }

  /// Frees everything; the temporary file goes with `file`.
  private func discard() {
    if let context {
      if context.pointee.pb != nil { avio_closep(&context.pointee.pb) }
      avformat_free_context(context)
    }
    context = nil
    av_frame_free(&held)
    avcodec_free_context(&encoder)
    av_packet_free(&packet)
  }

  private func drain(_ encoder: UnsafeMutablePointer<AVCodecContext>) throws(VideoError) {
    guard let packet else { return }
    while true {
      let code = avcodec_receive_packet(encoder, packet)
      if code == ff_error(EAGAIN) || code == ff_error_eof { return }
      guard code >= 0 else { throw VideoError("\(path): \(encoderName): \(VideoError.reason(code))") }
      // The sound up to here first, so that both lie side by side in the file.
      let base = encoder.pointee.time_base
      try copySound(until: Double(packet.pointee.dts) * Double(base.num) / Double(base.den) + settings.startTime)
      packet.pointee.duration = durations.removeValue(forKey: packet.pointee.pts) ?? 0
      packet.pointee.stream_index = stream.pointee.index
      av_packet_rescale_ts(packet, base, stream.pointee.time_base)
      try store(packet)
    }
  }

  private func copySound(until limit: Double?) throws(VideoError) {
    guard let sound else { return }
    try sound.copy(until: limit) { packet throws(VideoError) in
      let base = sound.stream.pointee.time_base
      let start = base.ticks(in: settings.startTime)
      if packet.pointee.pts != ff_nopts_value { packet.pointee.pts &-= start }
      if packet.pointee.dts != ff_nopts_value { packet.pointee.dts &-= start }
      guard let conversion else {
        try storeSound(packet)
        return
      }
      if try !conversion.convert(packet, storeSound) { lostSound += 1 }
      av_packet_unref(packet)
    }
  }

  private func storeSound(_ packet: UnsafeMutablePointer<AVPacket>) throws(VideoError) {
    guard let sound, let soundStream else { return }
    packet.pointee.stream_index = soundStream.pointee.index
    packet.pointee.pos = -1
    av_packet_rescale_ts(packet, conversion?.timeBase ?? sound.stream.pointee.time_base, soundStream.pointee.time_base)
    // A container stores times that rise, and some only sound that is whole; the picture is worth more than a moment of it.
    if packet.pointee.dts != ff_nopts_value {
      if let lastSound, packet.pointee.dts <= lastSound {
        av_packet_unref(packet)
        return
      }
      lastSound = packet.pointee.dts
    }
    do throws(VideoError) {
      try store(packet)
    } catch {
      if isFull { throw error }
      lostSound += 1
    }
  }

  private func store(_ packet: UnsafeMutablePointer<AVPacket>) throws(VideoError) {
    var code = av_interleaved_write_frame(context, packet)
    // A write behind the muxer's back, of a buffer that had filled up.
    if code >= 0, let failed = context?.pointee.pb?.pointee.error, failed < 0 { code = failed }
    guard code >= 0 else {
      // Else it was just this packet that could not be stored.
      isFull = context?.pointee.pb?.pointee.error ?? 0 < 0 || code == ff_error(ENOSPC) || code == ff_error(EIO)
      throw unwritable(code)
    }
  }

  private func unwritable(_ code: Int32) -> VideoError {
    // Why a disk takes no more FFmpeg has nothing to say about: its last complaint was of the video being read.
    VideoError("\(path): cannot be written: \(VideoError.reason(code, isExplained: !isFull))")
  }

  /// The frame itself, or a copy with its last row and column repeated where a side is odd or the size is another.
  private func evenSided(_ frame: Frame) throws(VideoError) -> UnsafeMutablePointer<AVFrame> {
    let outOfMemory = VideoError("\(path): out of memory at frame \(frame.index)")
    guard let encoder else { throw outOfMemory }
    let (width, height) = (Int(encoder.pointee.width), Int(encoder.pointee.height))
    if frame.width == width && frame.height == height {
      guard let clone = av_frame_clone(frame.raw) else { throw outOfMemory }
      return clone
    }
    guard frame.width <= width, frame.height <= height, frame.width >= width - 1, frame.height >= height - 1 else {
      throw VideoError(
        "\(path): frame \(frame.index) is \(frame.width)x\(frame.height), the video is \(width)x\(height); "
          + "pictures of different sizes cannot become one video")
    }
    if padding == nil { padding = FramePool(width: width, height: height) }
    guard let target = try padding?.take() else { throw outOfMemory }
    let (from, to) = (frame.raw.pointee, target.pointee)
    let planes = [
      (from.data.0, from.linesize.0, to.data.0, to.linesize.0, 0),
      (from.data.1, from.linesize.1, to.data.1, to.linesize.1, 1),
      (from.data.2, from.linesize.2, to.data.2, to.linesize.2, 1),
    ]
    for (source, sourceStride, result, resultStride, shift) in planes {
      guard let source, let result else { continue }
      let (sourceWidth, sourceHeight) = ((frame.width + shift) >> shift, (frame.height + shift) >> shift)
      let (resultWidth, resultHeight) = (width >> shift, height >> shift)
      for y in 0..<resultHeight {
        let row = source + min(y, sourceHeight - 1) * Int(sourceStride)
        let target = result + y * Int(resultStride)
        target.update(from: row, count: sourceWidth)
        if resultWidth > sourceWidth { target[sourceWidth] = row[sourceWidth - 1] }
      }
    }
    av_frame_copy_props(target, frame.raw)
    return target
  }
}
