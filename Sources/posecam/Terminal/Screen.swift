/// The live screen: shows a `LiveView` and reports keys. For one thread; only `waker` may be used from others.
///
/// `show` never waits for a slow terminal: while an earlier screen is still on its way it only remembers the newest view,
/// which `poll` shows as soon as the line is free, and counts the screen as `skipped`.
final class Screen {
  struct Options: Sendable {
    var colors = ColorChoice.auto
    /// Where `TERM`, `COLORTERM` and `NO_COLOR` are looked up.
    var environment: [String: String]
  }

  /// Ends `poll` early.
  var waker: Waker { terminal.waker }
  let traits: TerminalTraits
  /// Screens left out because the terminal had not taken the one before.
  private(set) var skipped = 0
  /// Bytes handed to the terminal so far.
  private(set) var bytesSent = 0

  private let terminal: Terminal
  private let composer: Composer
  private var encoder: FrameEncoder
  private var size: (columns: Int, rows: Int, cellAspect: Double)
  private var grid: CellGrid
  private var bytes: [UInt8] = []
  private var latest = LiveView()
  private var isStale = false
  private var showsHelp = false
  private var hasPanels = true

  /// Enters the full screen; see `Terminal` for what is refused.
  init(_ options: Options) throws(PosecamError) {
    terminal = try Terminal(environment: options.environment)
    traits = TerminalTraits(
      choice: options.colors, environment: options.environment, isUTF8: terminal.isUTF8,
      terminfoColors: terminal.terminfoColors, terminfoDirect: terminal.terminfoDirect)
    composer = Composer(traits)
    encoder = FrameEncoder(colors: traits.colors, synchronizes: traits.synchronizes)
    size = terminal.measure()
    grid = CellGrid(width: size.columns, height: size.rows)
  }

  /// The size, in picture pixels, that the next picture of a frame of this size should have.
  func pictureSize(frameWidth: Int, frameHeight: Int) -> (width: Int, height: Int) {
    let layout = layout(frameWidth: frameWidth, frameHeight: frameHeight)
    return (layout.pictureWidth, layout.pictureHeight)
  }

  /// Shows a view; false when it was left out since the terminal is still busy.
  @discardableResult
  func show(_ view: LiveView) -> Bool {
    latest = view
    terminal.drain()
    if terminal.isBusy {
      skipped += 1
      isStale = true
      return false
    }
    paint()
    return true
  }

  /// The next command, or nil after `milliseconds`, or at once when woken. Help and repainting are done on the way.
  func poll(milliseconds: Int) -> Command? {
    if follow() { return .resize }
    let event = terminal.wait(milliseconds: milliseconds)
    let isResized = follow()
    switch event {
    case .hangUp: return .quit
    case .nothing: break
    case .key(let key, let isCode):
      switch KeyMeaning(key: key, isCode: isCode) {
      case .command(let command): return command
      case .help: setHelp(!showsHelp)
      case .closeHelp: setHelp(false)
      case .panels:
        hasPanels.toggle()
        isStale = true
        follow()
        return .resize
      case .repaint: repaint()
      case .suspend: terminal.suspend()
      case nil: break
      }
    }
    return isResized ? .resize : nil
  }

  /// Gives the terminal back.
  func close() { terminal.close() }

  private func layout(frameWidth: Int, frameHeight: Int) -> ScreenLayout {
    ScreenLayout(
      columns: size.columns, rows: size.rows, frameWidth: frameWidth, frameHeight: frameHeight,
      cellAspect: size.cellAspect, hasPanels: hasPanels)
  }

  private func setHelp(_ isShown: Bool) {
    guard showsHelp != isShown else { return }
    showsHelp = isShown
    isStale = true
    follow()
  }

  private func repaint() {
    encoder.forget()
    isStale = true
    follow()
  }

  /// Follows what happened to the terminal: another size, a stop, a line that is free again. True after a resize.
  @discardableResult
  private func follow() -> Bool {
    let now = terminal.measure()
    let isResized = now.columns != size.columns || now.rows != size.rows
    if isResized || terminal.takeContinued() {
      size = now
      encoder.forget()
      isStale = true
    }
    size.cellAspect = now.cellAspect
    if isStale, !terminal.isBusy { paint() }
    return isResized
  }

  private func paint() {
    if grid.width != size.columns || grid.height != size.rows {
      grid = CellGrid(width: size.columns, height: size.rows)
    }
    composer.draw(
      latest, layout: layout(frameWidth: latest.frameWidth, frameHeight: latest.frameHeight), showsHelp: showsHelp,
      skipped: skipped, into: &grid)
    bytes.removeAll(keepingCapacity: true)
    encoder.encode(grid, into: &bytes)
    bytesSent += bytes.count
    isStale = false
    if !bytes.isEmpty { terminal.enqueue(bytes) }
  }
}
