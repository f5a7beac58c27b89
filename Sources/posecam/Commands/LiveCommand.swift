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
      Without a terminal on standard output it runs without the screen and prints one progress line.
      """)

  @Option(
    help: ArgumentHelp(
      "Camera index or device, video file, picture, folder or pattern of pictures, URL, - for standard input, or demo.",
      valueName: "src"))
  var video: String
  @Option(
    help: ArgumentHelp("Write JSON lines to FILE, - for standard output (then without the screen).", valueName: "file"))
  var json: String?
  @Option(help: "Colours of the screen: \(ColorChoice.allCases.map(\.rawValue).joined(separator: ", ")).")
  var colors = ColorChoice.auto

  @OptionGroup(title: "Network") var engine: EngineOptions
  @OptionGroup(title: "People") var following: FollowOptions
  @OptionGroup(title: "Camera") var camera: CameraOptions

  func run() throws {
    try OutputNames.check([json], inputs: [video, engine.model])
    let model = try engine.loadModel()
    let source = try openSource(video, options: camera.sourceOptions)
    let hasScreen = json != "-" && isatty(STDOUT_FILENO) == 1
    let streams = engine.streamCount(isLive: source.info.isLive)
    let writer = try json.map {
      try JSONLinesWriter(
        path: $0, source: source.info.name, width: source.info.width, height: source.info.height, model: model.name)
    }
    let screen =
      hasScreen ? try Screen(Screen.Options(colors: colors, environment: ProcessInfo.processInfo.environment)) : nil
    defer { screen?.close() }

    let measurements = Measurements()
    let pipeline = Pipeline(
      source: source, estimators: following.estimators(model, engine, streams: streams),
      tracker: following.makeFollowing(isVideo: !source.info.isStill), measurements: measurements)
    Interruption.onRequest { pipeline.stop() }
    var sink = LiveSink(source: source, pipeline: pipeline, measurements: measurements, json: writer)
    do {
      if let screen {
        try sink.show(on: screen, modelName: model.name)
      } else {
        try sink.run()
      }
    } catch {
      try? pipeline.finish()
      throw error
    }
    try pipeline.finish()
    if Interruption.isRequested {
      screen?.close()
      throw ExitCode(Interruption.exitCode)
    }
  }
}
