import Foundation
import Testing
import Video

/// The real program in a real terminal: tmux starts it, presses keys, resizes the window and reads the screen.
@Suite(.serialized, .enabled(if: Tmux.isPresent && Tmux.program != nil, "tmux or the built program is missing"))
struct TmuxTests {
  @Test func startsPausesStepsHelpsAndQuits() throws {
    let tmux = try Tmux(columns: 80, rows: 24)
    try tmux.waitFor("captured")
    #expect(tmux.screen.contains("q quit"))
    tmux.press("Space")
    try tmux.waitFor("paused")
    let frame = try #require(tmux.frame)
    tmux.press(".")
    try tmux.waitUntil("the next frame") { _ in tmux.frame.map { $0 > frame } ?? false }
    #expect(tmux.screen.contains("paused"))
    tmux.press("h")
    try tmux.waitFor("pause and go on")
    tmux.press("h")
    try tmux.waitUntil("help goes") { !$0.contains("pause and go on") }
    tmux.press("i")
    try tmux.waitUntil("the panels go") { !$0.contains("captured") }
    tmux.press("q")
    try tmux.waitFor("status=0")
    #expect(!tmux.screen.contains("q quit"), "the screen before is back")
    #expect(tmux.cursorIsVisible)
  }

  @Test func viewsPanelsAndPixelsAreSwitched() throws {
    let tmux = try Tmux(columns: 120, rows: 40, environment: "TERM=screen-256color NO_COLOR=")
    try tmux.waitFor("captured")
    for (key, word) in [("3", "heat-maps"), ("4", "fields"), ("5", "split"), ("2", "skeletons")] {
      tmux.press(key)
      try tmux.waitUntil(word) { $0.split(separator: "\n").first?.contains(word) ?? false }
    }
    tmux.press("1")
    try tmux.waitUntil("the video is back") { !($0.split(separator: "\n").first?.contains("skeletons") ?? true) }
    for (key, word) in [("S", "Stage ms"), ("P", "People"), ("L", "memory"), ("R", "captured")] {
      tmux.press(key)
      try tmux.waitUntil("\(word) goes") { !$0.contains(word) }
      tmux.press(key)
      try tmux.waitFor(word)
    }
    for kind in ["quadrant", "sextant", "braille", "ascii", "half"] {
      tmux.press("m")
      try tmux.waitFor("pixels: \(kind)")
    }
    tmux.press("+")
    try tmux.waitFor("people from a score of 0.40")
    tmux.press("q")
    try tmux.waitFor("status=0")
  }

