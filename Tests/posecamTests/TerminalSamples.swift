import Foundation
import Testing
import Tracker
import Video

@testable import posecam

/// Views and kept screens for the tests of the terminal.
enum TerminalSamples {
  static func traits(_ colors: ColorLevel = .direct, _ glyphs: GlyphSet = .full) -> TerminalTraits {
    var traits = TerminalTraits(
      choice: .direct, environment: ["TERM": "xterm"], isUTF8: true, terminfoColors: 256, terminfoDirect: false)
    (traits.colors, traits.glyphs) = (colors, glyphs)
    return traits
  }

  /// A standing person at (x, y), `height` pixels high.
  static func person(_ id: Int, x: Float, y: Float, height: Float) -> Person {
    let shape: [(Float, Float)] = [
      (0, 0.05), (0, 0.2), (-0.12, 0.2), (-0.18, 0.35), (-0.2, 0.5), (0.12, 0.2), (0.18, 0.35), (0.2, 0.5),
      (-0.08, 0.5), (-0.08, 0.75), (-0.08, 1), (0.08, 0.5), (0.08, 0.75), (0.08, 1), (-0.03, 0.02), (0.03, 0.02),
      (-0.06, 0.04), (0.06, 0.04),
    ]
    let keypoints = shape.map { Keypoint(x: x + $0.0 * height, y: y + $0.1 * height, score: 0.9) }
    return Person(id: id, pose: Pose(keypoints: keypoints, totalScore: 28))
  }

  /// Two people before a gradient, moved by `shift` levels of noise that repeats exactly.
  static func view(_ layout: ScreenLayout, noise: Int = 0, seed: Int = 0) -> LiveView {
    var view = LiveView()
    var picture = Bitmap(width: layout.picture.width, height: 2 * layout.picture.height)
    var state = UInt32(truncatingIfNeeded: seed &* 7919 &+ 1)
    for index in picture.pixels.indices {
      state = state &* 1_664_525 &+ 1_013_904_223
      let jitter = noise == 0 ? 0 : Int(state >> 16) % (2 * noise + 1) - noise
      let (x, y) = (index / 3 % max(1, picture.width), index / 3 / max(1, picture.width))
      picture.pixels[index] = UInt8(clamping: 60 + (x * 5 + y * 3 + index % 3 * 30) % 130 + jitter)
    }
    view.picture = picture
    (view.frameWidth, view.frameHeight) = (640, 480)
    view.people = [person(1, x: 200, y: 100, height: 300), person(12, x: 430, y: 140, height: 300)]
    (view.source, view.model, view.format) = ("walk.mp4", "student", "h264")
    view.stages = ["decode", "preprocess", "network", "parse", "track", "draw"].enumerated().map { index, name in
      let median = index == 2 ? 28.4 : 0.31 * Double(index + 1)
      return StageTiming(
        name: name, lastMilliseconds: median * 1.1, medianMilliseconds: median, p95Milliseconds: median * 1.5)
    }
    (view.capturedRate, view.processedRate, view.shownRate) = (30, 29.97, 28.5)
    (view.frameIndex, view.time, view.duration) = (345, 11.5, 92.5)
    view.engine = "256 int8"
    view.canSeek = true
    view.events = [
      LiveView.Event(time: 3, text: "audio is not played"),
      LiveView.Event(time: 64, text: "12 corrupt packets were skipped"),
    ]
    view.sightings = [1: Sighting(seconds: 11.5, speed: 4.2), 12: Sighting(seconds: 3, speed: 131)]
    for step in 0..<60 {
      view.history.append(captured: 30, processed: 30 - Double(step % 7), shown: 28, latency: nil)
    }
    view.load = SystemLoad(cores: [0.35, 0.92], process: 1.2, memory: 143_000_000, peakMemory: 151_000_000)
    view.queues = [
      QueueDepth(name: "network", depth: 1, capacity: 2), QueueDepth(name: "screen", depth: 0, capacity: 2),
    ]
    return view
  }

  static func grid(_ columns: Int, _ rows: Int, _ traits: TerminalTraits = traits(), help: Bool = false) -> CellGrid {
    let layout = ScreenLayout(columns: columns, rows: rows, frameWidth: 640, frameHeight: 480)
    var grid = CellGrid(width: columns, height: rows)
    Composer(traits).draw(view(layout), layout: layout, showsHelp: help, skipped: 0, into: &grid)
    return grid
  }

  /// Compares with `Snapshots/<name>.txt`; `POSECAM_RECORD=1` writes it anew, to be read before it is committed.
  static func expect(_ text: String, matches name: String, at location: SourceLocation = #_sourceLocation) throws {
    let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Snapshots/\(name).txt")
    if ProcessInfo.processInfo.environment["POSECAM_RECORD"] == "1" {
      try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
      try (text + "\n").write(to: file, atomically: true, encoding: .utf8)
    }
    let kept = try String(contentsOf: file, encoding: .utf8)
    #expect(text + "\n" == kept, "\(name): set POSECAM_RECORD=1 to keep the new screen", sourceLocation: location)
  }
}

/// The least of a terminal: obeys the codes that `FrameEncoder` sends and refuses all others.
struct TinyTerminal {
  private(set) var grid: CellGrid
  private var x = 0
  private var y = 0
  private var ink = Color.standard
  private var paper = Color.standard
  private(set) var unknown: [String] = []

  init(columns: Int, rows: Int) { grid = CellGrid(width: columns, height: rows) }

  mutating func obey(_ bytes: [UInt8]) {
    var scalars = String(decoding: bytes, as: UTF8.self).unicodeScalars[...]
    while let scalar = scalars.popFirst() {
      guard scalar == "\u{1B}" else {
        grid[x, y] = Cell(scalar: scalar.value, ink: ink, paper: paper)
        x += 1
        continue
      }
      var code = ""
      while let next = scalars.popFirst() {
        code.unicodeScalars.append(next)
        if next.properties.isAlphabetic { break }
      }
      control(code)
    }
  }

  private mutating func control(_ code: String) {
    let numbers = code.dropFirst().dropLast().split(separator: ";").map { Int($0) ?? -1 }
    switch code.last {
    case "H" where numbers.count == 2: (x, y) = (numbers[1] - 1, numbers[0] - 1)
    case "C": x += numbers.first ?? 1
    case "m": attributes(numbers[...])
    case "h" where code == "[?2026h", "l" where code == "[?2026l": break
    default: unknown.append(code)
    }
  }

  private mutating func attributes(_ list: ArraySlice<Int>) {
    var list = list
    while let code = list.popFirst() {
      switch code {
      case 0: (ink, paper) = (.standard, .standard)
      case 1, 2, 7: break
      case 38, 48:
        let rgb = list.prefix(4).dropFirst().map { UInt8(clamping: $0) }
        guard list.first == 2, rgb.count == 3 else { return unknown.append("\(code)") }
        list = list.dropFirst(4)
        if code == 38 { ink = Color(rgb[0], rgb[1], rgb[2]) } else { paper = Color(rgb[0], rgb[1], rgb[2]) }
      case 39: ink = .standard
      case 49: paper = .standard
      default: unknown.append("\(code)m")
      }
    }
  }
}
