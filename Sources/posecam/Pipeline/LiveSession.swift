import Foundation
import Tracker
import Video

/// Shows a live run on a screen, at the source's pace, and does what the user asks for.
///
/// One thread: it waits for keys and frames in turn and never for the terminal. What is written to files does not pass here
/// (`LiveOutputs`).
final class LiveSession {
  private let source: any FrameSource
  private let pipeline: Pipeline
  private let control: EngineControl
  private let outputs: LiveOutputs
  private let measurements: Measurements
  private let screen: Screen
  private let scaler = Scaler(order: .rgb)

  private var view = LiveView()
  private var latest: TrackedFrame?
  private var sightings = Sightings()
  private var meter = LoadMeter()
  /// Times as fast as the source is.
  private let speed: Double
  private var pace: Pace
  /// Frames to show although paused.
  private var steps = 0
  private var hasEnded = false
  private var wantsToQuit = false
  private let began = Clock.now()
  private var metered: UInt64 = 0
  private var refreshed: UInt64 = 0
  /// The source came to its end.
  private(set) var isOver = false

  init(
    source: any FrameSource, pipeline: Pipeline, control: EngineControl, outputs: LiveOutputs,
    measurements: Measurements, screen: Screen, modelName: String, speed: Double = 1
  ) {
    self.speed = speed
    pace = Pace(speed: speed)
    self.source = source
    self.pipeline = pipeline
    self.control = control
    self.outputs = outputs
    self.measurements = measurements
    self.screen = screen
    // A file's folder is known to whoever named it.
    let isPath = source.info.name.contains("/") && !source.info.name.contains("://")
    view.source = isPath ? (source.info.name as NSString).lastPathComponent : source.info.name
    view.model = modelName
    view.format = source.info.format
    view.duration = source.info.duration
    view.isLive = source.info.isLive
    view.canSeek = source.canSeek
    (view.frameWidth, view.frameHeight) = (source.info.width, source.info.height)
    screen.onShown = { measurements.countShown(captured: $0) }
  }

  /// Runs until the user quits or the video is over.
  func run() throws {
    while !Interruption.isRequested, !wantsToQuit {
      let isStill = hasEnded || (view.isPaused && steps == 0)
      if let command = screen.poll(milliseconds: isStill ? 40 : 0) { try obey(command) }
      refresh()
      if hasEnded || (view.isPaused && steps == 0 && !source.info.isLive) { continue }

      switch pipeline.next(until: Date(timeIntervalSinceNow: 0.01)) {
      case .nothingYet: break
      case .closed:
        // A picture stays until a key; a video leaves when it is over.
        isOver = true
        guard source.info.frameCount == 1 else { return }
        hasEnded = true
      case .element(let result): try take(result)
      }
    }
  }

  private func take(_ result: TrackedFrame) throws {
    latest = result
    view.sightings = sightings.update(result.people, at: time(of: result))
    // A paused camera goes on; only the picture stands still.
    if view.isPaused && steps == 0 { return }
    steps = max(0, steps - 1)
    if !source.info.isLive && !view.isPaused {
      try wait(until: pace.due(time(of: result)))
      // The wait may have ended since the user went elsewhere.
      if wantsToQuit || result.epoch < epoch { return }
    }
    try show(result)
  }

  /// Waits for a frame's time while keys are answered. Pausing, seeking and quitting end the wait.
  private func wait(until due: UInt64) throws {
    let start = epoch
    while !Interruption.isRequested, !wantsToQuit, !view.isPaused, epoch == start {
      let now = Clock.now()
      guard due > now else { return }
      if let command = screen.poll(milliseconds: min(40, Int((due - now) / 1_000_000) + 1)) { try obey(command) }
    }
  }

  // MARK: - Commands

  private func obey(_ command: Command) throws {
    switch command {
    case .quit: wantsToQuit = true
    case .pause:
      view.isPaused.toggle()
      pace = Pace(speed: speed)
    case .step:
      view.isPaused = true
      steps += 1
    case .stepBack:
      let rate = source.info.nominalRate
      // Between the frame before the previous one and the previous one.
      if source.canSeek, rate > 0 { seek(to: view.time - 1.5 / rate, pausing: true) }
    case .seek(let seconds): seek(to: view.time + seconds)
    case .seekTo(let share): if let duration = view.duration { seek(to: share * duration) }
    case .view(let mode):
      view.mode = mode
      control.showMaps(mode.showsMaps)
      try showAgain()
    case .record, .save:
      guard let latest else { return note("there is no frame yet") }
      let onBlack = view.mode == .skeletons
      if command == .record { outputs.toggleRecording(like: latest, onBlack: onBlack) }
      if command == .save { outputs.save(latest, onBlack: onBlack) }
    case .score(let steps): control.changeScore(by: steps)
    case .networkSize(let steps): control.changeSize(by: steps, for: (view.frameWidth, view.frameHeight))
    case .precision: control.changePrecision(for: (view.frameWidth, view.frameHeight))
    case .select(let id): view.selected = id
    case .selectNext:
      let ids = Panels.table(view.people).map(\.id)
      view.selected = ids.first { $0 > view.selected ?? .min }
    case .resize: try showAgain()
    }
    refresh(now: true)
  }

