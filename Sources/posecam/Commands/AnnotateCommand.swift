import ArgumentParser
import Foundation
import Infer
import Tracker
import Video

/// `posecam annotate IN --output OUT.mp4`: every frame of a video with everyone's skeleton, box and identity drawn.
struct AnnotateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "annotate",
    abstract: "Writes a video with everyone's skeleton drawn, every frame at its own time, with the sound.",
    discussion: "Interrupted by Ctrl-C, it closes a file that plays.")

  @Argument(help: "The video: whatever --video of the live command takes.")
  var input: String
  @Option(name: [.short, .long], help: ArgumentHelp("Video to write: .mp4, .mov, .mkv or .ts.", valueName: "file"))
  var output: String
  @Option(help: ArgumentHelp("Write JSON lines to FILE as well, - for standard output.", valueName: "file"))
  var json: String?
  @Flag(help: "Draw on black instead of on the picture.")
  var black = false

  @OptionGroup(title: "Network") var engine: EngineOptions
  @OptionGroup(title: "People") var following: FollowOptions
  @OptionGroup(title: "Camera") var camera: CameraOptions
  @OptionGroup var twoPass: TwoPassOptions

  func validate() throws { try twoPass.check(following) }

  func run() throws {
    try OutputNames.check([output, json], inputs: [input, engine.model])
    let model = try engine.loadModel()
    var options = camera.sourceOptions
    options.isDemoLive = false
    let source = try openSource(input, options: options)
    let streams = engine.streamCount(isLive: source.info.isLive)
    let measurements = Measurements()
    let pipeline = Pipeline(
      source: source, estimators: following.estimators(model, engine, streams: streams),
      tracker: following.makeFollowing(isVideo: !source.info.isStill, smoothing: twoPass.isOn ? .off : nil),
      measurements: measurements)
    Interruption.onRequest { pipeline.stop() }
    let found = Results(
      next: {
        guard case .element(let result) = pipeline.next() else { return nil }
        return (result, pipeline.dropped)
      }, finish: pipeline.finish)
    guard twoPass.isOn else { return try write(found, of: source, model: model, measurements) }

    guard !source.info.isLive, !Self.isPipe(input) else {
      try? pipeline.finish()
      throw PosecamError("\(input): cannot be read twice, as --two-pass must; record it to a file first")
    }
    let people = TwoPassSmoothing.smooth(try collect(found, of: source, measurements), following.smooth)
    let again = try openSource(input, options: options)
    var done = 0
    let smoothed = Results(
      next: {
        guard done < people.count, !Interruption.isRequested else { return nil }
        guard let frame = try again.next() else {
          throw PosecamError("\(input): has fewer frames than when it was first read; is it being written?")
        }
        defer { done += 1 }
        measurements.countProcessed()
        return (TrackedFrame(frame: frame, people: people[done]), 0)
      }, finish: {})
    try write(smoothed, of: again, model: model, measurements)
  }

  /// Frames with their people, one after the other.
  private struct Results {
    /// The next, and how many were dropped so far; `nil` at the end.
    var next: () throws -> (TrackedFrame, dropped: Int)?
    /// Stops whatever is still running, and throws what ended it early.
    var finish: () throws -> Void
  }

  private static func isPipe(_ path: String) -> Bool {
    var status = stat()
    return path == "-" || stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
  }

  /// Everyone in the video, and when.
  private func collect(
    _ results: Results, of source: any FrameSource, _ measurements: Measurements
  ) throws -> [TwoPassSmoothing.Frame] {
    var progress = ProgressLine()
    var state = ProgressLine.State(total: source.info.frameCount)
    defer { progress.finish(state) }
    progress.note("first pass: finding people")
    var frames: [TwoPassSmoothing.Frame] = []
    while let (result, _) = try results.next() {
      frames.append((result.frame.timestamp.seconds, result.people))
      state.done += 1
      (state.people, state.rate) = (result.people.count, measurements.processedRate)
      progress.update(state)
    }
    try results.finish()
    for notice in source.takeNotices() { progress.note(notice) }
    guard !Interruption.isRequested else {
      progress.note("interrupted in the first pass; nothing was written")
      throw ExitCode(Interruption.exitCode)
    }
    return frames
  }

  private func write(
    _ results: Results, of source: any FrameSource, model: Model, _ measurements: Measurements
  ) throws {
    var progress = ProgressLine()
    var state = ProgressLine.State(total: source.info.frameCount)
    var outputs: AnnotatedOutput?
    do {
      while let (result, dropped) = try results.next() {
        if outputs == nil {
          let opened = try open(for: result.frame, source: source, modelName: model.name, measurements)
          progress.note("\(output): \(opened.description)")
          outputs = opened
        }
        try outputs?.write(result)
        state.done += 1
        (state.people, state.rate) = (result.people.count, measurements.processedRate)
        state.dropped = dropped
        for notice in source.takeNotices() { progress.note(notice) }
        progress.update(state)
      }
      try results.finish()
    } catch {
      // What was written so far is kept where the source failed, and dropped where the output did.
      if error is VideoError, outputs?.hasFailed == false { try? outputs?.finish(isComplete: false) }
      try? results.finish()
      progress.finish(state)
      throw error
    }
    for notice in source.takeNotices() { progress.note(notice) }
    guard let outputs else { throw PosecamError("\(input): no frame in it could be decoded; nothing was written") }
    try outputs.finish(isComplete: !Interruption.isRequested)
    progress.finish(state)
    if Interruption.isRequested {
      progress.note("interrupted after \(state.done) frames; \(output) holds them")
      throw ExitCode(Interruption.exitCode)
    }
  }

  private func open(
    for first: Frame, source: any FrameSource, modelName: String, _ measurements: Measurements
  ) throws -> AnnotatedOutput {
    var settings = VideoWriter.Settings()
    settings.nominalRate = source.info.nominalRate
    settings.startTime = source.info.startTime
    // Sound comes from files; a stream cannot be opened twice.
    if !source.info.isLive, FileManager.default.fileExists(atPath: input) { settings.soundPath = input }
    let video = try VideoWriter(path: output, like: first, settings: settings)
    let lines = try json.map {
      try JSONLinesWriter(
        path: $0, source: source.info.name, width: first.width, height: first.height, model: modelName)
    }
    return AnnotatedOutput(
      video: video, json: lines, startTime: source.info.startTime, onBlack: black, measurements: measurements)
  }
}
