import Foundation

/// Measurements of this machine, by name, in a JSON file that may be deleted at any time.
///
/// A file that is damaged, or comes from another processor, counts as empty and is written anew; what cannot be written is
/// measured again the next time.
public struct MeasurementFile<Measurement: Codable & Sendable>: Sendable {
  private struct Content: Codable {
    var format: String
    var processor: String
    var measurements: [String: Measurement]
  }

  /// A file is not read beyond this.
  private static var longest: Int { 4 << 20 }

  private let path: String?
  private let format: String
  private let limit: Int

  /// - Parameters:
  ///   - path: `nil` to remember nothing.
  ///   - format: a name that changes when measurements come to mean something else.
  ///   - limit: so many measurements are kept; where there are more, all but the new ones are forgotten.
  public init(path: String?, format: String, limit: Int) {
    (self.path, self.format, self.limit) = (path, format, limit)
  }

  /// What the file says; nothing of it is to be taken on trust.
  public func read() -> [String: Measurement] {
    guard let path, let handle = FileHandle(forReadingAtPath: path),
      let data = try? handle.read(upToCount: Self.longest),
      let content = try? JSONDecoder().decode(Content.self, from: data), content.format == format,
      content.processor == Self.processor
    else { return [:] }
    return content.measurements
  }

  /// Adds to what the file holds now, which another process may have written meanwhile.
  public func add(_ measurements: [String: Measurement]) {
    guard let path else { return }
    var all = read().merging(measurements) { $1 }
    if all.count > limit { all = measurements }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    let content = Content(format: format, processor: Self.processor, measurements: all)
    guard let data = try? encoder.encode(content) else { return }
    let url = URL(fileURLWithPath: path)
    try? FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try? data.write(to: url, options: .atomic)
  }

  /// Name and features of the processor; kernels that were not optimised are another machine.
  private static var processor: String {
    #if DEBUG
      let build = ", debug build"
    #else
      let build = ""
    #endif
    return "\(Processors.name ?? ""): \(CPULevel.features)\(build)"
  }
}
