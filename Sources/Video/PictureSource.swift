import CFFmpeg
import Foundation
import Synchronization

/// Pictures of a folder or a pattern, one frame each, in the order of their names as people count: 2 before 10.
///
/// Sizes may differ, so only each frame's own size counts. Unless they are the frames of a video, times are whole seconds.
/// Unreadable pictures are skipped and told.
public final class PictureSource: FrameSource, @unchecked Sendable {
  public let info: SourceInfo
  private let paths: [String]
  /// Pictures per second.
  private let rate: AVRational
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
    "jpg", "jpeg", "png", "bmp", "webp", "tif", "tiff", "ppm", "pgm", "gif", "jp2", "tga", "avif",
  ]

  /// - Parameter rate: pictures per second where they are the frames of a video; `nil` where they have nothing to do with each
  ///   other.
  init(paths: [String], name: String, rate: Double? = nil) throws(VideoError) {
    self.rate = rate.map { av_d2q($0, 1_000_000) } ?? AVRational(num: 1, den: 1)
    self.paths = paths.sorted { $0.compare($1, options: [.numeric, .caseInsensitive]) == .orderedAscending }
    var opened: Frame?
    var index = 0
    var lastFailure = ""
    var told: [String] = []
    while opened == nil && index < self.paths.count {
      do throws(VideoError) {
        (opened, told) = try Self.read(self.paths[index])
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
      name: name, width: opened.width, height: opened.height, nominalRate: rate ?? 1,
      duration: rate.map { Double(paths.count) / $0 }, frameCount: paths.count, isLive: false,
      format: "\(paths.count) pictures" + (rate.map { ", \($0) a second" } ?? ""))
    info.isStill = rate == nil
    self.info = info
    if nextPath > 0 { told.insert("\(nextPath) unreadable pictures skipped; the last: \(lastFailure)", at: 0) }
    notices.withLock { $0 = told }
  }

  public func next() throws(VideoError) -> Frame? {
    while nextPath < paths.count && !isCancelled.load(ordering: .relaxed) {
      let path = paths[nextPath]
      nextPath += 1
      do throws(VideoError) {
        let opened = first
        first = nil
        var frame = opened
        if frame == nil {
          let (read, told) = try Self.read(path)
          frame = read
          notices.withLock { $0 += told }
        }
        guard let frame else { continue }
        if frameCount == places.count { places.append(nextPath - 1) }
        defer { frameCount += 1 }
        guard frameCount >= firstWanted else { continue }
        return try frame.renumbered(
          index: frameCount,
          timestamp: Timestamp(ticks: Int64(frameCount), numerator: rate.den, denominator: rate.num),
          isNamed: info.isStill)
      } catch {
        notices.withLock { $0.append("skipped: \(error.description)") }
      }
    }
    return nil
  }

  public var canSeek: Bool { true }

  public func seek(to seconds: Double) throws(VideoError) {
    let place = seconds * Double(rate.num) / Double(rate.den)
    let wanted = Int(max(0, min((place - 1e-6).rounded(.up), Double(paths.count - 1))))
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

  /// A picture, and what is wrong with it though it can be seen.
  private static func read(_ path: String) throws(VideoError) -> (Frame, notices: [String]) {
    let source = try MediaSource(MediaInput(path: path), name: path, isLive: false, decoderThreads: 1)
    guard let frame = try source.next() else { throw VideoError("\(path): the picture is damaged") }
    return (frame, source.takeNotices())
  }
}
