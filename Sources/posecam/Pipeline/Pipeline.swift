import Dispatch
import Foundation
import Synchronization
import Tracker
import Video

/// A frame with the people that were found in it.
struct TrackedFrame: Sendable {
  let frame: Frame
  let people: [Person]
  /// What the network said, where it was asked for.
  var maps: ShownMaps?
  /// How often the source had gone to another place before this frame.
  var epoch = 0
}

/// Joins the stages of a frame's way on Dispatch queues: decode, estimate (one queue per stream), and the caller, who takes
/// the results. The source's kind decides what happens when a stage is slow: a live source drops stale frames and counts
/// them, a file waits; see `Handover`.
final class Pipeline: Sendable {
  /// What goes from stage to stage; the end too, since a source may be sent back after it.
  private enum Item<Content: Sendable>: Sendable {
    case content(Content, epoch: Int)
    case end(epoch: Int)

    var epoch: Int {
      switch self {
      case .content(_, let epoch), .end(let epoch): epoch
      }
    }
  }

  /// Where the source is to go on.
  private struct Place {
    /// Counts the moves; what belongs to an earlier place is stale.
    var epoch = 0
    var target: Double?
    var isStopped = false
  }

  private let source: any FrameSource
  private let measurements: Measurements
  private let frames: Handover<Item<Frame>>
  private let results: Handover<Item<TrackedFrame>>
  private let tracking: Mutex<FrameTracking>
  private let tickets = Mutex(0)
  private let order: FrameOrder<Item<(Frame, Estimate)>>
  private let engine: EnginePool
  private let focus = PersonFocus()
  private let tap: @Sendable (TrackedFrame) -> Void
  private let notify: @Sendable () -> Void
  private let place = Mutex(Place())
  private let moved = DispatchSemaphore(value: 0)
  private let failure = Mutex<(any Error)?>(nil)
  private let notices = Mutex<[String]>([])
  private let work = DispatchGroup()

  /// Starts all stages.
  /// - Parameters:
  ///   - estimators: one per stream. A live source wants one, on all threads, for the least latency; a file is read
  ///     fastest by several with one thread each, since they never wait for each other.
  convenience init(
    source: any FrameSource, estimators: [PoseEstimator], tracker: Following, measurements: Measurements
  ) {
    self.init(
      source: source, engine: EnginePool(estimators), streams: estimators.count, tracker: tracker,
      measurements: measurements)
  }

  /// Starts all stages.
  /// - Parameters:
  ///   - engine: perhaps shared with other pipelines.
  ///   - streams: frames worked on at once.
  ///   - tap: gets every result in order, before anyone decides that it is stale; whoever is slow there slows all.
  ///   - notify: called when `next` may have something.
  init(
    source: any FrameSource, engine: EnginePool, streams: Int, tracker: Following, measurements: Measurements,
    tap: @escaping @Sendable (TrackedFrame) -> Void = { _ in }, notify: @escaping @Sendable () -> Void = {}
  ) {
    self.source = source
    self.engine = engine
    self.measurements = measurements
    self.tap = tap
    self.notify = notify
    frames = Handover(source.info.isLive ? .newest : .every(capacity: 2))
    results = Handover(source.info.isLive ? .newest : .every(capacity: 2))
    order = FrameOrder(reach: 2 * streams)
    tracking = Mutex(FrameTracking(tracker, isLive: source.info.isLive))

    DispatchQueue(label: "posecam.decode").async(group: work) { self.decode() }
    for stream in 0..<streams {
      DispatchQueue(label: "posecam.estimate.\(stream)").async(group: work) { self.estimate() }
    }
    work.notify(queue: .global()) {
      self.results.close()
      notify()
    }
  }

  /// Frames that were replaced by newer ones before a stage could take them; always 0 for a file.
  var dropped: Int { frames.dropped + results.dropped }

  /// What waits before each stage.
  var queues: [QueueDepth] {
    let capacity = source.info.isLive ? 1 : 2
    return [
      QueueDepth(name: "network", depth: frames.depth, capacity: capacity),
      QueueDepth(name: "screen", depth: results.depth, capacity: capacity),
    ]
  }

  /// What went wrong without ending the video, one line each, since the last call.
  func takeNotices() -> [String] {
    source.takeNotices()
      + notices.withLock { lines in
        defer { lines.removeAll() }
        return lines
      }
  }

