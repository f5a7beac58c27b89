import CFFmpeg

/// The FFmpeg libraries this process runs with, and what they offer.
public enum Libraries {
  /// Name and version of each library as loaded, e.g. ("libavcodec", "59.37.100").
  public static var versions: [(name: String, version: String)] {
    [
      ("libavformat", avformat_version()), ("libavcodec", avcodec_version()), ("libavdevice", avdevice_version()),
      ("libswresample", swresample_version()), ("libswscale", swscale_version()), ("libavutil", avutil_version()),
    ].map { name, number in (name, "\(number >> 16).\(number >> 8 & 0xFF).\(number & 0xFF)") }
  }

  /// FFmpeg's release, e.g. "5.1.9-0+deb12u1".
  public static var release: String { String(cString: av_version_info()) }

  /// Names of the encoders present, in the order given.
  public static func encoders(among names: [String]) -> [String] {
    names.filter { avcodec_find_encoder_by_name($0) != nil }
  }
}
