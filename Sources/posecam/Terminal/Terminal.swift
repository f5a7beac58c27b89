import CNcurses
import CTerminal
import Foundation
import Glibc
import Video

/// The terminal itself: its modes, its size, what it says and the way bytes get there.
///
/// **Who does what.** ncurses knows the terminal (terminfo), sets its modes and enters the full screen. It does not read,
/// since answers of the terminal come between keys (`InputParser`), and it does not paint: curses has to believe that it
/// alone moves the cursor and sets colours, so letting it paint panels beside a picture sent past it needs two writes per
/// frame and a guess about what the other one left; and its colour pairs (65,536 at best, 64 on many terminals) can not hold a picture of half blocks, whose pairs of 24-bit
/// colours are new in every frame. So one `FrameEncoder` paints everything, in one write per frame, in the codes of
/// ECMA-48; terminfo is asked whether the terminal speaks them (`cup`), and one that does not is refused with a sentence.
/// That holds for xterm and its kin, the Linux console, tmux, screen and a VT100 alike, near or over SSH.
///
/// **Never blocking.** Bytes go to a descriptor of our own on the same terminal, opened non-blocking; the one of the shell
/// is left as it is, since blocking or not belongs to the open file, which other programs share. What the terminal does
/// not take waits in `pending`.
///
/// **Always restored.** `CTerminal` sends the way out at `close`, `exit`, a deadly signal, a crash or a stop.
final class Terminal {
  private let curses: nc_terminal
  private let input: Int32
  private let output: Int32
  private var parser = InputParser()
  private var inputs: [Input] = []
  /// When the terminal was asked something that it has not answered yet.
  private var asked: UInt64?
  /// When the last byte came.
  private var heard: UInt64 = 0
  private var isOpen = true
  private var pending: [UInt8] = []
  private var sent = 0
  let waker: Waker

  /// Colours that terminfo names, and whether it says that colours are RGB.
  let terminfoColors: Int
  let terminfoDirect: Bool
  let isUTF8: Bool

  /// Enters the full screen. Refused when standard output is no terminal or `$TERM` no full-screen terminal we know.
  init(environment: [String: String]) throws(PosecamError) {
    guard isatty(STDOUT_FILENO) == 1 else {
      throw PosecamError("standard output is no terminal, so there is no screen to draw on")
    }
    setlocale(LC_CTYPE, "")
    isUTF8 = nc_locale_is_utf8()
    let term = environment["TERM"] ?? ""
    let unknown = PosecamError(
      "the terminal type TERM=\(term.isEmpty ? "(unset)" : term) is not known here: "
        + "set TERM to a type that `infocmp` knows, such as xterm-256color")
    var status: Int32 = 0
    guard !term.isEmpty, setupterm(nil, STDOUT_FILENO, &status) == OK else { throw unknown }
    guard let cup = nc_terminfo_string("cup").flatMap({ nc_terminfo_expand($0, 4, 9) }),
      String(cString: cup).hasPrefix("\u{1B}[5;10H")
    else {
      throw PosecamError(
        "the terminal type TERM=\(term) cannot place the cursor by ANSI codes: use another terminal, "
          + "or send standard output to a file or pipe to run without the screen")
    }
    terminfoColors = Int(nc_terminfo_number("colors"))
    terminfoDirect = nc_terminfo_flag("RGB") || nc_terminfo_flag("Tc")

    let own = Self.openAgain(O_WRONLY | O_NONBLOCK)
    output = own >= 0 ? own : dup(STDOUT_FILENO)
    let leave = Self.leaving
    let enter = Self.entering
    guard ct_guard_arm(output, leave, leave.count, enter, enter.count) else {
      throw PosecamError("the terminal's modes cannot be read: \(String(cString: strerror(errno)))")
    }
    // Where standard input is a pipe (a video, perhaps), keys come from the terminal that is written to.
    let inputCopy = isatty(STDIN_FILENO) == 1 ? dup(STDIN_FILENO) : Self.openAgain(O_RDONLY)
    let outputCopy = dup(STDOUT_FILENO)
    guard inputCopy >= 0, outputCopy >= 0, case let curses = nc_open(inputCopy, outputCopy), curses.screen != nil else {
      ct_guard_leave()
      ct_guard_disarm()
      throw unknown
    }
    self.curses = curses
    input = inputCopy
    waker = Waker()
    raw()
    noecho()
    nonl()
    curs_set(0)
    refresh()
    ct_guard_entered()
    enqueue(Array((Self.capability("smkx") + Self.modes).utf8))
  }

