import Dispatch
import Foundation
import Tracker
import Video

/// Everything that is written while a screen is shown: the outputs asked for at the start, the recording, single pictures.
///
/// Frames come from the pipeline's thread, so that a screen that is late costs no frame of any file.
final class LiveOutputs: @unchecked Sendable {
  private let lock = NSLock()
  private let outputs: Outputs
  private let stream: PoseStream
  private let startTime: Double
  private let settings: AnnotatedVideo.Settings
  let measurements: Measurements
  private var recorder: Recorder?
  private var notices: [String] = []
  private let queue = DispatchQueue(label: "posecam.save")

  init(
    _ outputs: Outputs, _ stream: PoseStream, startTime: Double, settings: AnnotatedVideo.Settings,
    _ measurements: Measurements
  ) {
    self.outputs = outputs
    self.stream = stream
    self.startTime = startTime
    self.settings = settings
    self.measurements = measurements
  }

  /// Writes a frame; what fails is told, and the screen goes on.
  func write(_ result: TrackedFrame) {
    let recorder = lock.withLock { () -> Recorder? in
      do throws(PosecamError) { try outputs.write(result) } catch { note(error.description) }
      return self.recorder
    }
    recorder?.put(result)
  }

  func takeNotices() -> [String] {
    lock.withLock {
      if let failure = recorder?.failure {
        note(failure)
        recorder = nil
      }
      defer { notices.removeAll() }
      return outputs.takeNotices() + notices
    }
  }

  private func note(_ line: String) { if notices.last != line { notices.append(line) } }

  // MARK: - Recording

  /// Seconds recorded so far, while recording.
  var recorded: Double? { lock.withLock { recorder?.seconds } }

  /// Begins or ends a recording.
  /// - Parameter first: the newest frame.
  func toggleRecording(like first: TrackedFrame, onBlack: Bool) {
    if lock.withLock({ recorder != nil }) { return stopRecording() }
    var settings = settings
    settings.onBlack = settings.onBlack || onBlack
    do throws(VideoError) {
      let recorder = try Recorder(
        path: SavedName.next("mp4"), like: first, isLive: stream.isLive, settings: settings, measurements)
      lock.withLock {
        self.recorder = recorder
        note("recording to \(recorder.path)")
      }
    } catch {
      lock.withLock { note("cannot record: \(error.description)") }
    }
  }

  /// Ends a recording, if there is one; the file is closed before `finish` returns.
  func stopRecording() {
    let ended = lock.withLock {
      defer { recorder = nil }
      return recorder
    }
    guard let ended else { return }
    queue.async {
      let report = ended.finish()
      self.lock.withLock { self.note(report) }
    }
  }

  // MARK: - Pictures

  /// Saves a frame with everyone drawn as a picture, and what was found in it as JSON lines beside it.
  func save(_ result: TrackedFrame, onBlack: Bool) {
    var settings = settings
    settings.onBlack = settings.onBlack || onBlack
    queue.async { [settings] in
      let path = SavedName.next("png")
      let json = String(path.dropLast(3)) + "jsonl"
      let report: String
      do {
        try AnnotatedPicture.write(result, to: path, settings)
        let writer = try JSONLinesWriter(path: json, self.stream)
        try writer.write(PoseFrame(result, startTime: self.startTime))
        try writer.finish()
        report = "saved \(path) and .jsonl"
      } catch {
        report = "cannot save: \(error)"
      }
      self.lock.withLock { self.note(report) }
    }
  }

  // MARK: - End

  /// Waits until everything is written.
  /// - Parameter isComplete: the source came to its end.
  /// - Throws: the first thing that went wrong with the outputs asked for at the start.
  func finish(isComplete: Bool) throws(PosecamError) {
    stopRecording()
    queue.sync {}
    try outputs.finish(isComplete: isComplete)
  }
}

/// A frame with everyone drawn, as a picture.
enum AnnotatedPicture {
  static func write(_ result: TrackedFrame, to path: String, _ settings: AnnotatedVideo.Settings) throws(VideoError) {
    let painter = SkeletonPainter(limbs: Skeleton.drawnLimbs.map { ($0.a, $0.b) }, style: settings.style)
    let canvas = try Canvas(copying: result.frame, from: CanvasPool(), onBlack: settings.onBlack)
    painter.paint(
      result.people.map(SkeletonPainter.Figure.init), on: canvas,
      frameHeight: min(result.frame.width, result.frame.height))
    try PictureWriter.write(canvas.finished(), to: path)
  }
}

extension SkeletonPainter.Figure {
  init(_ person: Person) {
    let box = person.pose.box
    self.init(
      keypoints: person.pose.keypoints.map { $0.map { ($0.x, $0.y) } }, box: (box.x, box.y, box.width, box.height),
      id: person.id, score: person.pose.score)
  }
}
