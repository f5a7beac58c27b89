import Foundation
import Video

/// What can go wrong in the program itself: one line that names the file or option and, where known, the way out.
struct PosecamError: Error, CustomStringConvertible, Sendable {
  var description: String
  init(_ description: String) { self.description = description }

  /// A source that opened and then gave nothing.
  static func noFrame(in source: String) -> PosecamError {
    let hint = "; an MP4 from a pipe needs its index in front (ffmpeg -movflags +faststart)"
    return PosecamError("\(withoutCredentials(source)): no frame in it could be decoded\(source == "-" ? hint : "")")
  }

  /// What the system says of the call that just failed.
  static var reason: String { String(cString: strerror(errno)) }
}
