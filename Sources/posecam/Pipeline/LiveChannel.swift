import Foundation
import Tracker
import Video

/// One source of a live screen: when its frames are due, and what is known of the newest one.
final class LiveChannel {
  let source: any FrameSource
  let pipeline: Pipeline
  let outputs: LiveOutputs
  /// The newest frame that was shown.
  private(set) var latest: TrackedFrame?
  /// Everything the screen tells of this source.
  var view = LiveView()
  /// The source came to its end.
  private(set) var isOver = false

  private let scaler = Scaler(order: .rgb)
  private var sightings = Sightings()
  /// Times as fast as the source is.
  private let speed: Double
  private var pace: Pace
  /// The next frame to show, and when.
  private var next: (result: TrackedFrame, due: UInt64)?
  /// Frames to show although paused.
  private var steps = 0
  /// Times of the frames that were shown, ascending, to step back along. Between two may be others only where another place was
  /// sought.
  private var shown: [Double] = []
  private static let mostShown = 2000
  /// Seconds that the last step back without those went, and from where.
  private var (reach, lastStepBack) = (0.0, -1.0)
  /// Another place is being gone to, and steps back that were asked for meanwhile.
  private var (isSeeking, stepsBack) = (false, 0)
  private var hasToldFailure = false
  /// When the newest frame was shown.
  private var accepted = Clock.now()

  init(
    source: any FrameSource, pipeline: Pipeline, outputs: LiveOutputs, modelName: String, speed: Double = 1
  ) {
    self.source = source
    self.pipeline = pipeline
    self.outputs = outputs
    self.speed = speed
    pace = Pace(speed: speed)
    // A file's folder is known to whoever named it.
    let isPath = source.info.name.contains("/") && !source.info.name.contains("://")
    view.source = isPath ? (source.info.name as NSString).lastPathComponent : source.info.name
    view.model = modelName
    view.format = source.info.format
    view.duration = source.info.duration
    view.isLive = source.info.isLive
    (view.canSeek, view.isStill) = (source.canSeek && !isStill, isStill)
    (view.frameWidth, view.frameHeight) = (source.info.width, source.info.height)
  }

  /// A picture stays until a key; a video leaves when it is over.
  var isStill: Bool { source.info.frameCount == 1 }

  var measurements: Measurements { outputs.measurements }

  /// When the next frame is due, if one waits for its time.
  var due: UInt64? { isHeld ? nil : next?.due }

  /// The picture stands still until the user wants something else.
  private var isHeld: Bool { view.isPaused && steps == 0 }

  /// The next frame to show now, if there is one; never waits.
  func advance(at now: UInt64) -> TrackedFrame? {
    lookAhead()
    guard !isHeld, let (result, due) = next, steps > 0 || now >= due else { return nil }
    next = nil
    accept(result)
    // One that came meanwhile is not told of again. Of a camera it would grow old here.
    if !source.info.isLive { lookAhead() }
    return result
  }

  /// Takes the next frame from the pipeline, if one waits there.
  private func lookAhead() {
    while next == nil {
      if isHeld && !source.info.isLive { return }
      switch pipeline.next(until: .distantPast) {
      case .nothingYet: return
      case .closed:
        (isOver, isSeeking) = (true, false)
        return
      case .element(let result):
        // A paused camera goes on; only the picture stands still.
        if isHeld { continue }
        next = (result, source.info.isLive || view.isPaused ? 0 : pace.due(time(of: result)))
      }
    }
  }

  private func accept(_ result: TrackedFrame) {
    steps = max(0, steps - 1)
    (latest, accepted) = (result, Clock.now())
    view.sightings = sightings.update(result.people, at: time(of: result))
    (view.frameWidth, view.frameHeight) = (result.frame.width, result.frame.height)
    view.pixelAspect = result.frame.pixelAspect
    view.people = result.people
    (view.frameIndex, view.time) = (result.frame.index, time(of: result))
    shown.removeAll { $0 >= view.time }
    shown.append(view.time)
    if shown.count > Self.mostShown { shown.removeFirst(shown.count - Self.mostShown / 2) }
    isSeeking = false
    if stepsBack > 0 {
      stepsBack -= 1
      stepBack()
    }
  }

