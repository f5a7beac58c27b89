import Foundation
import Infer
import Synchronization
import Testing
import Tracker
import Video

@testable import posecam

/// The whole way of a frame, with the built-in network on small pictures.
struct PipelineTests {
  private func pipeline(
    _ source: any FrameSource, streams: Int = 2, tap: @escaping @Sendable (TrackedFrame) -> Void = { _ in }
  ) throws -> (Pipeline, EngineControl) {
    let model = try NetworkOptions.loadModel(nil)
    var settings = PoseEstimator.Settings()
    settings.size = .height(32)
    let estimators = (0..<streams).map { _ in PoseEstimator(model, settings) }
    let pipeline = Pipeline(
      source: source, engine: EnginePool(estimators), streams: streams, tracker: .tracked(PoseTracker()),
      measurements: Measurements(), tap: tap)
    return (pipeline, EngineControl(estimators, settings))
  }

  private func index(_ pipeline: Pipeline) -> Int? {
    guard case .element(let result) = pipeline.next() else { return nil }
    return result.frame.index
  }

  @Test(arguments: [1, 3]) func everyFrameComesInOrder(streams: Int) throws {
    let tapped = Mutex<[Int]>([])
    let (pipeline, _) = try pipeline(Film(count: 30, canSeek: streams == 1), streams: streams) { result in
      tapped.withLock { $0.append(result.frame.index) }
    }
    var indices: [Int] = []
    while let index = index(pipeline) { indices.append(index) }
    #expect(indices == Array(0..<30) && tapped.withLock { $0 } == indices)
    try pipeline.finish()
  }

  @Test(arguments: [1, 3]) func seekingDropsWhatIsUnderWay(streams: Int) throws {
    let (pipeline, _) = try pipeline(Film(count: 60), streams: streams)
    #expect(index(pipeline) == 0 && index(pipeline) == 1)
    // Everything is full while nobody takes; a seek frees it.
    usleep(50_000)
    pipeline.seek(to: 4)
    #expect(index(pipeline) == 40 && index(pipeline) == 41)
    pipeline.seek(to: 5)
    pipeline.seek(to: 0.5)
    #expect(index(pipeline) == 5)
    // Also after the end.
    pipeline.seek(to: 5.5)
    #expect((0..<5).map { _ in index(pipeline) } == [55, 56, 57, 58, 59] && index(pipeline) == nil)
    pipeline.seek(to: 5.9)
    #expect(index(pipeline) == 59 && index(pipeline) == nil)
    try pipeline.finish()
  }

  @Test func aSeekThatFailsIsToldAndGoesOn() throws {
    let (pipeline, _) = try pipeline(Film(count: 20), streams: 1)
    #expect(index(pipeline) == 0)
    pipeline.seek(to: -1)
    let next = try #require(index(pipeline))
    #expect((1..<20).contains(next))
    #expect(pipeline.takeNotices() == ["film: cannot go there"])
    try pipeline.finish()
  }

  @Test func aSourceThatCannotSeekGoesOn() throws {
    let (pipeline, _) = try pipeline(Film(count: 5, canSeek: false))
    pipeline.seek(to: 0.3)
    #expect((0..<5).map { _ in index(pipeline) } == [0, 1, 2, 3, 4] && index(pipeline) == nil)
    try pipeline.finish()
  }

  @Test func mapsComeWhenAskedFor() throws {
    let (pipeline, control) = try pipeline(Film(count: 200), streams: 1)
    guard case .element(let first) = pipeline.next() else { throw PosecamError("no frame") }
    #expect(first.maps == nil)
    control.showMaps(true)
    var maps: ShownMaps?
    while maps == nil, case .element(let result) = pipeline.next() { maps = result.maps }
    #expect(maps?.height == 4 && (maps?.width ?? 0) >= 4)
    try pipeline.finish()
  }

  /// Waits for a line that begins so.
  private func notice(_ start: String, _ control: EngineControl) -> String? {
    for _ in 0..<400 {
      if let line = control.takeNotices().first(where: { $0.hasPrefix(start) }) { return line }
      usleep(10_000)
    }
    return nil
  }

