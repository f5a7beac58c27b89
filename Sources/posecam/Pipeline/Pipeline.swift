import Dispatch
import Foundation
import Synchronization
import Tracker
import Video

/// A frame with the people that were found in it.
struct TrackedFrame: Sendable {
  let frame: Frame
  let people: [Person]
}

/// Joins the stages of a frame's way on Dispatch queues: decode, estimate (one queue per stream), and the caller, who takes
/// the results. The source's kind decides what happens when a stage is slow: a live source drops stale frames and counts
/// them, a file waits; see `Handover`.
final class Pipeline: Sendable {
  private let source: any FrameSource
  private let measurements: Measurements
  private let frames: Handover<Frame>
  private let results: Handover<TrackedFrame>
  private let tracking: Mutex<Following>
  private let tickets = Mutex(0)
  private let order: FrameOrder<(Frame, [Pose])>
  private let failure = Mutex<(any Error)?>(nil)
  private let work = DispatchGroup()

  /// Starts all stages.
  /// - Parameter estimators: one per stream. A live source wants one, on all threads, for the least latency; a file is read
  ///   fastest by several with one thread each, since they never wait for each other.
  init(source: any FrameSource, estimators: [PoseEstimator], tracker: Following, measurements: Measurements) {
    self.source = source
    self.measurements = measurements
    frames = Handover(source.info.isLive ? .newest : .every(capacity: 2))
    results = Handover(source.info.isLive ? .newest : .every(capacity: 2))
    order = FrameOrder(reach: 2 * estimators.count)
    tracking = Mutex(tracker)

    DispatchQueue(label: "posecam.decode").async(group: work) { self.decode() }
    for (stream, estimator) in estimators.enumerated() {
      DispatchQueue(label: "posecam.estimate.\(stream)").async(group: work) { self.estimate(with: estimator) }
    }
    work.notify(queue: .global()) { self.results.close() }
  }

  /// Frames that were replaced by newer ones before a stage could take them; always 0 for a file.
  var dropped: Int { frames.dropped + results.dropped }

  /// The next frame with its people, in order, waiting no longer than `deadline`.
  func next(until deadline: Date? = nil) -> Handover<TrackedFrame>.Taken { results.take(until: deadline) }

  /// Ends the stages after the frames under way; `next` then runs dry.
  func stop() {
    source.cancel()
    frames.close(discarding: true)
  }

  /// Ends the stages at once, waits for them, and throws what ended them early, if anything did.
  func finish() throws {
    stop()
    results.close(discarding: true)
    work.wait()
    if let error = failure.withLock({ $0 }) { throw error }
  }

  private func decode() {
    defer { frames.close() }
    do {
      while true {
        guard let frame = try source.next() else { return }
        measurements.record(.decode, frame.decodeTime)
        measurements.countCaptured()
        guard frames.put(frame) else { return }
      }
    } catch {
      fail(error)
    }
  }

  private func estimate(with estimator: PoseEstimator) {
    do {
      while let (ticket, frame) = nextFrame() {
        let poses: [Pose]
        do {
          poses = try estimator.poses(in: frame, measurements: measurements)
        } catch {
          order.end()
          throw error
        }
        let isRunning = order.deliver((frame, poses), ticket: ticket) { frame, poses in
          let people = measurements.time(.track) {
            tracking.withLock {
              $0.update(poses, at: frame.timestamp.seconds, within: (frame.width, frame.height))
            }
          }
          measurements.countProcessed()
          return results.put(TrackedFrame(frame: frame, people: people))
        }
        guard isRunning else { return }
      }
    } catch {
      fail(error)
    }
  }

  /// The next frame and its place in the order; the lock is held while waiting so that both belong together.
  private func nextFrame() -> (Int, Frame)? {
    tickets.withLock { ticket in
      guard let frame = frames.take() else { return nil }
      defer { ticket += 1 }
      return (ticket, frame)
    }
  }

  private func fail(_ error: any Error) {
    failure.withLock { if $0 == nil { $0 = error } }
    stop()
  }
}