  @Test func recordsAndSaves() throws {
    let folder = try Folder()
    let tmux = try Tmux(columns: 170, rows: 40, folder: folder)
    try tmux.waitUntil("a frame") { _ in tmux.frame ?? 0 > 0 }
    tmux.press("s")
    try tmux.waitFor("saved")
    tmux.press("r")
    try tmux.waitFor("recording 0:01")
    tmux.press("r")
    try tmux.waitFor("recorded")
    // A recording that is running when the user quits is closed too.
    tmux.press("r")
    try tmux.waitFor("recording 0:01")
    tmux.press("q")
    try tmux.waitFor("status=0")
    let names = try folder.contents()
    let videos = names.filter { $0.hasSuffix(".mp4") }
    #expect(videos.count == 2 && names.count == 4)
    for name in videos + names.filter({ $0.hasSuffix(".png") }) {
      let source = try openSource(folder.path(name))
      #expect(try source.next() != nil, "\(name)")
    }
    let lines = try folder.text(#require(names.first { $0.hasSuffix(".jsonl") })).split(separator: "\n")
    #expect(lines.count == 2)
    for line in lines { #expect((try? JSONSerialization.jsonObject(with: Data(line.utf8))) != nil) }
  }

  @Test func goesThroughAFile() throws {
    let folder = try Folder()
    let scene = try Program.run("posecam scene demo:size=320x180,seconds=30 -o a.mp4 --truth t.jsonl", in: folder)
    try #require(scene.status == 0, "\(scene.errors)")
    let tmux = try Tmux(columns: 100, rows: 30, command: "--video a.mp4", folder: folder)
    try tmux.waitFor("captured")
    tmux.press("Space")
    try tmux.waitFor("paused")
    func expectFrame(after key: String, _ change: (Int) -> Int) throws {
      let frame = try #require(tmux.frame)
      tmux.press(key)
      try tmux.waitUntil("\(key) from frame \(frame)") { _ in tmux.frame == change(frame) }
    }
    try expectFrame(after: "Right") { $0 + 150 }
    try expectFrame(after: "Right") { $0 + 150 }
    try expectFrame(after: "Left") { $0 - 150 }
    try expectFrame(after: ".") { $0 + 1 }
    try expectFrame(after: ",") { $0 - 1 }
    try expectFrame(after: ",") { $0 - 1 }
    try expectFrame(after: "Home") { _ in 0 }
    // A click in the middle of the bar.
    let row = try #require(
      tmux.screen.split(separator: "\n", omittingEmptySubsequences: false).lastIndex { $0.contains("0:30.0") })
    tmux.sendBytes("\u{1B}[<0;45;\(row + 1)M")
    try tmux.waitUntil("the middle") { _ in tmux.frame.map { (350...550).contains($0) } ?? false }
    tmux.press("q")
    try tmux.waitFor("status=0")
  }

  @Test func severalVideosAreSeenAtOnce() throws {
    let tmux = try Tmux(columns: 120, rows: 40, command: "--video demo --video demo:seed=2,people=2")
    try tmux.waitFor("demo:seed=2,people=2 ·")
    try tmux.waitUntil("both are shown") { !$0.contains("waiting for the first frame") }
    #expect(tmux.screen.split(separator: "\n").first?.contains(" posecam demo ") ?? false)
    tmux.press("n")
    try tmux.waitUntil("the other one") { $0.split(separator: "\n").first?.contains("demo:seed=2") ?? false }
    tmux.press("Space")
    try tmux.waitFor("paused")
    tmux.press("q")
    try tmux.waitFor("status=0")
  }

  @Test func oneThatCannotBeOpenedLeavesTheOthers() throws {
    let tmux = try Tmux(columns: 120, rows: 40, command: "--video missing.mp4 --video demo --video demo:seed=2")
    try tmux.waitFor("missing.mp4: no such file")
    try tmux.waitUntil("both are shown") { $0.contains("demo:seed=2 ·") && !$0.contains("waiting for the first frame") }
    tmux.press("q")
    try tmux.waitFor("status=1")
    #expect(tmux.screen.contains("Error: missing.mp4: no such file"))
  }

  @Test func followsTheWindow() throws {
    let tmux = try Tmux(columns: 100, rows: 30)
    try tmux.waitFor("captured")
    tmux.resize(columns: 30, rows: 8)
    try tmux.waitFor("too small")
    tmux.resize(columns: 120, rows: 45)
    try tmux.waitFor("captured")
    tmux.press("Space")
    try tmux.waitFor("paused")
    tmux.resize(columns: 90, rows: 28)
    try tmux.waitUntil("the paused screen is redrawn") { $0.contains("paused") && $0.contains("q quit") }
    tmux.press("C-c")
    try tmux.waitFor("status=0")
  }

  @Test func stopsAndComesBack() throws {
    let tmux = try Tmux(columns: 80, rows: 24)
    try tmux.waitFor("captured")
    tmux.press("C-z")
    try tmux.waitFor("Stopped")
    #expect(tmux.cursorIsVisible && !tmux.screen.contains("captured"))
    tmux.type("fg")
    try tmux.waitFor("captured")
    tmux.press("q")
    try tmux.waitUntil("the program ends") { !$0.contains("captured") }
  }

  /// Whatever ends it, the terminal is as before and the shell sees the true status.
  @Test(arguments: [SIGINT, SIGTERM, SIGHUP, SIGSEGV, SIGABRT, SIGBUS])
  func isRestoredAfter(signal: Int32) throws {
    let tmux = try Tmux(columns: 80, rows: 24)
    try tmux.waitFor("captured")
    try tmux.signal(signal)
    if signal == SIGINT {
      // The shell stops its line with the program, so its status is asked for anew.
      try tmux.waitUntil("the program ends") { !$0.contains("captured") }
      tmux.type("echo stat''us=$?")
    }
    let statuses = signal == SIGINT ? ["status=130"] : ["status=\(128 + signal)", "status=130"]
    try tmux.waitUntil("the shell is back") { screen in statuses.contains { screen.contains($0) } }
    #expect(tmux.cursorIsVisible && !tmux.screen.contains("captured"))
    tmux.type("echo ec''ho")
    try tmux.waitFor("\necho")
  }

  @Test(arguments: ["xterm-256color", "xterm", "linux", "screen", "vt100"])
  func drawsOn(terminal: String) throws {
    let tmux = try Tmux(columns: 80, rows: 24, environment: "TERM=\(terminal)")
    try tmux.waitFor("captured")
    tmux.press("q")
    try tmux.waitFor("status=0")
  }

  @Test func refusesATerminalThatCannotPlaceTheCursor() throws {
    let tmux = try Tmux(columns: 100, rows: 24, environment: "TERM=nonsense", options: "--frames 1")
    try tmux.waitUntil("a sentence") { $0.contains("TERM=nonsense") || $0.contains("status=") }
    #expect(tmux.screen.contains("status="))
  }
}

/// One tmux server with one window, in which a shell runs the program and then prints its status.
final class Tmux {
  static let path = ["/usr/bin/tmux", "/usr/local/bin/tmux", "/opt/homebrew/bin/tmux"]
    .first { FileManager.default.isExecutableFile(atPath: $0) }
  static let isPresent = path != nil

