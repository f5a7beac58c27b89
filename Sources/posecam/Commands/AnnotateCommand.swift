import ArgumentParser
import Foundation
import Infer
import Synchronization
import Tracker
import Video

/// `posecam annotate IN --output OUT.mp4`: every frame of a video with everyone's skeleton, box and identity drawn, and the people
/// in whatever formats are asked for.
struct AnnotateCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "annotate",
    abstract:
      "Writes a video with everyone's skeleton drawn, every frame at its own time, with the sound, or people as data.",
    discussion: """
      posecam annotate clip.mp4 -o drawn.mp4 -o people.csv
      posecam annotate videos/ -o 'drawn/{name}.mp4'
      Of several videos, or a folder of them, each is written under its own name in the place of {name}; one that fails does not \
      stop the others. Several pictures are one source, unless an output has {name} in it.
      Interrupted by Ctrl-C, it closes files that can be used. An output that fails does not stop the others.
      """)

  @Argument(help: "The video: whatever --video of the live command takes; or several.", completion: .file())
  var input: [String]

  @Flag(help: "Leave out videos whose outputs are there; of others keep what is finished only.")
  var skipExisting = false

  @OptionGroup(title: "Outputs") var outputs: OutputOptions
  @OptionGroup(title: "Drawing") var drawing: DrawingOptions
  @OptionGroup(title: "Network") var engine: EngineOptions
  @OptionGroup(title: "Looking") var looking: LookOptions
  @OptionGroup(title: "People") var following: FollowOptions
  @OptionGroup var twoPass: TwoPassOptions
  @OptionGroup(title: "Source") var selected: InputOptions

  func validate() throws {
    if outputs.isEmpty { throw ValidationError("Nothing to write: give --output FILE, --json FILE or --serve.") }
    try looking.check(engine, following)
    try twoPass.check(following)
  }

  func run() throws {
    let list = try Worklist(input, outputs, model: engine.model, skipsExisting: skipExisting)
    let model = try engine.network.loadModel()
    let times = try looking.times(engine, for: model)
    let running = Running()
    if list.skipped > 0 { StandardError.line("\(list.skipped) left out, whose outputs are there") }
    var failures: [String] = []
    for (index, job) in list.jobs.enumerated() {
      guard list.jobs.count > 1 else { return try annotate(job, model, times, running) }
      StandardError.line("\(index + 1) of \(list.jobs.count): \(withoutCredentials(job.name))")
      do {
        try annotate(job, model, times, running)
      } catch let code as ExitCode {
        throw code
      } catch {
        StandardError.line("Error: \(error)")
        failures.append(withoutCredentials(job.name))
      }
      if Interruption.isRequested { throw ExitCode(Interruption.exitCode) }
    }
    if !failures.isEmpty {
      throw PosecamError("\(failures.count) of \(list.jobs.count) failed: \(failures.joined(separator: ", "))")
    }
  }

  /// What is to be stopped when the user asks for the end.
  private final class Running: Sendable {
    private enum State {
      case opening
      case opened
      case reading(Pipeline)
    }
    private let state = Mutex(State.opened)
    private let isListening = Atomic(false)

    /// Opens a source. It may never answer, and nothing is being written: who asks for the end meanwhile gets it.
    func open(_ body: () throws(VideoError) -> any FrameSource) throws(VideoError) -> any FrameSource {
      state.withLock { $0 = .opening }
      defer { state.withLock { $0 = .opened } }
      return try body()
    }

    func begin(_ new: Pipeline) {
      state.withLock { $0 = .reading(new) }
      // Not before: as long as the first source is being opened, signals do what they always do.
      if !isListening.exchange(true, ordering: .relaxed) { Interruption.onRequest { self.stop() } }
      if Interruption.isRequested { new.stop() }
    }

    private func stop() {
      state.withLock { state in
        switch state {
        case .opening: _exit(Interruption.exitCode)
        case .opened: break
        case .reading(let pipeline): pipeline.stop()
        }
      }
    }
  }

  private func annotate(_ job: Worklist.Job, _ model: Model, _ times: NetworkTimes?, _ running: Running) throws {
    let input = job.name
    var options = selected.sourceOptions
    options.isDemoLive = false
    func open() throws(VideoError) -> any FrameSource {
      job.inputs.count == 1 ? try openSource(input, options: options) : try openPictures(job.inputs, options: options)
    }
    let isOnce = PosecamError(
      "\(withoutCredentials(input)): cannot be read twice, as --two-pass must; record it to a file first")
    if twoPass.isOn, Self.isPipe(input) { throw isOnce }
    let source = try running.open(open)
    if twoPass.isOn, source.info.isLive { throw isOnce }
    if twoPass.isOn, source.info.isStill { throw PosecamError("\(input): single pictures; --two-pass is for videos") }
    let engine = looking.chosen(self.engine, times, isLive: source.info.isLive)
    let streams = engine.streamCount(isLive: source.info.isLive)
    let measurements = Measurements()
    let sink = try job.outputs.open(
      PoseStream(source.info, model: model.name), startTime: source.info.startTime,
      video: drawing.videoSettings(source.info, soundPath: input, selected), keepsParts: !skipExisting, measurements)
    let pipeline = Pipeline(
      source: source, estimators: following.estimators(model, engine, streams: streams, looking: looking),
      tracker: following.makeFollowing(
        isVideo: !source.info.isStill, isSingle: looking.single, smoothing: twoPass.isOn ? .off : nil),
      measurements: measurements)
    running.begin(pipeline)
    guard twoPass.isOn else {
      return try write(pipeline, of: input, to: sink, total: source.info.frameCount, measurements)
    }

    let frames = try collect(pipeline, sink.takeNotices(), total: source.info.frameCount, measurements)
    let second = SecondPass(
      try open(), name: input,
      people: TwoPassSmoothing.smooth(frames, following.smooth), measurements)
    try write(second, of: input, to: sink, total: frames.count, measurements)
  }

  private static func isPipe(_ path: String) -> Bool {
    var status = stat()
    return path == "-" || stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFIFO
  }

  /// Everyone in the video, and when.
  private func collect(
    _ results: Pipeline, _ notices: [String], total: Int?, _ measurements: Measurements
  ) throws -> [TwoPassSmoothing.Frame] {
    var progress = ProgressLine()
    var state = ProgressLine.State(total: total)
    var isComplete = false
    defer { progress.finish(state, isComplete: isComplete) }
    for notice in notices { progress.note(notice) }
    progress.note("first pass: finding people")
    var frames: [TwoPassSmoothing.Frame] = []
    while case .element(let result) = results.next() {
      frames.append((result.frame.timestamp.seconds, result.people))
      state.done += 1
      (state.people, state.rate) = (result.people.count, measurements.processedRate)
      progress.update(state)
    }
    for notice in results.takeNotices() { progress.note(notice) }
    try results.finish()
    isComplete = !Interruption.isRequested
    if Interruption.isRequested {
      progress.note("interrupted in the first pass; nothing was written")
      throw ExitCode(Interruption.exitCode)
    }
    return frames
  }

  private func write(
    _ results: some TrackedFrames, of input: String, to sink: Outputs, total: Int?, _ measurements: Measurements
  ) throws {
    var progress = ProgressLine()
    var state = ProgressLine.State(total: total)
    func tell() {
      for notice in sink.takeNotices() + results.takeNotices() { progress.note(notice) }
    }
    do {
      tell()
      frames: while true {
        // A stream that broke off sends none for long, but tells of it.
        switch try results.next(until: Date(timeIntervalSinceNow: 0.2)) {
        case .closed: break frames
        case .nothingYet: break
        case .element(let result):
          try sink.write(result)
          state.done += 1
          (state.people, state.rate) = (result.people.count, measurements.processedRate)
          state.dropped = results.dropped
        }
        tell()
        progress.update(state)
      }
      try results.finish()
      if state.done == 0, !Interruption.isRequested {
        throw PosecamError(
          selected.isPart
            ? "\(withoutCredentials(input)): there is no frame between --start and --end; nothing was written"
            : "\(PosecamError.noFrame(in: input)); nothing was written")
      }
    } catch {
      // What was written so far is kept where the source failed.
      if state.done > 0, !skipExisting { try? sink.finish(isComplete: false) }
      try? results.finish()
      tell()
      progress.finish(state)
      throw error
    }
    defer {
      tell()
      progress.finish(state, isComplete: !Interruption.isRequested)
      if Interruption.isRequested {
        progress.note(
          state.done == 0
            ? "interrupted before the first frame; nothing was written"
            : "interrupted after \(state.done) frames, \(skipExisting ? "which are not kept" : "which are written")")
      }
    }
    if Interruption.isRequested, skipExisting || state.done == 0 { throw ExitCode(Interruption.exitCode) }
    try sink.finish(isComplete: !Interruption.isRequested)
    if Interruption.isRequested { throw ExitCode(Interruption.exitCode) }
  }
}