  private var epoch = 0

  private func seek(to seconds: Double, pausing: Bool = false) {
    guard source.canSeek else { return note("this source cannot be gone through") }
    // A recording holds what was seen in one go.
    outputs.stopRecording()
    let last = max(0, (view.duration ?? seconds) - 0.1)
    let target = max(0, min(last, seconds))
    pipeline.seek(to: target)
    epoch += 1
    pace = Pace(speed: speed)
    view.time = target
    hasEnded = false
    isOver = false
    if pausing { view.isPaused = true }
    if view.isPaused { steps = 1 }
  }

  // MARK: - Showing

  private func time(of result: TrackedFrame) -> Double { result.frame.timestamp.seconds - source.info.startTime }

  private func show(_ result: TrackedFrame) throws {
    let start = Clock.now()
    view.picture = try picture(of: result)
    (view.frameWidth, view.frameHeight) = (result.frame.width, result.frame.height)
    view.people = result.people
    (view.frameIndex, view.time) = (result.frame.index, time(of: result))
    update()
    screen.show(view, captured: result.frame.captured)
    measurements.record(.draw, Clock.now() - start)
  }

  /// The same frame for another size or view.
  private func showAgain() throws {
    guard let latest else { return }
    view.picture = try picture(of: latest)
  }

  private func picture(of result: TrackedFrame) throws(VideoError) -> Bitmap? {
    let frame = result.frame
    var sized = view
    (sized.frameWidth, sized.frameHeight) = (frame.width, frame.height)
    let size = screen.pictureSize(for: sized)
    guard size.width > 0, size.height > 0 else { return nil }
    // Skeletons on black need no picture, only its size.
    if view.mode == .skeletons { return Bitmap(width: size.width, height: size.height) }
    var bitmap = try scaler.bitmap(frame, width: size.width, height: size.height)
    if view.mode.showsMaps { result.maps?.paint(fields: view.mode == .fields, over: &bitmap) }
    return bitmap
  }

  /// Shows what changed beside the picture: at once after a command, else a few times a second while no frames come.
  private func refresh(now isNow: Bool = false) {
    let now = Clock.now()
    guard isNow || now - refreshed > 200_000_000 else { return }
    update()
    screen.show(view)
  }

  /// Everything of the view that is not the picture.
  private func update() {
    let now = Clock.now()
    refreshed = now
    for notice in pipeline.takeNotices() + outputs.takeNotices() + control.takeNotices() + screen.takeNotices() {
      note(notice)
    }
    view.recorded = outputs.recorded
    view.engine = control.description
    view.stages = measurements.stages
    view.capturedRate = measurements.capturedRate
    view.processedRate = measurements.processedRate
    view.shownRate = measurements.shownRate
    view.latency = source.info.isLive ? measurements.latency : nil
    view.dropped = pipeline.dropped
    view.queues = pipeline.queues
    guard Double(now - metered) / 1e9 >= History.interval else { return }
    metered = now
    view.load = meter.read()
    view.history.append(
      captured: view.capturedRate, processed: view.processedRate, shown: view.shownRate,
      latency: view.latency?.lastMilliseconds)
  }

  private func note(_ text: String) {
    view.events.append(LiveView.Event(time: Double(Clock.now() - began) / 1e9, text: text))
    if view.events.count > 100 { view.events.removeFirst(view.events.count - 100) }
  }
}

/// When the frames of a file are due on the screen.
private struct Pace {
  let speed: Double
  /// The clock's time of the source's time 0.
  private var origin: UInt64?

  init(speed: Double) { self.speed = speed }

  /// The clock's time at which a frame is due. A late one makes all later ones late instead of rushed.
  mutating func due(_ seconds: Double) -> UInt64 {
    let now = Clock.now()
    let offset = UInt64(max(0, seconds) / speed * 1e9)
    if let origin, origin + offset >= now { return origin + offset }
    origin = now > offset ? now - offset : 0
    return now
  }
}
