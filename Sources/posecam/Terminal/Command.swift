/// What the picture shows.
enum ViewMode: Int, CaseIterable, Sendable {
  case video = 1
  case skeletons, heatmaps, fields, split

  var name: String {
    switch self {
    case .video: "video"
    case .skeletons: "skeletons"
    case .heatmaps: "heat-maps"
    case .fields: "fields"
    case .split: "split"
    }
  }

  /// Whether the network's maps are needed for it.
  var showsMaps: Bool { self == .heatmaps || self == .fields }
}

/// What a user asks for by a key or the mouse.
enum Command: Sendable, Equatable {
  case quit, pause, step, stepBack
  /// Seconds forward, or back where negative.
  case seek(Double)
  /// To this share of the whole, 0...1.
  case seekTo(Double)
  case view(ViewMode)
  case record, save
  /// Steps up or down.
  case score(Int)
  case networkSize(Int)
  case precision
  /// The person with this identity, or nobody.
  case select(Int?)
  case selectNext
  /// The video with this number, among several, or the next one.
  case focus(Int), focusNext
  /// `Screen.pictureSize` changed: the window has another size, or the panels came or went.
  case resize
}

/// What a key means; help, panels and repainting stay within the screen.
enum KeyMeaning: Equatable {
  case command(Command)
  case help, escape, panels, repaint, suspend, pixels
  case panel(ScreenLayout.Panel)

  init?(_ input: Input) {
    switch input {
    case .character(let character): self.init(character)
    case .key(let key):
      switch key {
      case .left: self = .command(.seek(-5))
      case .right: self = .command(.seek(5))
      case .down: self = .command(.seek(-60))
      case .up: self = .command(.seek(60))
      case .pageDown: self = .command(.seek(-600))
      case .pageUp: self = .command(.seek(600))
      case .home: self = .command(.seekTo(0))
      case .escape: self = .escape
      case .end, .backTab: return nil
      }
    case .mouse, .reply: return nil
    }
  }

  /// Capitals switch the panel that begins with the letter. Escape does not quit: over a slow line the first byte of an
  /// arrow key can arrive alone.
  private init?(_ character: Unicode.Scalar) {
    switch character {
    case "q", "Q", "\u{3}": self = .command(.quit)
    case " ": self = .command(.pause)
    case ".": self = .command(.step)
    case ",": self = .command(.stepBack)
    case "1"..."5": self = .command(.view(ViewMode(rawValue: Int(character.value) - 0x30) ?? .video))
    case "r": self = .command(.record)
    case "s": self = .command(.save)
    case "+", "=": self = .command(.score(1))
    case "-", "_": self = .command(.score(-1))
    case "]": self = .command(.networkSize(1))
    case "[": self = .command(.networkSize(-1))
    case "p": self = .command(.precision)
    case "\t": self = .command(.selectNext)
    case "n": self = .command(.focusNext)
    case "h", "H", "?": self = .help
    case "i", "I": self = .panels
    case "m", "M": self = .pixels
    case "\u{C}": self = .repaint
    case "\u{1A}": self = .suspend
    default:
      guard let panel = ScreenLayout.Panel.allCases.first(where: { $0.key == character }) else { return nil }
      self = .panel(panel)
    }
  }
}
