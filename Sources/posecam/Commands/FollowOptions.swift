import ArgumentParser
import Infer
import Tracker

extension Smoothing: ExpressibleByArgument {}

/// What is asked of the parser and the tracker.
struct FollowOptions: ParsableArguments {
  @Option(help: "Smoothing of key points over time.")
  var smooth = Smoothing.low

  @Option(help: ArgumentHelp("Seconds for which a person who is not seen keeps the identity.", valueName: "seconds"))
  var keepLost = PoseTracker.Options().keepLost

  @Option(
    help: ArgumentHelp(
      "Seconds for which a person who is missed is still shown where expected, 0 for never.", valueName: "seconds"))
  var bridge = PoseTracker.Options().bridge

  @Option(help: ArgumentHelp("Report the best N people only.", valueName: "n"))
  var maxPeople: Int?

  @Option(
    help: ArgumentHelp(
      "Leave out people below this score, 0 to 1 (default: \(PoseSelection.usualScore) where the network looks; none in track "
        + "and with --compat).",
      valueName: "score"))
  var minScore: Float?

  @Option(help: ArgumentHelp("Leave out people with fewer key points.", valueName: "n"))
  var minKeypoints = 0

  @Option(help: ArgumentHelp("Leave out key points below this score, 0 to 1.", valueName: "score"))
  var minKeypointScore: Float = 0

  @Flag(help: "Parse, track and smooth exactly as the reference implementation does, quirks included.")
  var compat = false

  func validate() throws {
    guard keepLost >= 0, keepLost <= 3600 else { throw ValidationError("--keep-lost takes 0 to 3600 seconds.") }
    guard bridge >= 0, bridge <= 60 else { throw ValidationError("--bridge takes 0 to 60 seconds.") }
    if let maxPeople, maxPeople < 1 { throw ValidationError("--max-people takes at least 1.") }
    guard (0...1).contains(minScore ?? 0) else { throw ValidationError("--min-score takes 0 to 1.") }
    guard (0...18).contains(minKeypoints) else { throw ValidationError("--min-keypoints takes 0 to 18.") }
    guard (0...1).contains(minKeypointScore) else { throw ValidationError("--min-keypoint-score takes 0 to 1.") }
  }

  /// - Parameters:
  ///   - isVideo: pictures have nothing to do with each other: everyone in them is new, and reported at once.
  ///   - isSingle: one person is followed.
  ///   - smoothing: instead of what `--smooth` says.
  func makeFollowing(isVideo: Bool, isSingle: Bool = false, smoothing: Smoothing? = nil) -> Following {
    let smooth = smoothing ?? smooth
    if compat { return .compatible(ReferenceTracker(smoothing: smooth != .off)) }
    var options = PoseTracker.Options()
    (options.smoothing, options.keepLost, options.bridge) = (smooth, keepLost, bridge)
    (options.isStill, options.mostPeople) = (!isVideo, isSingle ? 1 : maxPeople ?? .max)
    return .tracked(PoseTracker(options: options))
  }

  func estimators(
    _ model: Model, _ engine: EngineOptions, streams: Int, looking: LookOptions? = nil
  ) -> [PoseEstimator] {
    let settings = settings(model, engine, streams: streams, looking: looking)
    return (0..<streams).map { _ in PoseEstimator(model, settings) }
  }

  /// - Parameter leastScore: where the user does not say.
  func selection(leastScore: Float) -> PoseSelection {
    PoseSelection(
      maximumPeople: maxPeople, leastScore: minScore ?? leastScore, leastKeypointScore: minKeypointScore,
      leastKeypoints: minKeypoints
    )
  }

  /// Settings of each of several streams.
  func settings(
    _ model: Model, _ engine: EngineOptions, streams: Int, looking: LookOptions? = nil
  ) -> PoseEstimator.Settings {
    var settings = PoseEstimator.Settings()
    // The reference reports everyone.
    settings.selection = selection(leastScore: compat ? 0 : PoseSelection.usualScore)
    settings.size = engine.size
    settings.threads = max(1, engine.threadCount / streams)
    if let looking { (settings.tiles, settings.isSingle) = (looking.tiles, looking.single) }
    settings.level = engine.level
    settings.autotuning = engine.autotuning
    settings.precision = engine.precision.precision(for: model, level: engine.level, isExact: compat)
    settings.isCompatible = compat
    return settings
  }
}