  /// What the live screen would use on this terminal, for people, without entering it.
  static func describe(environment: [String: String]) -> String {
    guard let traits = traits(.auto, environment: environment) else { return "unknown type, no screen" }
    return "colours: \(traits.colors), characters: \(traits.glyphs)"
  }

  /// What the terminal on standard output can do, without entering it; `nil` where its type is not known.
  static func traits(_ choice: ColorChoice, environment: [String: String]) -> TerminalTraits? {
    setlocale(LC_CTYPE, "")
    let term = environment["TERM"] ?? ""
    var status: Int32 = 0
    guard !term.isEmpty, setupterm(nil, STDOUT_FILENO, &status) == OK else { return nil }
    return TerminalTraits(
      choice: choice, environment: environment, isUTF8: nc_locale_is_utf8(),
      terminfoColors: Int(nc_terminfo_number("colors")),
      terminfoDirect: nc_terminfo_flag("RGB") || nc_terminfo_flag("Tc"))
  }

  deinit { close() }

  /// Asks the terminal something that it answers at last with its attributes.
  func ask(_ questions: [UInt8]) {
    guard !questions.isEmpty else { return }
    asked = Clock.now()
    ct_guard_expect_answer(true)
    enqueue(questions)
  }

  /// An answer that comes after the end would be keys for a shell, so it is waited for a little.
  private func awaitAnswer() {
    while let asked, ct_guard_is_entered(), Clock.now() - asked < 1_000_000_000 {
      switch wait(milliseconds: 50) {
      case .input, .nothing: break
      case .hangUp: return
      }
    }
  }

  private func hear(_ input: Input) {
    guard case .reply(.attributes) = input else { return }
    asked = nil
    ct_guard_expect_answer(false)
  }

  /// Gives the terminal back; the object is of no use afterwards.
  func close() {
    guard isOpen else { return }
    isOpen = false
    awaitAnswer()
    ct_guard_leave()
    ct_guard_disarm()
    nc_close(curses)
    Glibc.close(output)
  }

  /// Size of the window.
  struct Size {
    var columns = 80
    var rows = 24
    /// Pixels of a cell, where the terminal tells.
    var cell: (width: Int, height: Int)?
    /// Height of a cell by its width.
    var cellAspect = 2.0
  }