  /// Scales the newest frame for the screen.
  func draw(width: Int, height: Int) throws(VideoError) {
    guard let latest, width > 0, height > 0 else { return }
    // Skeletons on black need no picture, only its size.
    guard view.mode != .skeletons else { return view.picture = Bitmap(width: width, height: height) }
    var bitmap = try scaler.bitmap(latest.frame, width: width, height: height)
    if view.mode.showsMaps { latest.maps?.paint(fields: view.mode == .fields, over: &bitmap) }
    view.picture = bitmap
  }

  private func time(of result: TrackedFrame) -> Double { result.frame.timestamp.seconds - source.info.startTime }

  // MARK: - Commands

  func pause(_ isPaused: Bool) {
    view.isPaused = isPaused
    (steps, stepsBack) = (0, isPaused ? stepsBack : 0)
    pace = Pace(speed: speed)
    if !isPaused, let (result, _) = next { next = (result, pace.due(time(of: result))) }
  }

  func step() {
    if !view.isPaused { pause(true) }
    steps += 1
  }

  /// Shows the frame before, paused.
  func stepBack() {
    let rate = source.info.nominalRate
    guard view.canSeek, rate > 0 else { return }
    // From the frame that will be there then, not from the time that was asked for.
    guard !isSeeking else { return stepsBack = min(stepsBack + 1, 100) }
    pause(true)
    if let before = shown.last(where: { $0 < view.time - 1e-6 }) { return seek(to: before) }
    // Between the frame before the previous one and the previous one, farther where that led to the same frame again.
    reach = lastStepBack == view.time ? 2 * reach : 1.5 / rate
    lastStepBack = view.time
    seek(to: view.time - reach)
  }

  /// Goes on at another time, if the source can.
  func seek(to seconds: Double) {
    guard view.canSeek else { return }
    // A recording holds what was seen in one go.
    outputs.stopRecording()
    let last = view.duration.map { max(0, $0 - 0.1) } ?? .infinity
    goOn(at: max(0, min(last, seconds)))
  }

  /// Looks once more at the frame that stands still, since it would look different now.
  func lookAgain() {
    guard source.canSeek, latest != nil, isStill || isHeld else { return }
    goOn(at: view.time)
  }

  private func goOn(at seconds: Double) {
    // What lies between here and there was not shown.
    if seconds > view.time { shown.removeAll() }
    pipeline.seek(to: seconds)
    next = nil
    pace = Pace(speed: speed)
    (view.time, isSeeking) = (seconds, true)
    isOver = false
    if view.isPaused { steps = 1 }
  }

  /// Begins or ends a recording.
  /// - Returns: why not, where that is.
  func toggleRecording(onBlack: Bool) -> String? {
    if isStill { return "a picture is saved by the key s" }
    outputs.toggleRecording(from: pipeline.epoch, onBlack: onBlack)
    return nil
  }

  /// Whether the user has seen all of it: a video leaves when it is over, but not while the user holds it.
  var hasLeft: Bool { isOver && !isStill && !view.isPaused }

  // MARK: - Figures

  /// Brings everything up to date that is not the picture; the lines are worth telling.
  func update() -> [String] {
    view.recorded = outputs.recorded
    view.isOver = isOver
    view.isWaiting = source.info.isLive && Clock.now() - accepted > 1_500_000_000
    view.stages = measurements.stages
    view.capturedRate = measurements.capturedRate
    view.processedRate = measurements.processedRate
    view.shownRate = measurements.shownRate
    view.latency = source.info.isLive ? measurements.latency : nil
    view.dropped = pipeline.dropped
    view.queues = pipeline.queues
    var lines = pipeline.takeNotices() + outputs.takeNotices()
    // Others may go on.
    if isOver, !hasToldFailure, let failure = pipeline.failureDescription {
      hasToldFailure = true
      lines.append(failure)
    }
    return lines
  }

  func remember() {
    view.history.append(
      captured: view.capturedRate, processed: view.processedRate, shown: view.shownRate,
      latency: view.latency?.lastMilliseconds)
  }
}
