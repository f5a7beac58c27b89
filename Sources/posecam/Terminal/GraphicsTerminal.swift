import Video

/// What a terminal was asked about real pixels, what it said, and which way of showing pixels follows.
///
/// The questions are sent once and never waited for: answers come between keys, near or far, and until they are here
/// characters are shown. A way that was asked for by name is given up with a sentence after `patience`.
struct GraphicsTerminal {
  /// The way pixels are shown now.
  private(set) var blitter: Blitter
  /// Pixels of a cell.
  private(set) var cellSize = (width: 10, height: 20)
  /// The terminal said that it does not know synchronized updates.
  private(set) var refusesSynchronizing = false
  private let characters: [Blitter]
  private var offered: Set<Blitter> = []
  private var wanted: Blitter?
  private let asked = Clock.now()
  private var isLate = false
  private var sixel = Sixel()
  private var kitty = KittyGraphics()
  private var shown: Bitmap?
  private static let patience: UInt64 = 1_000_000_000

  /// - Parameter wanted: asked for by the user.
  init(_ traits: TerminalTraits, environment: [String: String], wanted: Blitter?) {
    characters = Blitter.characters(for: traits)
    let standard = Blitter.standard(for: traits)
    blitter = wanted.map { $0.isGraphics ? standard : $0 } ?? standard
    self.wanted = wanted?.isGraphics == true ? wanted : nil
    asks = traits.synchronizes
    // tmux and screen take a string that is not for them for a title.
    let term = environment["TERM"] ?? ""
    isMultiplexed =
      environment["TMUX"] != nil || environment["STY"] != nil || term.hasPrefix("screen") || term.hasPrefix("tmux")
  }

  private let asks: Bool
  private let isMultiplexed: Bool
  private static let synchronizedUpdate = 2026
  private static let question = 31

  /// Cell size, synchronized updates, kitty graphics and at last the attributes, which every terminal answers.
  var questions: [UInt8] {
    guard asks else { return [] }
    let graphics =
      isMultiplexed
      ? "" : "\u{1B}_Gi=\(Self.question),s=1,v=1,a=q,t=d,f=24;AAAA\u{1B}\\"
    return Array("\u{1B}[16t\u{1B}[?\(Self.synchronizedUpdate)$p\(graphics)\u{1B}[c".utf8)
  }

  mutating func hear(_ reply: TerminalReply) {
    switch reply {
    case .attributes(let attributes): if attributes.contains(4) { offered.insert(.sixel) }
    case .graphics(Self.question, isDone: true): offered.insert(.kitty)
    case .graphics: break
    case .mode(Self.synchronizedUpdate, let state): refusesSynchronizing = state == 0 || state == 4
    case .mode: break
    case .cellSize(let width, let height): measured((width, height))
    }
  }

  mutating func measured(_ cell: (width: Int, height: Int)?) {
    if let cell, (3...100).contains(cell.width), (5...200).contains(cell.height) { cellSize = cell }
  }

  /// Takes what was asked for as soon as it is offered, however late; a sentence when it is not in time.
  mutating func verdict() -> String? {
    guard let name = wanted else { return nil }
    if offered.contains(name) {
      wanted = nil
      blitter = name
      return isLate ? "the terminal shows \(name.rawValue) graphics after all" : nil
    }
    guard !isLate, Clock.now() - asked > Self.patience else { return nil }
    isLate = true
    return "this terminal does not say that it shows \(name.rawValue) graphics; \(blitter.rawValue) is used"
  }

  /// The next way of those the terminal offers.
  mutating func choose(after current: Blitter) {
    let choices = characters + [.sixel, .kitty].filter(offered.contains)
    let index = choices.firstIndex(of: current) ?? choices.count - 1
    blitter = choices[(index + 1) % choices.count]
    change = choices.count > 1 ? "pixels: \(blitter.rawValue)" : "pixels: this terminal shows only \(blitter.rawValue)"
    wanted = nil
  }

  /// What `choose` did last.
  private(set) var change: String?

  /// Appends what makes the terminal show a picture, with the cursor at its corner; nothing where it already does.
  mutating func encode(_ picture: Bitmap, in rect: CellRect, over state: PictureState, into bytes: inout [UInt8]) {
    if blitter == .sixel {
      return sixel.encode(picture, columns: rect.width, rows: rect.height, state.moved(to: rect), into: &bytes)
    }
    guard state.isLost || picture != shown else { return }
    shown = picture
    kitty.encode(picture, columns: rect.width, rows: rect.height, into: &bytes)
  }
}

extension PictureState {
  /// Cells counted from the picture's corner.
  fileprivate func moved(to rect: CellRect) -> PictureState {
    func inside(_ cell: CellRect) -> CellRect {
      CellRect(x: cell.x - rect.x, y: cell.y - rect.y, width: cell.width, height: cell.height)
    }
    return PictureState(isLost: isLost, covered: covered.map(inside), uncovered: uncovered.map(inside))
  }
}
