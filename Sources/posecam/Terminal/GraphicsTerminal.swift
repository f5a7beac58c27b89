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
  private var sixel = Sixel()
  private var kitty = KittyGraphics()
  private var shown: Bitmap?
  private static let patience: UInt64 = 1_000_000_000

  /// - Parameter wanted: asked for by the user.
  init(_ traits: TerminalTraits, wanted: Blitter?) {
    characters = Blitter.characters(for: traits)
    let standard = Blitter.standard(for: traits)
    blitter = wanted.map { $0.isGraphics ? standard : $0 } ?? standard
    self.wanted = wanted?.isGraphics == true ? wanted : nil
    asks = traits.synchronizes
  }

  private let asks: Bool
  private static let synchronizedUpdate = 2026
  private static let question = 31

  /// Cell size, synchronized updates, kitty graphics and at last the attributes, which every terminal answers.
  var questions: [UInt8] {
    guard asks else { return [] }
    let graphics = "\u{1B}_Gi=\(Self.question),s=1,v=1,a=q,t=d,f=24;AAAA\u{1B}\\"
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

  /// Takes what was asked for as soon as it is offered; a sentence when it is not in time.
  mutating func verdict() -> String? {
    guard let name = wanted else { return nil }
    if offered.contains(name) {
      blitter = name
    } else if Clock.now() - asked > Self.patience {
      self.wanted = nil
      return "this terminal does not say that it shows \(name.rawValue) graphics; \(blitter.rawValue) is used"
    } else {
      return nil
    }
    wanted = nil
    return nil
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
    if blitter == .sixel { return sixel.encode(picture, whole: state != .kept, into: &bytes) }
    guard state == .lost || picture != shown else { return }
    shown = picture
    kitty.encode(picture, columns: rect.width, rows: rect.height, into: &bytes)
  }
}

/// What became of the picture that a terminal shows.
enum PictureState {
  case kept
  /// Characters were written over a part of it.
  case covered
  /// Nothing that was shown can be relied on.
  case lost
}
