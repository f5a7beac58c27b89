import ArgumentParser
import Foundation
import Infer
import Tracker
import Video

/// `posecam --video SRC`: people in a video, seen live in the terminal.
struct LiveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "live",
    abstract: "Shows a video with everyone's skeleton in the terminal (the default command).",
    discussion: """
      Keys: q quits, space pauses, . and , step one frame, arrows seek, 1 to 5 choose the view, r records, s saves a picture,
      + and - change the least score, [ and ] the network's size, p its precision, m the kind of pixels, i the panels; h shows all.
      Without a terminal on standard output, or with an output to it, it runs without the screen and prints one progress line.
      """)

  @Option(
    help: ArgumentHelp(
      "Camera index or device, video file, picture, folder or pattern of pictures, URL, - for standard input, or demo.",
      valueName: "src"), completion: .file())
  var video: String
  @Option(help: "Colours of the screen: \(ColorChoice.allCases.map(\.rawValue).joined(separator: ", ")).")
  var colors = ColorChoice.auto
  @Option(
    help: ArgumentHelp(
      "Pixels of the screen: \(Blitter.allCases.map(\.rawValue).joined(separator: ", ")); the key m goes through them "
        + "(default: half, or what the terminal can show).", valueName: "kind"))
  var pixels: Blitter?

  @Flag(help: "Begin anew when the video is over.")
  var loop = false
  @Option(help: ArgumentHelp("Play a file on the screen this many times as fast.", valueName: "factor"))
  var speed = 1.0

  @OptionGroup(title: "Outputs") var outputs: OutputOptions
  @OptionGroup(title: "Drawing into a video") var drawing: DrawingOptions
  @OptionGroup(title: "Network") var engine: EngineOptions
  @OptionGroup(title: "People") var following: FollowOptions
  @OptionGroup(title: "Source") var selected: InputOptions

  func validate() throws {
    guard (0.01...100).contains(speed) else { throw ValidationError("--speed takes 0.01 to 100.") }
  }

  func run() throws {
    try outputs.check(inputs: [video, engine.model])
    let model = try engine.loadModel()
    var options = selected.sourceOptions
    options.isLooped = loop
    let source = try openSource(video, options: options)
    let hasScreen = !outputs.usesStandardOutput && isatty(STDOUT_FILENO) == 1
    let streams = engine.streamCount(isLive: source.info.isLive)
    let measurements = Measurements()
    let stream = PoseStream(source.info, model: model.name)
    var drawn = drawing.videoSettings(source.info, soundPath: video, selected)
    // It would end with the first round.
    if loop { drawn.video.soundPath = nil }
    let written = try outputs.open(stream, startTime: source.info.startTime, video: drawn, measurements)
    let settings = following.settings(model, engine, streams: streams)
    let estimators = (0..<streams).map { _ in PoseEstimator(model, settings) }
    let tracker = following.makeFollowing(isVideo: !source.info.isStill)
    guard hasScreen else {
      let pipeline = Pipeline(
        source: source, estimators: estimators, tracker: tracker, measurements: measurements)
      Interruption.onRequest { pipeline.stop() }
      var sink = LiveSink(source: source, pipeline: pipeline, measurements: measurements, outputs: written)
      return try end(pipeline, Result { try sink.run() }, written.takeNotices) {
        try written.finish(isComplete: $0 && !Interruption.isRequested)
      }
    }
    let screen = try Screen(
      Screen.Options(colors: colors, pixels: pixels, environment: ProcessInfo.processInfo.environment))
    defer { screen.close() }
    let outputs = LiveOutputs(
      written, stream, startTime: source.info.startTime, settings: drawn, measurements)
    let pipeline = Pipeline(
      source: source, estimators: estimators, tracker: tracker, measurements: measurements,
      tap: { outputs.write($0) })
    Interruption.onRequest { [waker = screen.waker] in
      pipeline.stop()
      waker.wake()
    }
    let session = LiveSession(
      source: source, pipeline: pipeline, control: EngineControl(estimators, settings), outputs: outputs,
      measurements: measurements, screen: screen, modelName: model.name, speed: speed)
    let result = Result { try session.run() }
    screen.close()
    try end(pipeline, result, outputs.takeNotices) {
      try outputs.finish(isComplete: $0 && session.isOver && !Interruption.isRequested)
    }
  }

  /// Ends the stages, then the outputs, and throws what went wrong first.
  private func end(
    _ pipeline: Pipeline, _ result: Result<Void, any Error>, _ takeNotices: () -> [String],
    _ finishOutputs: (_ isComplete: Bool) throws -> Void
  ) throws {
    let stages = Result { try pipeline.finish() }
    // What was written so far is kept where the source failed.
    let isGood = if case .success = result, case .success = stages { true } else { false }
    let outputs = Result { try finishOutputs(isGood) }
    var progress = ProgressLine()
    for notice in takeNotices() { progress.note(notice) }
    try result.get()
    try stages.get()
    try outputs.get()
    if Interruption.isRequested { throw ExitCode(Interruption.exitCode) }
  }
}
