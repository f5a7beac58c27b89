import Foundation

/// What can go wrong in the program itself: one line that names the file or option and, where known, the way out.
struct PosecamError: Error, CustomStringConvertible, Sendable {
  var description: String
  init(_ description: String) { self.description = description }

  /// What the system says of the call that just failed.
  static var reason: String { String(cString: strerror(errno)) }
}
