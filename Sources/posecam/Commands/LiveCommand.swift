import ArgumentParser
import Dispatch
import Foundation
import Infer
import Synchronization
import Tracker
import Video

extension ColorChoice: ExpressibleByArgument {}
extension Blitter: ExpressibleByArgument {}

/// `posecam --video SRC`: people in a video, seen live in the terminal.
struct LiveCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "live",
    abstract: "Shows a video with everyone's skeleton in the terminal (the default command).",
    discussion: """
      Keys: q quits, space pauses, . and , step one frame, arrows seek, 1 to 5 choose the view, r records, s saves a picture,
      + and - change the least score, [ and ] the network's size, p its precision, m the kind of pixels, i the panels; h shows all.
      Without a terminal on standard output, in its background or with an output to it, it runs without the screen and prints one \
      progress line.
      """)

  @Argument(help: "What --video takes, which may be left out.", completion: .file())
  var source: [String] = []
  @Option(
    name: .customLong("video"),
    help: ArgumentHelp(
      "Camera index or device, video file, picture, folder or pattern of pictures, URL, - for standard input, or demo; "
        + "may be repeated to see several at once.", valueName: "src"), completion: .file())
  var named: [String] = []
  @Option(help: "Colours of the screen.")
  var colors = ColorChoice.auto
  @Option(
    help: ArgumentHelp(
      "Pixels of the screen; the key m goes through them "
        + "(default: half, or what the terminal can show).", valueName: "kind"))
  var pixels: Blitter?

  @Flag(help: "Begin anew when the video is over.")
  var loop = false
  @Option(help: ArgumentHelp("Play a file on the screen this many times as fast.", valueName: "factor"))
  var speed = 1.0

  @OptionGroup(title: "Outputs") var outputs: OutputOptions
  @OptionGroup(title: "Drawing into a video") var drawing: DrawingOptions
  @OptionGroup(title: "Network") var engine: EngineOptions
  @OptionGroup(title: "Looking") var looking: LookOptions
  @OptionGroup(title: "People") var following: FollowOptions
  @OptionGroup(title: "Source") var selected: InputOptions

  func validate() throws {
    guard (0.01...100).contains(speed) else { throw ValidationError("--speed takes 0.01 to 100.") }
    guard !videos.isEmpty else {
      throw ValidationError("Nothing to see: give a video's name, --video 0 for the first camera, or demo.")
    }
    guard videos.count <= 16 else { throw ValidationError("Up to 16 videos can be seen at once.") }
    if videos.count > 1, !outputs.isEmpty { throw ValidationError("Outputs take one --video; the key r records any.") }
    try looking.check(engine, following)
  }

  /// What is seen at once, each by one name or, as a shell makes of *.jpg, the names of its pictures.
  private var videos: [[String]] {
    let all = named + source
    return !source.isEmpty && all.count > 1 && all.allSatisfy(isPictureName) ? [all] : all.map { [$0] }
  }

  func run() throws {
    try outputs.check(inputs: named + source + [self.engine.model])
    let model = try self.engine.network.loadModel()
    var options = selected.sourceOptions
    options.isLooped = loop
    let times = try looking.times(engine, for: model)
    let (names, sources, failures) = try openAll(options)
    let isLive = sources.contains { $0.info.isLive }
    let engine = looking.chosen(self.engine, times, isLive: isLive, sources: sources.count)
    // Several sources share streams of one thread; one source has them all.
    let streams =
      sources.count > 1 && engine.streams == nil
      ? min(sources.count, engine.threadCount) : engine.streamCount(isLive: isLive)
    var settings = following.settings(model, engine, streams: streams, looking: looking)
    // Two sizes for each source: of the whole frame and of a part.
    settings.mostPlans = max(settings.mostPlans, 2 * sources.count)
    let pool = EnginePool((0..<streams).map { _ in PoseEstimator(model, settings) })
    guard !outputs.usesStandardOutput, Self.hasTerminal else {
      return try runWithoutScreen(sources[0], names[0], pool, modelName: model.name)
    }
    let written = try zip(sources, names).map { try open($0, $1, modelName: model.name) }
    let screen = try Screen(
      Screen.Options(colors: colors, pixels: pixels, environment: ProcessInfo.processInfo.environment))
    defer { screen.close() }
    let channels = zip(sources, written).map { [waker = screen.waker] source, written in
      let pipeline = Pipeline(
        source: source, engine: pool, streams: sources.count > 1 ? 1 : streams,
        tracker: following.makeFollowing(isVideo: !source.info.isStill, isSingle: looking.single),
        measurements: written.measurements,
        tap: { written.write($0) }, notify: { waker.wake() })
      return LiveChannel(
        source: source, pipeline: pipeline, outputs: written, modelName: model.name, speed: speed)
    }
    Interruption.onRequest { [pipelines = channels.map(\.pipeline), waker = screen.waker] in
      for pipeline in pipelines { pipeline.stop() }
      waker.wake()
    }
    let session = LiveSession(channels, control: EngineControl(pool.estimators, settings), screen: screen)
    for failure in failures { session.note("\(failure)") }
    let result = Result { try session.run() }
    let lastEvents = try? result.get()
    if lastEvents == nil { Interruption.end() }
    screen.close()
    var progress = ProgressLine()
    for line in lastEvents ?? [] { progress.note(line) }
    let ends = zip(channels, names).map { channel, name in
      Result {
        try end(channel.pipeline, result.map { _ in }, channel.outputs.takeNotices) {
          try channel.outputs.finish(isComplete: $0 && channel.isOver && !Interruption.isRequested)
        }
        if channel.isOver, channel.latest == nil, !Interruption.isRequested { throw PosecamError.noFrame(in: name) }
      }
    }
    for failure in failures.dropLast() { progress.note("Error: \(failure)") }
    for end in ends { try end.get() }
    if Interruption.isRequested { throw ExitCode(Interruption.exitCode) }
    if let last = failures.last { throw last }
  }

  /// Opens all sources, several at the same time: a camera that does not answer keeps nobody waiting. Those that fail are left
  /// out, unless all do.
  private func openAll(_ options: SourceOptions) throws -> (
    names: [String], sources: [any FrameSource], failures: [VideoError]
  ) {
    let videos = videos
    guard videos.count > 1 else {
      let source = try openAwaited(videos[0], options)
      return ([videos[0][0]], [source], [])
    }
    guard Self.hasTerminal else {
      throw PosecamError("there is no terminal to show them on, and several videos are shown on the screen only")
    }
    for name in videos.joined() where name.contains("://") { Self.tellAwaited(name) }
    defer { tcflush(STDIN_FILENO, TCIFLUSH) }
    let opened = Mutex([Result<any FrameSource, VideoError>?](repeating: nil, count: videos.count))
    // A thread each: most of the time they wait.
    let group = DispatchGroup()
    for (index, names) in videos.enumerated() {
      group.enter()
      Thread.detachNewThread {
        let result = Result { () throws(VideoError) in try openSource(names[0], options: options) }
        opened.withLock { $0[index] = result }
        group.leave()
      }
    }
    group.wait()
    var found: (names: [String], sources: [any FrameSource], failures: [VideoError]) = ([], [], [])
    for (names, result) in zip(videos, opened.withLock { $0 }) {
      switch result {
      case .success(let source)?:
        found.names.append(names[0])
        found.sources.append(source)
      case .failure(let failure)?: found.failures.append(failure)
      case nil: break
      }
    }
    if found.sources.isEmpty, let last = found.failures.popLast() {
      for failure in found.failures { StandardError.line("Error: \(failure)") }
      throw last
    }
    return found
  }

  private static func tellAwaited(_ name: String) {
    StandardError.line("posecam: waiting for \(withoutCredentials(name)); Ctrl-C ends")
  }

  /// Opens a source, and tells of one that may take its time.
  private func openAwaited(_ names: [String], _ options: SourceOptions) throws -> any FrameSource {
    let name = names[0]
    if names.count > 1 { return try openPictures(names, options: options) }
    guard name.contains("://"), Self.hasTerminal else { return try openSource(name, options: options) }
    Self.tellAwaited(name)
    // What was typed meanwhile was not meant for the screen.
    defer { tcflush(STDIN_FILENO, TCIFLUSH) }
    return try openSource(name, options: options)
  }

  /// Whether standard output is a terminal, and this program not in its background, where it would be stopped.
  private static var hasTerminal: Bool {
    guard isatty(STDOUT_FILENO) == 1 else { return false }
    let foreground = tcgetpgrp(STDOUT_FILENO)
    return foreground < 0 || foreground == getpgrp()
  }

  private func runWithoutScreen(
    _ source: any FrameSource, _ name: String, _ pool: EnginePool, modelName: String
  ) throws {
    let measurements = Measurements()
    let written = try outputs.open(
      PoseStream(source.info, model: modelName), startTime: source.info.startTime, video: drawn(source, name),
      measurements)
    let pipeline = Pipeline(
      source: source, engine: pool, streams: pool.estimators.count,
      tracker: following.makeFollowing(isVideo: !source.info.isStill, isSingle: looking.single),
      measurements: measurements)
    Interruption.onRequest { pipeline.stop() }
    var sink = LiveSink(source: source, pipeline: pipeline, measurements: measurements, outputs: written)
    try end(pipeline, Result { try sink.run() }, written.takeNotices) {
      try written.finish(isComplete: $0 && !Interruption.isRequested)
    }
    if Interruption.isRequested { throw ExitCode(Interruption.exitCode) }
    if sink.done == 0 { throw PosecamError.noFrame(in: name) }
  }

  private func drawn(_ source: any FrameSource, _ name: String) -> AnnotatedVideo.Settings {
    var settings = drawing.videoSettings(source.info, soundPath: name, selected)
    // It would end with the first round.
    if loop { settings.video.soundPath = nil }
    return settings
  }

  /// Opens what is written of a source on the screen.
  private func open(_ source: any FrameSource, _ name: String, modelName: String) throws -> LiveOutputs {
    let stream = PoseStream(source.info, model: modelName)
    let (settings, measurements) = (drawn(source, name), Measurements())
    let written = try outputs.open(stream, startTime: source.info.startTime, video: settings, measurements)
    return LiveOutputs(
      written, stream, coordinates: outputs.coordinates, startTime: source.info.startTime, settings: settings,
      measurements)
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
  }
}
