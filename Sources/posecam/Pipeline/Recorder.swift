import Dispatch
import Foundation
import Synchronization
import Video

/// Writes the annotated video from the moment it is asked for, on a queue of its own.
///
/// Of a file, every frame is written and the pipeline waits where the encoder is slow; of a live source, frames that find
/// no room are left out and counted, since nothing may wait there.
final class Recorder: @unchecked Sendable {
  let path: String
  private let isLive: Bool
  private let frames = Handover<TrackedFrame>(.every(capacity: capacity))
  private let video: AnnotatedVideo
  private let work = DispatchGroup()
  private struct State {
    /// Seconds of the source.
    var first: Double?
    var last = 0.0
    var count = 0
    var left = 0
    var notices: [String] = []
    var failure: String?
  }
  private let state = Mutex(State())
  private static let capacity = 8

  /// - Parameter settings: time begins with the first frame; the source's sound is left out.
  init(
    path: String, like first: TrackedFrame, isLive: Bool, settings: AnnotatedVideo.Settings,
    _ measurements: Measurements
  )
    throws(VideoError)
  {
    self.path = path
    self.isLive = isLive
    var settings = settings
    settings.video.startTime = first.frame.timestamp.seconds
    settings.video.soundPath = nil
    video = try AnnotatedVideo(path: path, settings: settings, measurements: measurements)
    DispatchQueue(label: "posecam.record").async(group: work) { self.run() }
  }

  /// Seconds recorded so far.
  var seconds: Double { state.withLock { state in state.first.map { max(0, state.last - $0) } ?? 0 } }

  /// What ended the recording by itself.
  var failure: String? { state.withLock { $0.failure } }

  /// Takes the next frame of the source.
  func put(_ result: TrackedFrame) {
    if isLive, frames.depth >= Self.capacity {
      state.withLock { $0.left += 1 }
      return
    }
    frames.put(result)
  }

  /// Writes what waits and closes the file.
  /// - Returns: a sentence on what there is now.
  func finish() -> String {
    frames.close()
    work.wait()
    return state.withLock { state in
      if let failure = state.failure { return failure }
      let left = state.left > 0 ? ", \(state.left) left out since the encoder was too slow" : ""
      return state.count > 0
        ? "\(path): \(state.count) frames, \(Figure.time(max(0, state.last - (state.first ?? 0))))\(left)"
        : "\(path): nothing recorded"
    }
  }

  private func run() {
    var last: Double?
    do throws(VideoError) {
      while let result = frames.take() {
        let time = result.frame.timestamp.seconds
        // After a jump back the file would run backwards.
        if let last, time <= last { continue }
        last = time
        _ = try video.write(result)
        state.withLock { state in
          if state.first == nil { state.first = time }
          state.last = time
          state.count += 1
        }
      }
      if last != nil { try video.finish(isComplete: false) }
    } catch {
      frames.close(discarding: true)
      let kept = video.salvage()
      state.withLock { $0.failure = "recording ended: \(error.description)\(kept)" }
    }
  }
}

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
