import Tracker
import Video

/// The annotated video and its JSON lines.
final class AnnotatedOutput {
  private let video: VideoWriter
  private let json: JSONLinesWriter?
  private let startTime: Double
  private let onBlack: Bool
  private let measurements: Measurements
  private let painter = SkeletonPainter(limbs: Skeleton.drawnLimbs.map { ($0.a, $0.b) })
  private let pool = CanvasPool()
  /// Writing failed, so that finishing makes no sense.
  private(set) var hasFailed = false

  init(video: VideoWriter, json: JSONLinesWriter?, startTime: Double, onBlack: Bool, measurements: Measurements) {
    self.video = video
    self.json = json
    self.startTime = startTime
    self.onBlack = onBlack
    self.measurements = measurements
  }

  var description: String { (["encoded by \(video.encoderName)"] + video.notices).joined(separator: "; ") }

  func write(_ result: TrackedFrame) throws {
    hasFailed = true
    let drawn = try measurements.time(.draw) {
      let canvas = try Canvas(copying: result.frame, from: pool, onBlack: onBlack)
      let figures = result.people.map { person in
        let box = person.pose.box
        return SkeletonPainter.Figure(
          keypoints: person.pose.keypoints.map { $0.map { ($0.x, $0.y) } },
          box: (box.x, box.y, box.width, box.height), id: person.id, score: person.pose.score)
      }
      painter.paint(figures, on: canvas, frameHeight: min(result.frame.width, result.frame.height))
      return canvas.finished()
    }
    try measurements.time(.encode) { try video.write(drawn) }
    try json?.write(
      frame: result.frame.index, time: result.frame.timestamp.seconds - startTime, people: result.people)
    hasFailed = false
  }

  func finish(isComplete: Bool) throws { try video.finish(isComplete: isComplete) }
}
