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
      Keys: q quits, space pauses, . steps one frame, i shows or hides the panels, h shows help.
      Without a terminal on standard output, or with an output to it, it runs without the screen and prints one progress line.
      """)

  @Option(
    help: ArgumentHelp(
      "Camera index or device, video file, picture, folder or pattern of pictures, URL, - for standard input, or demo.",
      valueName: "src"))
  var video: String
  @Option(help: "Colours of the screen: \(ColorChoice.allCases.map(\.rawValue).joined(separator: ", ")).")
  var colors = ColorChoice.auto

  @OptionGroup(title: "Outputs") var outputs: OutputOptions
  @OptionGroup(title: "Drawing into a video") var drawing: DrawingOptions
  @OptionGroup(title: "Network") var engine: EngineOptions
  @OptionGroup(title: "People") var following: FollowOptions
  @OptionGroup(title: "Camera") var camera: CameraOptions

  func run() throws {
    try outputs.check(inputs: [video, engine.model])
    let model = try engine.loadModel()
    let source = try openSource(video, options: camera.sourceOptions)
    let hasScreen = !outputs.usesStandardOutput && isatty(STDOUT_FILENO) == 1
    let streams = engine.streamCount(isLive: source.info.isLive)
    let measurements = Measurements()
    let written = try outputs.open(
      PoseStream(source.info, model: model.name), startTime: source.info.startTime,
      video: drawing.videoSettings(source.info, soundPath: video), measurements)
    let screen =
      hasScreen ? try Screen(Screen.Options(colors: colors, environment: ProcessInfo.processInfo.environment)) : nil
    defer { screen?.close() }

    let pipeline = Pipeline(
      source: source, estimators: following.estimators(model, engine, streams: streams),
      tracker: following.makeFollowing(isVideo: !source.info.isStill), measurements: measurements)
    Interruption.onRequest { pipeline.stop() }
    var sink = LiveSink(source: source, pipeline: pipeline, measurements: measurements, outputs: written)
    do {
      if let screen {
        try sink.show(on: screen, modelName: model.name)
      } else {
        try sink.run()
      }
    } catch {
      // What was written so far is kept where the source failed.
      try? written.finish(isComplete: false)
      try? pipeline.finish()
      throw error
    }
    defer {
      screen?.close()
      var progress = ProgressLine()
      for notice in written.takeNotices() { progress.note(notice) }
    }
    // Finished first, since the source may have failed.
    let result = Result { try written.finish(isComplete: sink.isOver && !Interruption.isRequested) }
    try pipeline.finish()
    try result.get()
    if Interruption.isRequested { throw ExitCode(Interruption.exitCode) }
  }
}
