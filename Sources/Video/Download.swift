import CFFmpeg
import Foundation

/// A file fetched over HTTP or HTTPS, checked before it appears under its name.
public enum Download {
  /// - Parameters:
  ///   - url: of the scheme http or https; where HTTPS is spoken, the server's certificate must be good.
  ///   - path: the file to write.
  ///   - limit: bytes that it may have.
  ///   - digest: SHA-256 that it must have, in hexadecimal digits, small letters.
  /// - Returns: its SHA-256.
  /// - Throws: where nothing, too much or something else comes, or, without a digest, where HTTPS is left for HTTP on the way;
  ///   nothing is written then.
  public static func fetch(_ url: String, to path: String, limit: Int, digest: String?) throws(VideoError) -> String {
    _ = FFmpegLog.isCaptured
    let bytes = try read(url, limit: limit, isAnybodyTrusted: digest != nil)
    let found = sha256(bytes)
    if let digest, found != digest {
      throw VideoError("\(url): has the SHA-256 \(found), not \(digest): another file than was expected")
    }
    let file = try PartialFile(path)
    try file.write(bytes)
    try file.keep()
    return found
  }

  /// SHA-256 of some bytes in hexadecimal digits (FIPS 180-4).
  public static func sha256(_ bytes: [UInt8]) -> String {
    var digest = [UInt8](repeating: 0, count: 32)
    let state = av_sha_alloc()
    defer { av_free(UnsafeMutableRawPointer(state)) }
    av_sha_init(state, 256)
    av_sha_update(state, bytes, bytes.count)
    av_sha_final(state, &digest)
    return digest.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
  }

  /// Where a server sent us on to in the end.
  static func location(of context: UnsafeMutablePointer<AVIOContext>) -> String? {
    var value: UnsafeMutablePointer<UInt8>?
    guard av_opt_get(context, "location", AV_OPT_SEARCH_CHILDREN, &value) >= 0, let value else { return nil }
    defer { av_free(value) }
    return String(cString: value)
  }

  private static func read(_ url: String, limit: Int, isAnybodyTrusted: Bool) throws(VideoError) -> [UInt8] {
    var options: OpaquePointer?
    defer { av_dict_free(&options) }
    // A server that redirects must not lead to a file of this machine; microseconds.
    for (key, value) in [
      "protocol_whitelist": "http,https,httpproxy,tcp,tls", "rw_timeout": "20000000", "tls_verify": "1",
      "user_agent": "posecam",
    ] { av_dict_set(&options, key, value, 0) }
    var context: UnsafeMutablePointer<AVIOContext>?
    let code = avio_open2(&context, url, AVIO_FLAG_READ, nil, &options)
    guard code >= 0, let context else { throw VideoError("\(url): \(VideoError.reason(code))") }
    defer { var closing: UnsafeMutablePointer<AVIOContext>? = context; avio_closep(&closing) }
    if !isAnybodyTrusted, let place = location(of: context), !place.lowercased().hasPrefix("https:") {
      throw VideoError("\(url): the server leads on to \(place), where anybody on the way can change what comes")
    }
    func refuse() throws(VideoError) { throw VideoError("\(url): larger than \(limit >> 20) MB; nothing is kept") }
    if avio_size(context) > Int64(limit) { try refuse() }
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = avio_read(context, &part, Int32(part.count))
      if count == ff_error_eof || count == 0 { return bytes }
      guard count > 0 else { throw VideoError("\(url): \(VideoError.reason(count)) after \(bytes.count) bytes") }
      bytes += part[..<Int(count)]
      if bytes.count > limit { try refuse() }
    }
  }
}