  func measure() -> Size {
    var size = winsize()
    guard ioctl(output, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0, size.ws_row > 0 else { return Size() }
    let (columns, rows) = (Int(size.ws_col), Int(size.ws_row))
    let cell = (width: Int(size.ws_xpixel) / columns, height: Int(size.ws_ypixel) / rows)
    guard (3...100).contains(cell.width), (5...200).contains(cell.height) else {
      return Size(columns: columns, rows: rows)
    }
    let aspect = Double(size.ws_ypixel) / Double(rows) / (Double(size.ws_xpixel) / Double(columns))
    return Size(
      columns: columns, rows: rows, cell: cell, cellAspect: aspect > 1.2 && aspect < 3.5 ? aspect : 2)
  }

  /// True while bytes wait that the terminal has not taken.
  var isBusy: Bool { sent < pending.count }

  /// True once after the process was stopped and continued.
  func takeContinued() -> Bool { ct_guard_take_continued() }

  /// Stops the process group as Ctrl-Z does; returns when it goes on.
  func suspend() { kill(0, SIGTSTP) }

  /// Sends as much as the terminal takes at once and keeps the rest for `drain`.
  func enqueue(_ bytes: [UInt8]) {
    pending.append(contentsOf: bytes)
    drain(patience: 4)
  }

  /// Goes on sending; a terminal that is just busy reading is waited for up to `patience` milliseconds.
  func drain(patience: Int32 = 0) {
    var patience = patience
    while isBusy, ct_guard_is_entered() {
      let count = pending.withUnsafeBytes { bytes in
        write(output, bytes.baseAddress?.advanced(by: sent), bytes.count - sent)
      }
      if count > 0 {
        sent += count
      } else if count < 0, errno == EAGAIN, patience > 0 {
        var wait = pollfd(fd: output, events: Int16(POLLOUT), revents: 0)
        _ = Glibc.poll(&wait, 1, 1)
        patience -= 1
      } else if count < 0, errno == EINTR {
        continue
      } else {
        if count < 0, errno != EAGAIN { sent = pending.count }
        break
      }
    }
    if !isBusy {
      pending.removeAll(keepingCapacity: true)
      sent = 0
    }
  }

  /// What ended a wait.
  enum Event: Equatable {
    case input(Input)
    /// Woken, timed out or interrupted.
    case nothing
    /// The terminal is gone.
    case hangUp
  }

  /// Waits for an input, a wake-up or the deadline, sending what is pending meanwhile.
  func wait(milliseconds: Int) -> Event {
    if let input = nextInput() { return .input(input) }
    var patience = max(0, milliseconds)
    if parser.isWaiting { patience = min(patience, InputParser.patience) }
    var watched = [
      pollfd(fd: input, events: Int16(POLLIN), revents: 0),
      pollfd(fd: waker.descriptor, events: Int16(POLLIN), revents: 0),
      pollfd(fd: isBusy ? output : -1, events: Int16(POLLOUT), revents: 0),
    ]
    _ = Glibc.poll(&watched, nfds_t(watched.count), Int32(clamping: patience))
    if watched[1].revents != 0 { waker.clear() }
    if isBusy { drain() }
    let state = Int32(watched[0].revents)
    if state & POLLIN != 0 {
      var bytes = [UInt8](repeating: 0, count: 1024)
      let count = read(input, &bytes, bytes.count)
      if count == 0 { return .hangUp }
      if count > 0 {
        heard = Clock.now()
        inputs += parser.feed(bytes[..<count])
      }
    } else if parser.isWaiting, Clock.now() - heard > UInt64(InputParser.patience) * 1_000_000,
      let input = parser.expire()
    {
      inputs.append(input)
    }
    if let input = nextInput() { return .input(input) }
    return state & (POLLHUP | POLLERR | POLLNVAL) != 0 ? .hangUp : .nothing
  }

  private func nextInput() -> Input? {
    guard !inputs.isEmpty else { return nil }
    let input = inputs.removeFirst()
    hear(input)
    return input
  }

  private static func openAgain(_ flags: Int32) -> Int32 {
    guard let name = ttyname(STDOUT_FILENO) else { return -1 }
    return open(name, flags | O_NOCTTY | O_CLOEXEC)
  }

  private static func capability(_ name: String) -> String {
    guard let value = nc_terminfo_string(name) else { return "" }
    // Delays such as `$<5>` are for terminals of another age.
    return String(cString: value).replacing(#/\$<[^>]*>/#, with: "")
  }

  /// No wrapping at the last column; the mouse's buttons, in a form for windows of any size.
  private static let modes = "\u{1B}[?7l\u{1B}[?1000h\u{1B}[?1006h"

  /// Ends a string or code cut in half, a synchronized update and colours; gives back mouse, line wrap, keys, cursor and
  /// screen.
  private static var leaving: [UInt8] {
    let screen = capability("rmcup")
    return Array(
      ("\u{1B}\\\u{1B}[?2026l\u{1B}[0m\u{1B}[?1006l\u{1B}[?1000l\u{1B}[?7h" + capability("rmkx") + capability("cnorm")
        + (screen.isEmpty ? "\u{1B}[2J\u{1B}[H" : screen)).utf8)
  }

  private static var entering: [UInt8] {
    Array((capability("smcup") + capability("smkx") + capability("civis") + modes).utf8)
  }
}

/// Ends a screen's wait from any thread, because there is something new to show.
final class Waker: Sendable {
  /// Readable while there is.
  let descriptor: Int32
  private let end: Int32

  fileprivate init() {
    var ends: [Int32] = [-1, -1]
    _ = pipe(&ends)
    for end in ends {
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
    }
    (descriptor, end) = (ends[0], ends[1])
  }

  deinit {
    Glibc.close(descriptor)
    Glibc.close(end)
  }

  func wake() { _ = write(end, [1], 1) }

  fileprivate func clear() {
    var bytes = [UInt8](repeating: 0, count: 64)
    while read(descriptor, &bytes, bytes.count) == bytes.count {}
  }
}
