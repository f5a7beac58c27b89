import CNcurses
import Foundation
import Video

/// One line on standard error that tells how far a run is: rewritten in place on a terminal, else a new line now and then.
struct ProgressLine {
  struct State {
    var done = 0
    /// As many as the source promises, which may be an estimate.
    var total: Int?
    var rate = 0.0
    var people = 0
    var dropped = 0
    /// Capture-to-result, for live sources.
    var latencyMilliseconds: Double?
  }

  private let descriptor: Int32
  /// A terminal on which a line can be rewritten.
  private let isTerminal: Bool
  private let isUTF8 = nc_locale_is_utf8()
  private let started = Clock.now()
  private var lastShown: UInt64 = 0
  private var isLineOpen = false

  init(descriptor: Int32 = STDERR_FILENO, environment: [String: String] = ProcessInfo.processInfo.environment) {
    self.descriptor = descriptor
    isTerminal = isatty(descriptor) == 1 && environment["TERM"] != "dumb"
  }

  /// Shows the state if it is time to; ten times a second on a terminal, every five seconds elsewhere.
  mutating func update(_ state: @autoclosure () -> State) {
    let now = Clock.now()
    guard now - lastShown >= (isTerminal ? 100_000_000 : 5_000_000_000) else { return }
    lastShown = now
    show(state())
  }

  /// Prints a line of its own above the progress.
  mutating func note(_ line: String) {
    write((isLineOpen ? "\r\u{1B}[K" : "") + line.harmless + "\n")
    isLineOpen = false
  }

  /// Shows the last state and ends the line.
  /// - Parameter isComplete: the source came to its end, so that there are no more than were done.
  mutating func finish(_ state: State, isComplete: Bool = false) {
    var state = state
    if isComplete, state.total != nil { state.total = state.done }
    show(state)
    if isLineOpen { write("\n") }
    isLineOpen = false
  }

  private mutating func show(_ state: State) {
    let elapsed = Double(Clock.now() - started) / 1e9
    if isTerminal {
      var size = winsize()
      let width = ioctl(descriptor, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 ? Int(size.ws_col) : 80
      write("\r" + Self.line(state, elapsed: elapsed, width: width - 1, isUTF8: isUTF8) + "\u{1B}[K")
      isLineOpen = true
    } else {
      write(Self.line(state, elapsed: elapsed, width: 120, isUTF8: isUTF8) + "\n")
    }
  }

  private func write(_ text: String) { StandardError.write(text, to: descriptor) }

  /// The line, at most `width` characters.
  static func line(_ state: State, elapsed: Double, width: Int, isUTF8: Bool = true) -> String {
    var parts: [String] = []
    if let total = state.total, total > 0 {
      let share = min(1, Double(state.done) / Double(total))
      let bar = 20
      let filled = Int(share * Double(bar))
      let cells =
        String(repeating: isUTF8 ? "━" : "#", count: filled)
        + String(repeating: isUTF8 ? "─" : "-", count: bar - filled)
      parts.append("\(cells) \(Int(share * 100)) %")
      parts.append("frame \(state.done)/\(total)")
    } else {
      parts.append("frame \(state.done)")
    }
    // The first moments tell nothing of the rate, and a few frames that come out together no more.
    let isSettled = state.done > 0 && elapsed >= 0.5
    if isSettled {
      parts.append(String(format: "%.1f fps", state.done < 10 ? Double(state.done) / elapsed : state.rate))
    }
    if let total = state.total, isSettled, state.done < total {
      let left = elapsed / Double(state.done) * Double(total - state.done)
      parts.append("\(duration(left)) left")
    }
    if let latency = state.latencyMilliseconds { parts.append(String(format: "latency %.0f ms", latency)) }
    if state.dropped > 0 { parts.append("\(state.dropped) dropped") }
    parts.append("\(state.people) \(state.people == 1 ? "person" : "people")")
    return String(parts.joined(separator: "  ").prefix(max(0, width)))
  }

  static func duration(_ seconds: Double) -> String {
    guard seconds.isFinite, seconds < 1e7 else { return "?" }
    let whole = Int(seconds.rounded())
    let (hours, minutes) = (whole / 3600, whole / 60 % 60)
    return hours > 0
      ? String(format: "%d:%02d:%02d", hours, minutes, whole % 60) : String(format: "%d:%02d", minutes, whole % 60)
  }
}
