import CNcurses

/// What a user asks for by a key.
enum Command: Sendable, Equatable {
  case quit, pause, step
  /// `Screen.pictureSize` changed: the window has another size, or the panels came or went.
  case resize
}

/// What a key means; help and repainting stay within the screen.
enum KeyMeaning: Equatable {
  case command(Command)
  case help, closeHelp, panels, repaint, suspend

  /// `key` is a character, or a key code of ncurses where `isCode`. Escape does not quit: over a slow line the first byte
  /// of an arrow key can arrive alone.
  init?(key: UInt32, isCode: Bool) {
    if isCode { return nil }
    switch Unicode.Scalar(key) {
    case "q", "Q", "\u{3}": self = .command(.quit)
    case " ": self = .command(.pause)
    case ".": self = .command(.step)
    case "h", "H", "?": self = .help
    case "i", "I": self = .panels
    case "\u{1B}": self = .closeHelp
    case "\u{C}": self = .repaint
    case "\u{1A}": self = .suspend
    default: return nil
    }
  }
}
