import Dispatch
import Foundation
import Synchronization
import Video

/// Everything that is written while a screen is shown: the outputs asked for at the start, the recording, single pictures.
///
/// Frames come from the pipeline's thread, so that a screen that is late costs no frame of any file.
final class LiveOutputs: @unchecked Sendable {
  /// The pipeline's thread's alone; in the end, when that is gone, `finish`'s.
  private let outputs: Outputs
  /// Nothing is left to write to.
  private var hasEnded = false
  private let stream: PoseStream
  private let coordinates: Coordinates
  private let startTime: Double
  private let settings: AnnotatedVideo.Settings
  let measurements: Measurements
  private struct State {
    var recorder: Recorder?
    var notices: [String] = []
  }
  private let state = Mutex(State())
  private let queue = DispatchQueue(label: "posecam.save")

  init(
    _ outputs: Outputs, _ stream: PoseStream, coordinates: Coordinates = .pixel, startTime: Double,
    settings: AnnotatedVideo.Settings, _ measurements: Measurements
  ) {
    state.withLock { $0.notices = outputs.takeNotices() }
    self.outputs = outputs
    (self.stream, self.coordinates) = (stream, coordinates)
    self.startTime = startTime
    self.settings = settings
    self.measurements = measurements
  }

  /// Writes a frame; what fails is told, and the screen goes on. On the pipeline's thread, which may have to wait for a file or
  /// a reader: nothing that the screen asks for does.
  func write(_ result: TrackedFrame) {
    var failure: String?
    if !hasEnded {
      do throws(PosecamError) {
        try outputs.write(result)
      } catch {
        // None is left.
        (failure, hasEnded) = (error.description, true)
      }
    }
    let told = outputs.takeNotices() + (failure.map { [$0] } ?? [])
    let recorder = state.withLock { state in
      state.notices += told
      return state.recorder
    }
    recorder?.put(result)
  }

  func takeNotices() -> [String] {
    state.withLock { state in
      if let failure = state.recorder?.failure {
        state.notices.append(failure)
        state.recorder = nil
      }
      defer { state.notices.removeAll() }
      return state.notices
    }
  }

  private func note(_ line: String) { state.withLock { $0.notices.append(line) } }

  // MARK: - Recording

  /// Seconds recorded so far, while recording.
  var recorded: Double? { state.withLock { $0.recorder?.seconds } }

  /// Begins or ends a recording.
  /// - Parameter epoch: of the source; frames from before are not recorded.
  func toggleRecording(from epoch: Int, onBlack: Bool) {
    if state.withLock({ $0.recorder != nil }) { return stopRecording() }
    var settings = settings
    settings.onBlack = settings.onBlack || onBlack
    do throws(VideoError) {
      let recorder = try Recorder(
        path: SavedName.next("mp4"), from: epoch, isLive: stream.isLive, settings: settings, measurements)
      state.withLock { $0.recorder = recorder }
      note("recording to \(recorder.path)")
    } catch {
      note("cannot record: \(error.description)")
    }
  }

  /// Ends a recording, if there is one; the file is closed before `finish` returns.
  func stopRecording() {
    let ended = state.withLock { state in
      defer { state.recorder = nil }
      return state.recorder
    }
    guard let ended else { return }
    queue.async { self.note(ended.finish()) }
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
        let writer = try JSONLinesWriter(path: json, self.stream, coordinates: self.coordinates)
        try writer.write(PoseFrame(result, startTime: self.startTime))
        try writer.finish()
        report = "saved \(path) and .jsonl"
      } catch {
        report = "cannot save: \(error)"
      }
      self.note(report)
    }
  }

  // MARK: - End

  /// Waits until everything is written. To be called when no more frames come.
  /// - Parameter isComplete: the source came to its end.
  /// - Throws: the first thing that went wrong with the outputs asked for at the start.
  func finish(isComplete: Bool) throws(PosecamError) {
    stopRecording()
    queue.sync {}
    defer {
      let told = outputs.takeNotices()
      state.withLock { $0.notices += told }
    }
    try outputs.finish(isComplete: isComplete)
  }
}
