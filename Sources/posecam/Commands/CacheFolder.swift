import Foundation

/// Where measurements of this machine are kept, which can be made again at any time: $XDG_CACHE_HOME/posecam or
/// ~/.cache/posecam.
enum CacheFolder {
  /// `nil` where the user has no home.
  static func path(of file: String) -> String? {
    let environment = ProcessInfo.processInfo.environment
    // Relative ones are to be ignored (XDG Base Directory Specification).
    if let folder = environment["XDG_CACHE_HOME"], folder.hasPrefix("/") { return "\(folder)/posecam/\(file)" }
    guard let home = environment["HOME"], home.hasPrefix("/") else { return nil }
    return "\(home)/.cache/posecam/\(file)"
  }
}