  @Test func theNetworkIsChangedWhileRunning() throws {
    let (pipeline, control) = try pipeline(Film(count: 1_000_000), streams: 2)
    #expect(index(pipeline) == 0 && control.description == "32 f32")
    control.changeSize(by: 1, for: [(64, 48)])
    #expect(notice("network input 96×128, f32", control) != nil)
    #expect(control.description == "96 f32" && index(pipeline) == 1)
    // Which precisions there are depends on the processor too: either way it goes on, and what is shown is what is used.
    control.changePrecision(for: [(64, 48)])
    let outcome = try #require(notice("", control))
    let next = try NetworkOptions.loadModel(nil).precisions(at: .detected).dropFirst().first
    #expect(outcome.hasPrefix(next.map { "network input 96×128, \($0)" } ?? "no precision but f32"), "\(outcome)")
    #expect(control.description == "96 \(next ?? .f32)")
    for _ in 0..<20 { control.changeSize(by: -1, for: [(64, 48)]) }
    #expect(notice("the network's input cannot be smaller than 96", control) != nil)
    control.changeScore(by: 3)
    #expect(notice("people from a score of 0.15", control) != nil)
    control.changeScore(by: -100)
    #expect(notice("people from a score of 0.00", control) != nil)
    #expect(index(pipeline) == 2)
    try pipeline.finish()
  }

  @Test func recordingsCanBePlayed() throws {
    let folder = try Folder()
    let film = Film(count: 25)
    let frames = try (0..<25).map { _ in try #require(try film.next()) }
    let results = frames.map {
      TrackedFrame(frame: $0, people: [TerminalSamples.person(2, x: 30, y: 5, height: 40)], epoch: 1)
    }
    let path = folder.path("a.mp4")
    var settings = AnnotatedVideo.Settings()
    settings.video.nominalRate = 10
    let recorder = try Recorder(path: path, from: 1, isLive: false, settings: settings, Measurements())
    // Under way still when the user left that place.
    recorder.put(TrackedFrame(frame: results[2].frame, people: []))
    for result in results[5...] { recorder.put(result) }
    recorder.put(results[3])  // from before: left out
    #expect(recorder.finish() == "recorded 20 frames, 0:02.0, in \(path)")
    let played = try openSource(path)
    var times: [Double] = []
    while let frame = try played.next() { times.append(frame.timestamp.seconds) }
    // Its time begins with the first frame that was recorded.
    #expect(times.count == 20 && times.first == 0 && abs((times.last ?? 0) - (times.first ?? 0) - 1.9) < 1e-3)

    let failing = try Recorder(path: "/dev/full", from: 0, isLive: true, settings: settings, Measurements())
    failing.put(results[0])
    #expect(failing.finish().contains("/dev/full"))
  }

  @Test func savedNamesDoNotCollide() throws {
    let name = SavedName.next("mp4", at: 0)
    #expect(name.hasPrefix("posecam-19") && name.hasSuffix(".mp4") && name.count == "posecam-19700101-000000.mp4".count)
  }
}

struct ShownMapsTests {
  @Test func heatIsWhereThePeakIs() {
    var maps = FieldMaps(width: 8, height: 6)
    let letterbox = Letterbox(frameWidth: 640, frameHeight: 480, inputWidth: 64, inputHeight: 48)
    maps.heatmaps[3 * 48 + 2 * 8 + 5] = 0.9  // key point 3 at column 5, row 2
    maps.heatmaps[18 * 48] = 1  // the background is not shown
    maps.fields[12 * 48 + 4 * 8 + 1] = 0.8
    let shown = ShownMaps(maps, letterbox)
    var (heat, fields) = (Bitmap(width: 64, height: 48), Bitmap(width: 64, height: 48))
    shown.paint(fields: false, over: &heat)
    shown.paint(fields: true, over: &fields)
    func brightest(_ bitmap: Bitmap) -> (x: Int, y: Int) {
      let best = (0..<64 * 48).max { bitmap.color($0 % 64, $0 / 64).luma < bitmap.color($1 % 64, $1 / 64).luma } ?? 0
      return (best % 64 / 8, best / 64 / 8)
    }
    #expect(brightest(heat) == (5, 2) && brightest(fields) == (1, 4))
    #expect(heat.color(0, 0).luma == 0)
  }
}
