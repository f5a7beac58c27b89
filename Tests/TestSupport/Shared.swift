import Foundation

/// Reference data that lies beside a checkout on the project's own machines and in no clone.
public enum Shared {
  /// `../shared` beside the checkout, or `POSECAM_SHARED`.
  public static let root: URL = {
    if let path = ProcessInfo.processInfo.environment["POSECAM_SHARED"] { return URL(fileURLWithPath: path) }
    return URL(fileURLWithPath: #filePath)
      .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("shared")
  }()

  public static let isPresent = FileManager.default.fileExists(atPath: root.path)

  /// To be shown by a test that is skipped: `@Test(.enabled(if: Shared.isPresent, Shared.absence))`.
  public static let absence = "no reference data beside this checkout (set POSECAM_SHARED to its folder)"

  public static func url(_ path: String) -> URL { root.appendingPathComponent(path) }
}
