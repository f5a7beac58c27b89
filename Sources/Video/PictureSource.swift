import Foundation
import Synchronization

/// Pictures of a folder or a pattern, one frame each, in the order of their names as people count: 2 before 10.
///
/// Sizes may differ, so only each frame's own size counts. Times are whole seconds. Unreadable pictures are skipped and told.
public final class PictureSource: FrameSource, @unchecked Sendable {
  public let info: SourceInfo
  private let paths: [String]
  private var nextPath = 0
  private var frameCount = 0
  /// Which path each frame so far was read from.
  private var places: [Int] = []
  /// After a seek: frames before this one are not given out.
  private var firstWanted = 0
  private var first: Frame?
  private let isCancelled = Atomic(false)
  private let notices = Mutex<[String]>([])

  static let extensions: Set<String> = [
    "jpg", "jpeg", "png", "bmp", "webp", "tif", "tiff", "ppm", "pgm", "gif", "jp2", "tga",
  ]

  init(paths: [String], name: String) throws(VideoError) {
    self.paths = paths.sorted { $0.compare($1, options: [.numeric, .caseInsensitive]) == .orderedAscending }
    var opened: Frame?
    var index = 0
    var lastFailure = ""
    while opened == nil && index < self.paths.count {
      do throws(VideoError) {
        opened = try Self.read(self.paths[index])
      } catch {
        lastFailure = error.description
      }
      index += 1
    }
    guard let opened else {
      throw VideoError(paths.isEmpty ? "\(name): no pictures in it" : "\(name): no readable picture (\(lastFailure))")
    }
    first = opened
    nextPath = index - 1
    var info = SourceInfo(
      name: name, width: opened.width, height: opened.height, nominalRate: 1, duration: nil, frameCount: paths.count,
      isLive: false, format: "\(paths.count) pictures")
    info.isStill = true
    self.info = info
    if nextPath > 0 {
      notices.withLock { $0.append("\(nextPath) unreadable pictures skipped; the last: \(lastFailure)") }
    }
  }

  public func next() throws(VideoError) -> Frame? {
    while nextPath < paths.count && !isCancelled.load(ordering: .relaxed) {
      let path = paths[nextPath]
      nextPath += 1
      do throws(VideoError) {
        let opened = first
        first = nil
        var frame = opened
        if frame == nil { frame = try Self.read(path) }
        guard let frame else { continue }
        if frameCount == places.count { places.append(nextPath - 1) }
        defer { frameCount += 1 }
        guard frameCount >= firstWanted else { continue }
        return try frame.renumbered(
          index: frameCount, timestamp: Timestamp(ticks: Int64(frameCount), numerator: 1, denominator: 1),
          name: (path as NSString).lastPathComponent)
      } catch {
        notices.withLock { $0.append("skipped: \(error.description)") }
      }
    }
    return nil
  }

  public var canSeek: Bool { true }

  public func seek(to seconds: Double) throws(VideoError) {
    let wanted = Int(max(0, min(seconds.rounded(.up), Double(paths.count - 1))))
    firstWanted = wanted
    guard !places.isEmpty else { return }
    // What was not read yet may hold unreadable ones, hence is gone through.
    frameCount = min(wanted, places.count - 1)
    nextPath = places[frameCount]
    first = nil
  }

  public func cancel() { isCancelled.store(true, ordering: .relaxed) }

  public func takeNotices() -> [String] {
    notices.withLock { lines in
      defer { lines.removeAll() }
      return lines
    }
  }

  private static func read(_ path: String) throws(VideoError) -> Frame? {
    let input = try MediaInput(url: "file:\(path)", name: path)
    return try MediaSource(input, name: path, isLive: false, decoderThreads: 1).next()
  }
}