  static let program = Program.path

  private let name = "posecam-\(UUID().uuidString)"

  init(
    columns: Int, rows: Int, environment: String = "TERM=screen-256color", command: String = "--video demo",
    options: String = "", folder: Folder? = nil
  ) throws {
    let shell = "env PS1='$ ' LC_ALL=C.UTF-8 \(environment) bash --norc --noprofile -i"
    run(["new-session", "-d", "-x", "\(columns)", "-y", "\(rows)", shell])
    try waitFor("$")
    if let folder { type("cd '\(folder.path(""))'; clear") }
    type("'\(try #require(Self.program))' \(command) \(options); echo stat''us=$?")
  }

  deinit { run(["kill-server"]) }

  /// The characters shown; the last screenful once it ended.
  var screen: String { run(["capture-pane", "-p"]) }

  var cursorIsVisible: Bool { run(["display-message", "-p", "#{cursor_flag}"]).hasPrefix("1") }

  /// The number after "frame".
  var frame: Int? { screen.firstMatch(of: #/frame (\d+)/#).flatMap { Int($0.1) } }

  func press(_ key: String) { run(["send-keys", key]) }

  func type(_ line: String) {
    run(["send-keys", "-l", line])
    run(["send-keys", "Enter"])
  }

  /// What the terminal would send.
  func sendBytes(_ text: String) { run(["send-keys", "-H"] + text.utf8.map { String($0, radix: 16) }) }

  func resize(columns: Int, rows: Int) { run(["resize-window", "-x", "\(columns)", "-y", "\(rows)"]) }

  /// Sends a signal to the program, the only child of the window's shell.
  func signal(_ number: Int32) throws {
    let shell = run(["display-message", "-p", "#{pane_pid}"]).trimmingCharacters(in: .whitespacesAndNewlines)
    let children = try String(contentsOfFile: "/proc/\(shell)/task/\(shell)/children", encoding: .utf8)
    kill(try #require(children.split(separator: " ").first.flatMap { pid_t($0) }), number)
  }

  func waitFor(_ text: String, at location: SourceLocation = #_sourceLocation) throws {
    try waitUntil("“\(text)”", at: location) { $0.contains(text) }
  }

  /// Polls the screen; far more time than it takes, so that only a true failure ends it.
  func waitUntil(
    _ what: String, at location: SourceLocation = #_sourceLocation, _ condition: (String) -> Bool
  ) throws {
    for _ in 0..<400 {
      if condition(screen) { return }
      usleep(50_000)
    }
    Issue.record("waited for \(what), saw:\n\(screen)", sourceLocation: location)
    throw PatienceLost()
  }

  private struct PatienceLost: Error {}

  @discardableResult
  private func run(_ arguments: [String]) -> String {
    // Foundation's Process waits for every heir of its descriptors, tmux's server among them; a shell does not.
    let words = [Self.path ?? "tmux", "-L", name, "-f", "/dev/null"] + arguments
    let line = words.map { "'" + $0.replacing("'", with: "'\\''") + "'" }.joined(separator: " ")
    guard let pipe = popen(line + " 2>/dev/null", "r") else { return "" }
    defer { pclose(pipe) }
    var (output, buffer) = ([UInt8](), [UInt8](repeating: 0, count: 4096))
    while case let count = fread(&buffer, 1, buffer.count, pipe), count > 0 { output += buffer[..<count] }
    return String(decoding: output, as: UTF8.self)
  }
}
