import Foundation
import Synchronization

/// Names for what is saved by a key, in the working folder.
enum SavedName {
  /// Those given out, whose files may not be there yet.
  private static let given = Mutex<Set<String>>([])

  /// "posecam-20260131-142530.mp4", with a number where there is such a file.
  static func next(_ fileExtension: String, at time: time_t = time(nil)) -> String {
    var (time, local) = (time, tm())
    localtime_r(&time, &local)
    let parts = [
      Int(local.tm_year) + 1900, Int(local.tm_mon) + 1, Int(local.tm_mday), Int(local.tm_hour), Int(local.tm_min),
      Int(local.tm_sec),
    ].map { $0 < 10 ? "0\($0)" : "\($0)" }
    let stem = "posecam-" + parts[..<3].joined() + "-" + parts[3...].joined()
    for number in 1... {
      let name = (number == 1 ? stem : "\(stem)-\(number)") + ".\(fileExtension)"
      if !FileManager.default.fileExists(atPath: name), given.withLock({ $0.insert(name).inserted }) { return name }
    }
    return "\(stem).\(fileExtension)"
  }
}