  /// The next frame with its people, in order, waiting no longer than `deadline`. A source that can seek may go on after
  /// `closed`.
  func next(until deadline: Date? = nil) -> Handover<TrackedFrame>.Taken {
    while true {
      switch results.take(until: deadline) {
      case .closed: return .closed
      case .nothingYet: return .nothingYet
      case .element(let item):
        guard isCurrent(item.epoch) else { continue }
        guard case .content(let result, _) = item else { return .closed }
        return .element(result)
      }
    }
  }

  /// Goes on at another place of the source, in seconds from its beginning; what is under way is dropped.
  func seek(to seconds: Double) {
    guard source.canSeek else { return }
    let epoch = place.withLock {
      $0.epoch += 1
      $0.target = seconds
      return $0.epoch
    }
    moved.signal()
    // Stages that wait for room find it. Frames of the new place may be there already.
    frames.removeAll { $0.epoch < epoch }
    results.removeAll { $0.epoch < epoch }
  }

  /// Counts how often the source went to another place; `TrackedFrame` says where it is from.
  var epoch: Int { place.withLock { $0.epoch } }

  /// What ended the stages early, if anything did.
  var failureDescription: String? { failure.withLock { $0.map { "\($0)" } } }

  private func isCurrent(_ epoch: Int) -> Bool { place.withLock { $0.epoch == epoch } }

  /// Ends the stages after the frames under way; `next` then runs dry.
  func stop() {
    source.cancel()
    frames.close(discarding: true)
    place.withLock { $0.isStopped = true }
    moved.signal()
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
    var epoch = 0
    do {
      while true {
        let move = place.withLock { place in
          defer { place.target = nil }
          return (place.epoch, place.target)
        }
        if let target = move.1 {
          epoch = move.0
          // Where it cannot, it goes on where it is.
          do { try source.seek(to: target) } catch { notices.withLock { $0.append(error.description) } }
        }
        guard let frame = try source.next() else {
          guard source.canSeek, frames.put(.end(epoch: epoch)), waitForMove(after: epoch) else { return }
          continue
        }
        measurements.record(.decode, frame.decodeTime)
        measurements.countCaptured()
        guard frames.put(.content(frame, epoch: epoch)) else { return }
      }
    } catch {
      fail(error)
    }
  }

  /// At the end of the source: whether it was sent to another place.
  private func waitForMove(after epoch: Int) -> Bool {
    while true {
      let (isStopped, hasMoved) = place.withLock { ($0.isStopped, $0.epoch != epoch) }
      if isStopped { return false }
      if hasMoved { return true }
      moved.wait()
    }
  }

  /// Estimates frame after frame. The frame is taken when an estimator is free for it: it could become stale waiting.
  private func estimate() {
    do {
      while frames.waitForElement() {
        let estimated = try engine.withEstimator { estimator -> (ticket: Int, item: Item<(Frame, Estimate)>)? in
          guard let (ticket, item) = nextItem() else { return nil }
          // A stale frame keeps its place in the order, and is dropped like a stale end.
          guard case .content(let frame, let epoch) = item, isCurrent(epoch) else {
            return (ticket, .end(epoch: item.epoch))
          }
          do {
            let estimate = try estimator.estimate(frame, focus: focus, measurements: measurements)
            return (ticket, .content((frame, estimate), epoch: epoch))
          } catch {
            order.end()
            throw error
          }
        }
        // Another stream of this pipeline may have been faster.
        guard let estimated else { continue }
        guard order.deliver(estimated.item, ticket: estimated.ticket, deliver) else { return }
      }
    } catch {
      fail(error)
    }
  }

  /// Tracks a frame whose turn it is; false when nobody takes results any more.
  private func deliver(_ item: Item<(Frame, Estimate)>) -> Bool {
    guard isCurrent(item.epoch) else { return true }
    defer { notify() }
    guard case .content(let (frame, estimate), let epoch) = item else { return results.put(.end(epoch: item.epoch)) }
    let people = measurements.time(.track) {
      tracking.withLock {
        $0.update(
          estimate.poses, at: frame.timestamp.seconds, outages: frame.outages, within: (frame.width, frame.height))
      }
    }
    measurements.countProcessed()
    let result = TrackedFrame(frame: frame, people: people, maps: estimate.maps, epoch: epoch)
    tap(result)
    return results.put(.content(result, epoch: epoch))
  }

  /// The next frame and its place in the order, which belong together; `nil` where there is none at the moment.
  private func nextItem() -> (Int, Item<Frame>)? {
    tickets.withLock { ticket in
      guard case .element(let item) = frames.take(until: .distantPast) else { return nil }
      defer { ticket += 1 }
      return (ticket, item)
    }
  }

  private func fail(_ error: any Error) {
    failure.withLock { if $0 == nil { $0 = error } }
    stop()
  }
}
