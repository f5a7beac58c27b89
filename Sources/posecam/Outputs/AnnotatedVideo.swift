import Foundation
import Tracker
import Video

/// The source's video with everyone drawn into it. The file is opened with the first frame, which tells its size.
final class AnnotatedVideo: DrawnOutput {
  struct Settings {
    var style = SkeletonPainter.Style()
    /// Draws on black instead of on the picture.
    var onBlack = false
    /// Whether the file's time begins with the first frame that is written, wherever in the source that is.
    var beginsWithFirstFrame = false
    var video = VideoWriter.Settings()
    /// Something to tell of the file.
    var notice: String?
  }

  let name: String
  private let settings: Settings
  private let measurements: Measurements
  private let painter: SkeletonPainter
  private let pool = CanvasPool()
  private var writer: VideoWriter?

  init(path: String, settings: Settings, measurements: Measurements) throws(VideoError) {
    try VideoWriter.check(path: path, settings: settings.video)
    name = path
    self.settings = settings
    self.measurements = measurements
    painter = SkeletonPainter(limbs: Skeleton.drawnLimbs.map { ($0.a, $0.b) }, style: settings.style)
  }

  /// - Returns: what is worth telling of the file that this frame opened.
  func write(_ result: TrackedFrame) throws(VideoError) -> [String] {
    var notices: [String] = []
    if writer == nil {
      var video = settings.video
      if settings.beginsWithFirstFrame { video.startTime = result.frame.timestamp.seconds }
      let opened = try VideoWriter(path: name, like: result.frame, settings: video)
      notices = ["\(name): encoded by \(opened.encoderName)"] + opened.notices
      if let notice = settings.notice { notices.append("\(name): \(notice)") }
      writer = opened
    }
    let drawn = try measurements.time(.draw) { () throws(VideoError) in
      let canvas = try Canvas(copying: result.frame, from: pool, onBlack: settings.onBlack)
      painter.paint(
        result.people.map(SkeletonPainter.Figure.init), on: canvas,
        frameHeight: min(result.frame.width, result.frame.height))
      return canvas.finished()
    }
    try measurements.time(.encode) { () throws(VideoError) in try writer?.write(drawn) }
    return notices
  }

  /// Keeps what was written before a failure, where that plays.
  /// - Returns: a sentence about it.
  func salvage() -> String {
    guard let writer else { return "" }
    return writer.salvage() ? "; it plays up to there" : "; nothing of it can be kept"
  }

  /// - Parameter isComplete: the source came to its end, so that its sound is copied to the end as well.
  func finish(isComplete: Bool) throws(VideoError) -> [String] {
    guard let writer else { return [] }
    let told = writer.notices.count
    try writer.finish(isComplete: isComplete)
    return Array(writer.notices.dropFirst(told))
  }
}
