/// The characters a terminal can be trusted with.
enum GlyphSet: Sendable, Equatable {
  /// Unicode with rounded corners.
  case full
  /// Unicode as far as the font of the Linux console goes: code page 437.
  case console
  /// Nothing but ASCII: the locale is not UTF-8, or the terminal is older than it.
  case ascii
}

/// `--colors`: how many to use; `auto` asks the environment and terminfo.
enum ColorChoice: String, CaseIterable, Sendable {
  case auto
  case direct = "24bit"
  case indexed = "256"
  case ansi = "16"
  case mono
}

/// What one terminal can do, decided once at the start from what can be known without asking it: a question answered
/// late over a slow line would be read as keys.
struct TerminalTraits: Sendable, Equatable {
  var colors: ColorLevel
  var glyphs: GlyphSet
  /// Frames are bracketed by the synchronized update mode (DEC private mode 2026), which terminals that lack it skip
  /// like any private mode they do not know; only the oldest kinds are spared it.
  var synchronizes: Bool

  /// Explicit choice, then `NO_COLOR`, then `COLORTERM`, then terminfo.
  init(
    choice: ColorChoice, environment: [String: String], isUTF8: Bool, terminfoColors: Int, terminfoDirect: Bool
  ) {
    let term = environment["TERM"] ?? ""
    let isConsole = term == "linux" || term.hasPrefix("linux-")
    let isAncient = term.hasPrefix("vt1") || term.hasPrefix("vt2") || term == "ansi"
    glyphs = !isUTF8 || isAncient ? .ascii : isConsole ? .console : .full
    synchronizes = !isConsole && !isAncient
    colors =
      switch choice {
      case .direct: .direct
      case .indexed: .indexed
      case .ansi: .ansi16
      case .mono: .mono
      case .auto: Self.detect(environment, term: term, count: terminfoColors, direct: terminfoDirect)
      }
  }

  private static func detect(
    _ environment: [String: String], term: String, count: Int, direct: Bool
  ) -> ColorLevel {
    if let refusal = environment["NO_COLOR"], !refusal.isEmpty { return .mono }
    if count < 8 { return .mono }
    if direct || term.hasSuffix("-direct") { return .direct }
    // GNU screen inherits its parent's COLORTERM without showing that many colours.
    let isScreen = environment["STY"] != nil && environment["TMUX"] == nil
    if !isScreen, let claim = environment["COLORTERM"], claim == "truecolor" || claim == "24bit" { return .direct }
    return count >= 256 ? .indexed : count >= 16 ? .ansi16 : .ansi8
  }
}
