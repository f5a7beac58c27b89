import Foundation
import Tracker
import Video

/// Shows one or several sources on a screen, at their own pace, and does what the user asks for.
///
/// One thread, which sleeps until a key is pressed, a frame comes or is due, or the terminal takes more; it never waits for
/// the terminal. What is written to files does not pass here (`LiveOutputs`).
final class LiveSession {
  private let channels: [LiveChannel]
  private let control: EngineControl
  private let screen: Screen

  /// The source that panels and keys are about.
  private var focus = 0
  private var channel: LiveChannel { channels[focus] }
  private var mode = ViewMode.video
  private var events: [LiveView.Event] = []
  private var meter = LoadMeter()
  private var load: SystemLoad?
  private var wantsToQuit = false
  /// `EngineControl.changes` that the pictures which stand still show.
  private var changes = 0
  private let began = Clock.now()
  private var remembered: UInt64 = 0
  private var refreshed: UInt64 = 0

  init(_ channels: [LiveChannel], control: EngineControl, screen: Screen) {
    self.channels = channels
    self.control = control
    self.screen = screen
  }

  /// Runs until the user quits or all videos are over.
  /// - Returns: `nil` where the user quit; else what was told last, since nobody could read that on the screen.
  func run() throws -> [String]? {
    update()
    while !Interruption.isRequested, !wantsToQuit {
      if let command = screen.poll(milliseconds: patience) { try obey(command) }
      try advance()
      refresh()
      if channels.allSatisfy(\.hasLeft) { return lastEvents }
    }
    return nil
  }

  private var lastEvents: [String] {
    update()
    let now = Double(Clock.now() - began) / 1e9
    return events.filter { now - $0.time < 3 }.map(\.text)
  }

  /// Milliseconds until something is to be done unasked.
  private var patience: Int {
    let now = Clock.now()
    let due = channels.compactMap(\.due).min() ?? .max
    return due <= now ? 0 : min(100, Int((due - now) / 1_000_000) + 1)
  }

  /// Shows the frames that have come or are due.
  private func advance() throws {
    let start = Clock.now()
    var shown: [(measurements: Measurements, captured: UInt64)] = []
    for (index, channel) in channels.enumerated() {
      guard let result = channel.advance(at: start) else { continue }
      try draw(index)
      shown.append((channel.measurements, result.frame.captured))
    }
    guard !shown.isEmpty else { return }
    update()
    screen.show(view) {
      for (measurements, captured) in shown { measurements.countShown(captured: captured) }
    }
    for (measurements, _) in shown { measurements.record(.draw, Clock.now() - start) }
  }

  private func draw(_ index: Int) throws {
    let size = screen.pictureSize(for: view, tile: channels.count > 1 ? index : 0)
    try channels[index].draw(width: size.width, height: size.height)
  }

  // MARK: - Commands

  private func obey(_ command: Command) throws {
    switch command {
    case .quit: wantsToQuit = true
    case .pause:
      let isPaused = !channel.view.isPaused
      for channel in channels { channel.pause(isPaused) }
    case .step: for channel in channels { channel.step() }
    case .stepBack: channel.stepBack()
    case .seek(let seconds):
      if !channel.view.canSeek { note("\(channel.view.source) cannot be gone through") }
      channel.seek(to: channel.view.time + seconds)
    case .seekTo(let share): channel.seek(to: share * (channel.view.duration ?? 0))
    case .view(let mode):
      self.mode = mode
      for channel in channels { channel.view.mode = mode }
      control.showMaps(mode.showsMaps)
      if mode.showsMaps { for channel in channels where channel.latest?.maps == nil { channel.lookAgain() } }
      try drawAgain()
    case .record:
      if let reason = channel.toggleRecording(onBlack: mode == .skeletons) { note(reason) }
    case .save:
      guard let latest = channel.latest else { return note("there is no frame yet") }
      channel.outputs.save(latest, onBlack: mode == .skeletons)
    case .score(let steps): control.changeScore(by: steps)
    case .networkSize(let steps): control.changeSize(by: steps, for: frameSizes)
    case .precision: control.changePrecision(for: frameSizes)
    case .select(let id): channel.view.selected = id
    case .selectNext:
      let ids = Panels.table(channel.view.people).map(\.id)
      channel.view.selected = ids.first { $0 > channel.view.selected ?? .min }
    case .focus(let index): focus = max(0, min(channels.count - 1, index))
    case .focusNext: focus = (focus + 1) % channels.count
    case .resize: try drawAgain()
    }
    refresh(now: true)
  }

  /// The frames of every source, in pixels.
  private var frameSizes: [(width: Int, height: Int)] {
    channels.reduce(into: []) { sizes, channel in
      let size = (width: channel.view.frameWidth, height: channel.view.frameHeight)
      if !sizes.contains(where: { $0 == size }) { sizes.append(size) }
    }
  }

  /// The same frames for another size or view.
  private func drawAgain() throws { for index in channels.indices { try draw(index) } }

  // MARK: - View

  private var view: LiveView {
    var view = channel.view
    (view.mode, view.events, view.load, view.engine) = (mode, events, load, control.description)
    if channels.count > 1 {
      view.tiles = channels.map(\.view.tile)
      view.focus = focus
    }
    return view
  }

  /// Shows what changed beside the pictures: at once after a command, else a few times a second while no frames come.
  private func refresh(now isNow: Bool = false) {
    guard isNow || Clock.now() - refreshed > 200_000_000 else { return }
    update()
    screen.show(view)
  }

  /// Everything that is not a picture.
  private func update() {
    let now = Clock.now()
    refreshed = now
    for channel in channels {
      for line in channel.update() { note(channels.count > 1 ? "\(channel.view.source): \(line)" : line) }
    }
    for line in control.takeNotices() + screen.takeNotices() { note(line) }
    if control.changes != changes {
      changes = control.changes
      for channel in channels { channel.lookAgain() }
    }
    guard Double(now - remembered) / 1e9 >= History.interval else { return }
    remembered = now
    load = meter.read()
    for channel in channels { channel.remember() }
  }

  /// Tells the user something at the foot of the screen.
  func note(_ text: String) {
    events.append(LiveView.Event(time: Double(Clock.now() - began) / 1e9, text: text))
    if events.count > 100 { events.removeFirst(events.count - 100) }
  }
}
