import ArgumentParser
import Foundation
import Infer
import Tracker

extension Preset: ExpressibleByArgument {}

extension PictureTiles: ExpressibleByArgument {
  /// "2x2": columns x rows.
  public init?(argument: String) {
    let numbers = argument.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
    guard numbers.count == 2, numbers.allSatisfy({ (1...8).contains($0) }), numbers != [1, 1] else { return nil }
    self.init(columns: numbers[0], rows: numbers[1])
  }
}

/// How closely frames are looked at.
struct LookOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Choose size, precision, threads and streams by what this machine can do, measured at the first run: fast for 30 frames "
        + "per second, balanced for 15, accurate for the largest useful size. Options that say otherwise win.",
      valueName: Preset.allCases.map(\.rawValue).joined(separator: "|")))
  var preset: Preset?

  @Flag(help: "Follow only the most prominent person, looking closely at where they were in the frame before.")
  var single = false

  @Option(
    help: ArgumentHelp(
      "Find people far away: look at so many overlapping parts of the frame too, columns x rows up to 8x8, each at the "
        + "network's full size; each takes as long as the whole frame.", valueName: "2x2"))
  var tiles: PictureTiles?

  func validate() throws {
    if single, tiles != nil {
      throw ValidationError("--single looks at one place and --tiles at many: give one of them.")
    }
  }

  /// Refuses what other options rule out.
  func check(_ engine: EngineOptions, _ following: FollowOptions) throws {
    if following.compat, single || tiles != nil {
      throw ValidationError("--compat does what the reference does, which knows neither --single nor --tiles.")
    }
    if single, engine.streams ?? 1 > 1 {
      throw ValidationError("--single looks where the person was in the frame before: --streams can only be 1.")
    }
  }

  /// The options with what the preset chooses for those that were not given.
  /// - Parameter times: from `times(_:for:)`.
  func chosen(_ engine: EngineOptions, _ times: NetworkTimes?, isLive: Bool, sources: Int = 1) -> EngineOptions {
    var engine = engine
    // Each frame is looked at where the person was in the frame before.
    if single, sources == 1 { engine.streams = 1 }
    guard let preset, let times else { return engine }
    engine.chosenPrecision = precision(engine)
    let choice = preset.choice(times, looks: looks * Double(sources))
    if engine.chosenSize == nil { engine.chosenSize = .height(choice.side) }
    guard sources == 1 else { return engine }
    if engine.streams == nil, !isLive { engine.streams = choice.streams }
    if engine.threads == nil, engine.streams ?? 1 == 1 { engine.threads = choice.threads }
    return engine
  }

  private func precision(_ engine: EngineOptions) -> PrecisionChoice? {
    engine.chosenPrecision ?? preset?.precision
  }

  /// What the preset chooses by, if there is one: remembered, or measured now, which takes seconds, so that a camera is to be
  /// opened after it.
  func times(_ engine: EngineOptions, for model: Model) throws(InferError) -> NetworkTimes? {
    guard preset != nil else { return nil }
    var engine = engine
    engine.chosenPrecision = precision(engine)
    let subject = engine.network.subject(model)
    let path = CacheFolder.path(of: NetworkTimes.fileName)
    if let known = NetworkTimes.remembered(subject, path: path) { return known }
    let isBusy = Self.isBusy
    let end = isBusy ? "now, but not remembered, since it is busy" : "once"
    StandardError.line("posecam: measuring this machine for --preset, \(end)")
    let times = try NetworkTimes(measuring: subject)
    if !isBusy { times.remember(subject, path: path) }
    return times
  }

  /// More programs than cores wanted to run in the last minute.
  private static var isBusy: Bool {
    var load = 0.0
    return getloadavg(&load, 1) == 1 && load > Double(Processors.usable)
  }

  /// Looks at a frame; a single person is looked at in a square.
  private var looks: Double { single ? 9.0 / 16 : tiles.map { Double($0.columns * $0.rows + 1) } ?? 1 }
}

extension Preset.Choice {
  /// "256 f32, 2 threads, 13 ms"
  func description(_ precision: Precision) -> String {
    let time = milliseconds.map { String(format: ", %.0f ms", $0) } ?? ""
    return "\(side) \(precision.rawValue), \(threads) thread\(threads == 1 ? "" : "s")\(time)"
  }
}
