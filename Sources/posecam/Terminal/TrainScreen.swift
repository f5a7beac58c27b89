import Foundation
import Synchronization
import Train
import Video

/// The full screen of a training run, on a thread of its own, since a step can take long and keys are answered at once.
final class TrainScreen: Sendable {
  private struct State: Sendable {
    var view: TrainView
    var isNew = true
    var isClosing = false
    /// When the last steps were made.
    var times: [UInt64] = []
  }

  private let state: Mutex<State>
  private let batch: Int
  private let outputs: [String]
  private let waker: Waker
  private let started = Clock.now()
  private let ended = DispatchSemaphore(value: 0)

  /// Enters the full screen; see `Terminal` for what is refused.
  /// - Parameters:
  ///   - batch: pictures of a step.
  ///   - outputs: names of the network's outputs.
  init(_ view: TrainView, batch: Int, outputs: [String]) throws(PosecamError) {
    let painter = try Painter()
    state = Mutex(State(view: view))
    (self.batch, self.outputs, waker) = (batch, outputs, painter.terminal.waker)
    nonisolated(unsafe) let owned = painter
    let thread = Thread { [self] in
      while let (view, isNew) = next() {
        owned.turn(view, isNew: isNew) { stop() }
      }
      owned.terminal.close()
      ended.signal()
    }
    thread.name = "screen"
    thread.start()
  }

  /// Whether the user asked to save and stop.
  var isStopRequested: Bool { state.withLock(\.view.isStopping) }

  private func stop() {
    state.withLock { state in
      state.view.isStopping = true
      state.isNew = true
    }
  }

  /// To be called after every step.
  func show(step: Int) {
    let now = Clock.now()
    state.withLock { state in
      state.view.step = step
      state.times.append(now)
      if state.times.count > 32 { state.times.removeFirst() }
      let seconds = Double(now - state.times[0]) / 1e9
      if state.times.count > 1, seconds > 0 {
        let rate = Double(state.times.count - 1) / seconds
        state.view.imagesPerSecond = rate * Double(batch)
        state.view.secondsLeft = Double(state.view.steps - step) / rate
      }
      state.isNew = true
    }
  }

  /// Shows an interval of the log.
  func show(_ progress: TrainProgress) {
    state.withLock { state in
      state.view.add(progress, outputs: outputs)
      // What validation takes is no part of a step.
      if progress.validation != nil { state.times.removeAll() }
      state.isNew = true
    }
    waker.wake()
  }

  /// Tells whether a validation goes on.
  func show(isValidating: Bool) {
    state.withLock { state in
      state.view.isValidating = isValidating
      state.isNew = true
    }
    waker.wake()
  }

  /// Gives the terminal back.
  func close() {
    state.withLock { $0.isClosing = true }
    waker.wake()
    ended.wait()
  }

  private func next() -> (TrainView, isNew: Bool)? {
    state.withLock { state in
      guard !state.isClosing else { return nil }
      state.view.seconds = Double(Clock.now() - started) / 1e9
      defer { state.isNew = false }
      return (state.view, state.isNew)
    }
  }
}

/// What the screen's thread owns.
private final class Painter {
  let terminal: Terminal
  private let composer: TrainComposer
  private var encoder: FrameEncoder
  private var size: Terminal.Size
  private var showsHelp = false
  private var isStale = true
  private var painted: UInt64 = 0

  init() throws(PosecamError) {
    let environment = ProcessInfo.processInfo.environment
    terminal = try Terminal(environment: environment)
    let traits = TerminalTraits(
      choice: .auto, environment: environment, isUTF8: terminal.isUTF8, terminfoColors: terminal.terminfoColors,
      terminfoDirect: terminal.terminfoDirect)
    composer = TrainComposer(glyphs: traits.glyphs)
    encoder = FrameEncoder(colors: traits.colors, synchronizes: traits.synchronizes)
    size = terminal.measure()
  }

  /// Paints what is new, at most ten times a second, and hears keys for a moment.
  func turn(_ view: TrainView, isNew: Bool, stop: () -> Void) {
    let now = terminal.measure()
    if now.columns != size.columns || now.rows != size.rows || terminal.takeContinued() {
      size = now
      encoder.forget()
      isStale = true
    }
    // The clock moves without news, too.
    isStale = isStale || isNew || Clock.now() - painted > 1_000_000_000
    if isStale, !terminal.isBusy { paint(view) }
    switch terminal.wait(milliseconds: 100) {
    case .hangUp: stop()
    case .nothing: break
    // As where there is no screen: the first one asks, the second one ends at once.
    case .input(.character("\u{3}")): kill(getpid(), SIGINT)
    case .input(let input): press(KeyMeaning(input), stop)
    }
  }

  private func press(_ key: KeyMeaning?, _ stop: () -> Void) {
    switch key {
    case .command(.quit): stop()
    case .help: showsHelp.toggle()
    case .escape: showsHelp = false
    case .repaint: encoder.forget()
    case .suspend: terminal.suspend()
    default: return
    }
    isStale = true
  }

  private func paint(_ view: TrainView) {
    var view = view
    view.isStopping = view.isStopping || Interruption.isRequested
    var grid = CellGrid(width: size.columns, height: size.rows)
    composer.draw(view, showsHelp: showsHelp, into: &grid)
    var bytes: [UInt8] = []
    encoder.encode(grid, into: &bytes)
    if !bytes.isEmpty { terminal.enqueue(bytes) }
    (isStale, painted) = (false, Clock.now())
  }
}
