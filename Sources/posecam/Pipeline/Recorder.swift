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
  private let epoch: Int
  private let isLive: Bool
  private let frames = Handover<TrackedFrame>(.every(capacity: capacity))
  private let video: AnnotatedVideo
  private let work = DispatchGroup()
  private struct State {
    /// Seconds of the source.
    var first: Double?
    var last = 0.0
    var lastDuration = 0.0
    var count = 0
    var left = 0
    var notices: [String] = []
    var failure: String?
  }
  private let state = Mutex(State())
  private static let capacity = 8

  /// - Parameters:
  ///   - epoch: frames from before, which the user has left for another place of the source, are not recorded.
  ///   - settings: the source's sound is left out.
  init(
    path: String, from epoch: Int, isLive: Bool, settings: AnnotatedVideo.Settings, _ measurements: Measurements
  ) throws(VideoError) {
    self.path = path
    self.epoch = epoch
    self.isLive = isLive
    var settings = settings
    settings.beginsWithFirstFrame = true
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
      guard state.count > 0 else { return "\(path): nothing recorded" }
      // To the nearest tenth.
      let seconds = max(0, state.last - (state.first ?? 0)) + state.lastDuration + 0.05
      return "recorded \(state.count) frames, \(Figure.time(seconds)), in \(path)\(left)"
    }
  }

  private func run() {
    var last: Double?
    do throws(VideoError) {
      while let result = frames.take() {
        let time = result.frame.timestamp.seconds
        guard result.epoch >= epoch else { continue }
        // After a jump back the file would run backwards.
        if let last, time <= last { continue }
        last = time
        _ = try video.write(result)
        state.withLock { state in
          if state.first == nil { state.first = time }
          // The last one is shown for as long as the one before.
          state.lastDuration = state.count > 0 ? time - state.last : 0
          state.last = time
          state.count += 1
        }
      }
      if last != nil { _ = try video.finish(isComplete: false) }
    } catch {
      frames.close(discarding: true)
      let kept = video.salvage()
      state.withLock { $0.failure = "recording ended: \(error.description)\(kept)" }
    }
  }
}
