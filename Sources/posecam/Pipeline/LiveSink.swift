import Foundation
import Video

/// Takes the results of a live run without a screen, as fast as they come: to the outputs and to a progress line.
struct LiveSink {
  let source: any FrameSource
  let pipeline: Pipeline
  let measurements: Measurements
  let outputs: Outputs
  /// Frames so far.
  private(set) var done = 0
  private var people = 0

  init(source: any FrameSource, pipeline: Pipeline, measurements: Measurements, outputs: Outputs) {
    self.source = source
    self.pipeline = pipeline
    self.measurements = measurements
    self.outputs = outputs
  }

  /// Runs to the end of the source.
  mutating func run() throws {
    var progress = ProgressLine()
    var isOver = false
    defer {
      for notice in takeNotices() { progress.note(notice) }
      progress.finish(state, isComplete: isOver && !Interruption.isRequested)
    }
    while true {
      // A stream that broke off sends none for long, but tells of it.
      switch pipeline.next(until: Date(timeIntervalSinceNow: 0.2)) {
      case .closed:
        isOver = true
        return
      case .nothingYet: break
      case .element(let result):
        done += 1
        people = result.people.count
        try outputs.write(result)
        measurements.countShown(captured: result.frame.captured)
      }
      for notice in takeNotices() { progress.note(notice) }
      progress.update(state)
    }
  }

  private func takeNotices() -> [String] { outputs.takeNotices() + pipeline.takeNotices() }

  private var state: ProgressLine.State {
    ProgressLine.State(
      done: done, total: source.info.frameCount, rate: measurements.processedRate, people: people,
      dropped: pipeline.dropped,
      latencyMilliseconds: source.info.isLive ? measurements.latency?.medianMilliseconds : nil)
  }
}
