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
      tracker: following.makeFollowing(isVideo: !source.info.isStill), measurements: measurements)
    Interruption.onRequest { pipeline.stop() }

    var progress = ProgressLine()
    var state = ProgressLine.State(total: source.info.frameCount)
    var outputs: AnnotatedOutput?
    do {
      while case .element(let result) = pipeline.next() {
        if outputs == nil {
          let opened = try open(for: result.frame, source: source, modelName: model.name, measurements)
          progress.note("\(output): \(opened.description)")
          outputs = opened
        }
        try outputs?.write(result)
        state.done += 1
        (state.people, state.rate) = (result.people.count, measurements.processedRate)
        state.dropped = pipeline.dropped
        for notice in source.takeNotices() { progress.note(notice) }
        progress.update(state)
      }
      try pipeline.finish()
    } catch {
      // What was written so far is kept where the source failed, and dropped where the output did.
      if error is VideoError, outputs?.hasFailed == false { try? outputs?.finish(isComplete: false) }
      try? pipeline.finish()
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

/// The annotated video and its JSON lines.
private final class AnnotatedOutput {
  private let video: VideoWriter
  private let json: JSONLinesWriter?
  private let startTime: Double
  private let onBlack: Bool
  private let measurements: Measurements
  private let painter = SkeletonPainter(limbs: Skeleton.drawnLimbs.map { ($0.a, $0.b) })
  private let pool = CanvasPool()
  /// Writing failed, so that finishing makes no sense.
  private(set) var hasFailed = false

  init(video: VideoWriter, json: JSONLinesWriter?, startTime: Double, onBlack: Bool, measurements: Measurements) {
    self.video = video
    self.json = json
    self.startTime = startTime
    self.onBlack = onBlack
    self.measurements = measurements
  }

  var description: String { (["encoded by \(video.encoderName)"] + video.notices).joined(separator: "; ") }

  func write(_ result: TrackedFrame) throws {
    hasFailed = true
    let drawn = try measurements.time(.draw) {
      let canvas = try Canvas(copying: result.frame, from: pool, onBlack: onBlack)
      let figures = result.people.map { person in
        let box = person.pose.box
        return SkeletonPainter.Figure(
          keypoints: person.pose.keypoints.map { $0.map { ($0.x, $0.y) } },
          box: (box.x, box.y, box.width, box.height), id: person.id, score: person.pose.score)
      }
      painter.paint(figures, on: canvas, frameHeight: min(result.frame.width, result.frame.height))
      return canvas.finished()
    }
    try measurements.time(.encode) { try video.write(drawn) }
    try json?.write(
      frame: result.frame.index, time: result.frame.timestamp.seconds - startTime, people: result.people)
    hasFailed = false
  }

  func finish(isComplete: Bool) throws { try video.finish(isComplete: isComplete) }
}
