import Tracker
import Video

/// The live screen: shows a `LiveView` and reports what the user asks for. For one thread; only `waker` may be used from
/// others.
///
/// `show` never waits for a slow terminal: while an earlier screen is still on its way it only remembers the newest view,
/// which `poll` shows as soon as the line is free; a frame whose place another took by then is `skipped`.
final class Screen {
  struct Options: Sendable {
    var colors = ColorChoice.auto
    /// How pixels are shown; `nil` for what suits every terminal of its kind.
    var pixels: Blitter?
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
  private var composer: Composer
  private var encoder: FrameEncoder
  private var graphics: GraphicsTerminal
  private var size: Terminal.Size
  private var grid: CellGrid
  private var bytes: [UInt8] = []
  private var latest = LiveView()
  /// To be called when what is on its way is there.
  private var underway: (() -> Void)?
  /// The same for the frame that is painted next.
  private var waiting: (() -> Void)?
  private var isStale = false
  private var showsHelp = false
  private var hasPanels = true
  private var panels = Set(ScreenLayout.Panel.allCases)
  private var notices: [String] = []

  /// Enters the full screen; see `Terminal` for what is refused.
  init(_ options: Options) throws(PosecamError) {
    terminal = try Terminal(environment: options.environment)
    traits = TerminalTraits(
      choice: options.colors, environment: options.environment, isUTF8: terminal.isUTF8,
      terminfoColors: terminal.terminfoColors, terminfoDirect: terminal.terminfoDirect)
    composer = Composer(traits)
    encoder = FrameEncoder(colors: traits.colors, synchronizes: traits.synchronizes)
    graphics = GraphicsTerminal(traits, environment: options.environment, wanted: options.pixels)
    size = terminal.measure()
    grid = CellGrid(width: size.columns, height: size.rows)
    composer.blitter = graphics.blitter
    terminal.ask(graphics.questions)
  }

  /// The size, in picture pixels, that the next picture of this view's video with number `tile` should have.
  func pictureSize(for view: LiveView, tile: Int = 0) -> (width: Int, height: Int) {
    composer.pictureSize(layout(for: view), view, tile: tile)
  }

  /// Shows a view; false when it waits for the terminal, which is still busy. The next one may take its place.
  /// - Parameter onShown: for a new frame: called when the terminal has taken all of it.
  @discardableResult
  func show(_ view: LiveView, onShown: (() -> Void)? = nil) -> Bool {
    latest = view
    drain()
    // A frame is left out when another takes its place before the terminal was free.
    if onShown != nil, waiting != nil { skipped += 1 }
    if let onShown { waiting = onShown }
    if terminal.isBusy {
      isStale = true
      return false
    }
    paint()
    drain()
    return true
  }

  /// What is worth telling since the last call.
  func takeNotices() -> [String] {
    defer { notices.removeAll() }
    return notices
  }

  /// The next command, or nil after `milliseconds`, or at once when woken. Help, panels and repainting are done on the way.
  func poll(milliseconds: Int) -> Command? {
    if follow() { return .resize }
    let event = terminal.wait(milliseconds: milliseconds)
    drain()
    let isResized = follow()
    switch event {
    case .hangUp: return .quit
    case .nothing: break
    case .input(.mouse(let mouse)): if let command = meaning(of: mouse) { return command }
    case .input(.reply(let reply)):
      graphics.hear(reply)
      encoder.synchronizes = traits.synchronizes && !graphics.refusesSynchronizing
    case .input(let input):
      switch KeyMeaning(input) {
      case .command(let command): return command
      case .help: setHelp(!showsHelp)
      case .escape:
        if !showsHelp { return .select(nil) }
        setHelp(false)
      case .panels:
        hasPanels.toggle()
        return resized()
      case .panel(let panel):
        panels.formSymmetricDifference([panel])
        hasPanels = true
        return resized()
      case .pixels:
        graphics.choose(after: composer.blitter)
        if let name = graphics.change { notices.append(name) }
      case .repaint: repaint()
      case .suspend: terminal.suspend()
      case nil: break
      }
    }
    if let notice = graphics.verdict() { notices.append(notice) }
    if graphics.blitter != composer.blitter || graphics.cellSize != composer.cellSize {
      bytes.removeAll(keepingCapacity: true)
      if composer.blitter == .kitty { KittyGraphics.remove(into: &bytes) }
      if !bytes.isEmpty { terminal.enqueue(bytes) }
      (composer.blitter, composer.cellSize) = (graphics.blitter, graphics.cellSize)
      encoder.forget()
      return resized()
    }
    return isResized ? .resize : nil
  }

  /// Gives the terminal back.
  func close() { terminal.close() }

  private func layout(for view: LiveView) -> ScreenLayout {
    Composer.layout(
      columns: size.columns, rows: size.rows, cellAspect: size.cellAspect, view, panels: hasPanels ? panels : [])
  }

  private func meaning(of mouse: Mouse) -> Command? {
    guard mouse.button == .left else { return nil }
    if showsHelp {
      setHelp(false)
      return nil
    }
    let layout = layout(for: latest)
    if let bar = Composer.progressBar(latest, layout), bar.contains(mouse.x, mouse.y) {
      return .seekTo((Double(mouse.x - bar.x) + 0.5) / Double(bar.width))
    }
    if let (tile, person) = composer.find(at: mouse, latest, layout) {
      // The first click goes to the video, the next one to a person in it.
      return latest.tiles.count > 1 && tile != latest.focus ? .focus(tile) : .select(person?.id)
    }
    if let table = layout.panels[.people]?.inset(1, 1), table.contains(mouse.x, mouse.y) {
      let people = Panels.table(latest.people)
      let row = mouse.y - table.y
      return .select(row < people.count ? people[row].id : nil)
    }
    return nil
  }

  private func setHelp(_ isShown: Bool) {
    guard showsHelp != isShown else { return }
    showsHelp = isShown
    isStale = true
    follow()
  }

  private func resized() -> Command {
    isStale = true
    follow()
    return .resize
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
    graphics.measured(now.cell)
    if isStale, !terminal.isBusy { paint() }
    return isResized
  }

  /// Goes on sending, and tells when a frame is out.
  private func drain() {
    terminal.drain()
    guard !terminal.isBusy, let onShown = underway else { return }
    underway = nil
    onShown()
  }

  private func paint() {
    drain()
    (underway, waiting) = (waiting, nil)
    if grid.width != size.columns || grid.height != size.rows {
      grid = CellGrid(width: size.columns, height: size.rows)
    }
    let layout = layout(for: latest)
    let picture = composer.draw(latest, layout: layout, showsHelp: showsHelp, skipped: skipped, into: &grid)
    bytes.removeAll(keepingCapacity: true)
    if let picture {
      encoder.encode(grid, around: layout.picture, erases: composer.blitter == .sixel, into: &bytes) { state, bytes in
        graphics.encode(picture, in: layout.picture, over: state, into: &bytes)
      }
    } else {
      encoder.encode(grid, into: &bytes)
    }
    bytesSent += bytes.count
    isStale = false
    if !bytes.isEmpty { terminal.enqueue(bytes) }
  }
}
