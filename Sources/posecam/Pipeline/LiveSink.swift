import Foundation
import Tracker
import Video

/// Takes the results of a live run: to the screen at the source's pace, or to a progress line as fast as they come, and to
/// the outputs in both cases.
struct LiveSink {
  let source: any FrameSource
  let pipeline: Pipeline
  let measurements: Measurements
  let outputs: Outputs
  private var done = 0
  private var people = 0
  private var notices: [String] = []
  /// The source came to its end.
  private(set) var isOver = false

  init(source: any FrameSource, pipeline: Pipeline, measurements: Measurements, outputs: Outputs) {
    self.source = source
    self.pipeline = pipeline
    self.measurements = measurements
    self.outputs = outputs
  }

  // MARK: - Without a screen

  mutating func run() throws {
    var progress = ProgressLine()
    defer {
      for notice in takeNotices() { progress.note(notice) }
      progress.finish(state)
    }
    while case .element(let result) = pipeline.next() {
      try record(result)
      measurements.countShown(captured: result.frame.captured)
      for notice in takeNotices() { progress.note(notice) }
      progress.update(state)
    }
    isOver = true
  }

  private func takeNotices() -> [String] { outputs.takeNotices() + source.takeNotices() }

  private var state: ProgressLine.State {
    ProgressLine.State(
      done: done, total: source.info.frameCount, rate: measurements.processedRate, people: people,
      dropped: pipeline.dropped,
      latencyMilliseconds: source.info.isLive ? measurements.latency?.medianMilliseconds : nil)
  }

  private mutating func record(_ result: TrackedFrame) throws(PosecamError) {
    done += 1
    people = result.people.count
    try outputs.write(result)
  }

  private func time(of result: TrackedFrame) -> Double { result.frame.timestamp.seconds - source.info.startTime }

  // MARK: - With a screen

  mutating func show(on screen: Screen, modelName: String) throws {
    let scaler = Scaler(order: .rgb)
    var view = LiveView()
    view.source = source.info.name
    view.model = modelName
    view.format = source.info.format
    view.duration = source.info.duration
    view.isLive = source.info.isLive
    (view.frameWidth, view.frameHeight) = (source.info.width, source.info.height)
    var latest: TrackedFrame?
    var isPaused = false
    var steps = 0
    var hasEnded = false
    var pace = Pace()

    while !Interruption.isRequested {
      switch screen.poll(milliseconds: isPaused || hasEnded ? 50 : 0) {
      case .quit: return
      case .pause:
        isPaused.toggle()
        pace = Pace()
      case .step:
        isPaused = true
        steps += 1
      case .resize: if let latest { try show(latest, on: screen, scaler, &view) }
      case nil: break
      }
      if view.isPaused != isPaused {
        view.isPaused = isPaused
        screen.show(view)
      }
      if hasEnded || (isPaused && steps == 0 && !source.info.isLive) { continue }

      switch pipeline.next(until: Date(timeIntervalSinceNow: 0.02)) {
      case .nothingYet: refresh(&view)
      case .closed:
        // A picture stays until a key; a video leaves when it is over.
        isOver = true
        guard source.info.frameCount == 1 else { return }
        hasEnded = true
      case .element(let result):
        // The screen is an output too, which goes on; the failure is told again at the end.
        do { try record(result) } catch { if notices.last != error.description { notices.append(error.description) } }
        latest = result
        // A paused camera goes on; only the picture stands still.
        if isPaused && steps == 0 { continue }
        steps = max(0, steps - 1)
        if !source.info.isLive && !isPaused {
          guard wait(until: pace.due(time(of: result)), screen, &isPaused) else { return }
        }
        try show(result, on: screen, scaler, &view)
        measurements.countShown(captured: result.frame.captured)
      }
    }
  }

  /// Waits for a frame's time while keys are answered; false when the user quits. Pausing ends the wait.
  private func wait(until due: UInt64, _ screen: Screen, _ isPaused: inout Bool) -> Bool {
    while !Interruption.isRequested {
      let now = Clock.now()
      guard due > now else { return true }
      switch screen.poll(milliseconds: min(50, Int((due - now) / 1_000_000) + 1)) {
      case .quit: return false
      case .pause, .step:
        isPaused = true
        return true
      case .resize, nil: break
      }
    }
    return false
  }

  private mutating func show(
    _ result: TrackedFrame, on screen: Screen, _ scaler: Scaler, _ view: inout LiveView
  ) throws(VideoError) {
    let frame = result.frame
    let start = Clock.now()
    let size = screen.pictureSize(frameWidth: frame.width, frameHeight: frame.height)
    view.picture =
      size.width > 0 && size.height > 0 ? try scaler.bitmap(frame, width: size.width, height: size.height) : nil
    (view.frameWidth, view.frameHeight) = (frame.width, frame.height)
    view.people = result.people
    (view.frameIndex, view.time) = (frame.index, time(of: result))
    refresh(&view)
    screen.show(view)
    measurements.record(.draw, Clock.now() - start)
  }

  private mutating func refresh(_ view: inout LiveView) {
    notices += takeNotices()
    if notices.count > 8 { notices.removeFirst(notices.count - 8) }
    view.notices = notices
    view.stages = measurements.stages
    view.capturedRate = measurements.capturedRate
    view.processedRate = measurements.processedRate
    view.shownRate = measurements.shownRate
    view.latency = source.info.isLive ? measurements.latency : nil
    view.dropped = pipeline.dropped
  }
}

/// When the frames of a file are due on the screen.
private struct Pace {
  /// The clock's time of the source's time 0.
  private var origin: UInt64?

  /// The clock's time at which a frame is due. A late one makes all later ones late instead of rushed.
  mutating func due(_ seconds: Double) -> UInt64 {
    let now = Clock.now()
    let offset = UInt64(max(0, seconds) * 1e9)
    if let origin, origin + offset >= now { return origin + offset }
    origin = now > offset ? now - offset : 0
    return now
  }
}
