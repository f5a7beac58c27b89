import Synchronization
import Video

/// A part of a frame's way whose time is told to the user.
enum Stage: Int, CaseIterable, Sendable {
  case decode, preprocess, network, parse, track, draw, encode

  var name: String { "\(self)" }
}

/// Time of one stage, in milliseconds.
struct StageTiming: Sendable, Equatable {
  var name: String
  var lastMilliseconds: Double
  var medianMilliseconds: Double
  var p95Milliseconds: Double
}

/// The last times of one kind, enough for a median that follows what happens now.
struct RecentTimes: Sendable {
  private var nanoseconds: [UInt64] = []
  private var next = 0
  private static let window = 240

  mutating func append(_ time: UInt64) {
    if nanoseconds.count < Self.window {
      nanoseconds.append(time)
    } else {
      nanoseconds[next] = time
    }
    next = (next + 1) % Self.window
  }

  func timing(named name: String) -> StageTiming? {
    guard !nanoseconds.isEmpty else { return nil }
    let sorted = nanoseconds.sorted()
    let last = nanoseconds[(next + nanoseconds.count - 1) % nanoseconds.count]
    let milliseconds = { (time: UInt64) in Double(time) / 1e6 }
    return StageTiming(
      name: name, lastMilliseconds: milliseconds(last), medianMilliseconds: milliseconds(sorted[sorted.count / 2]),
      p95Milliseconds: milliseconds(sorted[(sorted.count * 95 - 1) / 100]))
  }
}

/// Events per second over the last second or so, from their times.
struct Rate: Sendable {
  private var times: [UInt64] = []

  mutating func count(at time: UInt64 = Clock.now()) {
    times.append(time)
    if times.count > 512 { times.removeFirst(256) }
  }

  /// Events per second in the 2 s before `now`, or by the last two where they are rarer; 0 when nothing happened.
  func perSecond(now: UInt64 = Clock.now()) -> Double {
    guard let last = times.last, let previous = times.dropLast().last else { return 0 }
    var horizon = now > 2_000_000_000 ? now - 2_000_000_000 : 0
    if last > previous, now < last + 2 * (last - previous) { horizon = min(horizon, previous) }
    guard let first = times.first(where: { $0 >= horizon }), last > first else { return 0 }
    let events = times.reduce(0) { $1 >= horizon ? $0 + 1 : $0 } - 1
    // An event that is overdue lowers the rate at once instead of after two seconds.
    let span = max(last - first, now - first - min(now - first, (last - first) / UInt64(max(1, events))))
    return Double(events) / (Double(span) / 1e9)
  }
}

/// What every stage reports to, from whichever thread it runs on.
final class Measurements: Sendable {
  private struct State {
    var stages = [RecentTimes](repeating: RecentTimes(), count: Stage.allCases.count)
    var latency = RecentTimes()
    var captured = Rate()
    var processed = Rate()
    var shown = Rate()
  }
  private let state = Mutex(State())

  /// Runs a stage's work and notes how long it took.
  func time<Result, Failure: Error>(_ stage: Stage, _ work: () throws(Failure) -> Result) throws(Failure) -> Result {
    let start = Clock.now()
    let result = try work()
    record(stage, Clock.now() - start)
    return result
  }

  func record(_ stage: Stage, _ nanoseconds: UInt64) {
    state.withLock { $0.stages[stage.rawValue].append(nanoseconds) }
  }

  func countCaptured() { state.withLock { $0.captured.count() } }
  func countProcessed() { state.withLock { $0.processed.count() } }

  /// A frame captured at `captured` is on the screen now.
  func countShown(captured: UInt64) {
    let now = Clock.now()
    state.withLock {
      $0.shown.count(at: now)
      $0.latency.append(now > captured ? now - captured : 0)
    }
  }

  /// The stages that ran, in the order of a frame's way.
  var stages: [StageTiming] {
    state.withLock { state in Stage.allCases.compactMap { state.stages[$0.rawValue].timing(named: $0.name) } }
  }
  var latency: StageTiming? { state.withLock { $0.latency.timing(named: "latency") } }
  var capturedRate: Double { state.withLock { $0.captured.perSecond() } }
  var processedRate: Double { state.withLock { $0.processed.perSecond() } }
  var shownRate: Double { state.withLock { $0.shown.perSecond() } }
}
