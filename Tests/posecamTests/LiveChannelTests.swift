import ArgumentParser
import Foundation
import Infer
import Testing
import Tracker
import Video

@testable import posecam

struct LiveChannelTests {
  private func channel(_ film: Film) throws -> LiveChannel {
    let model = try NetworkOptions.loadModel(nil)
    var settings = PoseEstimator.Settings()
    settings.size = .height(32)
    let command = try LiveCommand.parse(["--video", "film"])
    let measurements = Measurements()
    let video = command.drawing.videoSettings(film.info, soundPath: "film", command.selected)
    let stream = PoseStream(film.info, model: model.name)
    let outputs = LiveOutputs(
      try command.outputs.open(stream, startTime: 0, video: video, measurements), stream, startTime: 0, settings: video,
      measurements)
    let pipeline = Pipeline(
      source: film, engine: EnginePool([PoseEstimator(model, settings)]), streams: 1,
      tracker: .tracked(PoseTracker()), measurements: measurements)
    return LiveChannel(source: film, pipeline: pipeline, outputs: outputs, modelName: model.name)
  }

  /// Waits until frames wait for the screen.
  private func fill(_ pipeline: Pipeline) throws {
    for _ in 0..<1000 {
      if pipeline.queues[1].depth > 0 { return }
      usleep(10_000)
    }
    throw PosecamError("no frames came")
  }

  /// The session sleeps until a frame is due or comes. One that came while the frame before it waited for its time is not
  /// told of again, so that its time must be known as soon as that one is shown.
  @Test func whatWaitsAlreadyIsDueAtItsTime() throws {
    let channel = try channel(Film(count: 20))
    try fill(channel.pipeline)
    #expect(channel.advance(at: 0) == nil)
    var due = try #require(channel.due)
    for index in 0..<10 {
      try fill(channel.pipeline)
      #expect(channel.advance(at: due - 1) == nil)
      #expect(channel.advance(at: due)?.frame.index == index)
      let next = try #require(channel.due, "after frame \(index)")
      // Ten per second; later where the machine was slow, never sooner.
      #expect(next >= due + 100_000_000)
      due = next
    }
    try channel.pipeline.finish()
  }

  @Test func whatStandsStillIsLookedAtAgain() throws {
    let channel = try channel(Film(count: 20))
    try fill(channel.pipeline)
    _ = channel.advance(at: .max)
    // Playing, the next frames show a change soon enough.
    channel.lookAgain()
    #expect(channel.pipeline.epoch == 0)
    channel.pause(true)
    channel.lookAgain()
    #expect(channel.pipeline.epoch == 1)
    try fill(channel.pipeline)
    #expect(channel.advance(at: 0)?.frame.index == 0 && channel.advance(at: .max) == nil)
    try channel.pipeline.finish()
  }

  @Test func whatIsHeldAtItsEndDoesNotLeave() throws {
    let channel = try channel(Film(count: 1))
    let film = try self.channel(Film(count: 2))
    for channel in [channel, film] {
      while !channel.isOver {
        _ = channel.advance(at: .max)
        usleep(1000)
      }
    }
    // A single picture stays; a film leaves unless it is paused.
    #expect(!channel.hasLeft && channel.view.isStill && film.hasLeft)
    film.pause(true)
    #expect(!film.hasLeft)
    for channel in [channel, film] { try channel.pipeline.finish() }
  }

  /// Frames of several rates, and of a source that does not know how long it is.
  @Test func stepsBackGoFromFrameToFrame() throws {
    for film in [Film(count: 20), Film(count: 20, slowAfter: 3), Film(count: 20, hasDuration: false)] {
      let channel = try channel(film)
      func show() throws -> Int? {
        for _ in 0..<1000 {
          if let result = channel.advance(at: .max) { return result.frame.index }
          usleep(10_000)
        }
        throw PosecamError("no frame came")
      }
      for index in 0..<6 { #expect(try show() == index) }
      for index in [4, 3, 2] {
        channel.stepBack()
        #expect(try show() == index, "\(film.info)")
      }
      channel.pause(false)
      for index in [3, 4, 5] { #expect(try show() == index) }
      // A key that is held asks for more before the frame is there.
      for _ in 0..<3 { channel.stepBack() }
      for index in [4, 3, 2] { #expect(try show() == index, "\(film.info)") }
      channel.seek(to: film.time(of: 9))
      #expect(try show() == 9)
      // Where no frame was shown before, the rate tells, and more than one step may be needed.
      var last = 9
      for _ in 0..<4 where last == 9 {
        channel.stepBack()
        last = try show() ?? 0
      }
      #expect(last < 9 && last > 0)
      try channel.pipeline.finish()
    }
  }

  @Test func aPausedFileStandsStill() throws {
    let channel = try channel(Film(count: 20))
    try fill(channel.pipeline)
    #expect(channel.advance(at: .max)?.frame.index == 0)
    channel.pause(true)
    try fill(channel.pipeline)
    #expect(channel.due == nil && channel.advance(at: .max) == nil)
    channel.step()
    #expect(channel.advance(at: 0)?.frame.index == 1 && channel.due == nil)
    #expect(channel.advance(at: .max) == nil)
    channel.step()
    try fill(channel.pipeline)
    #expect(channel.advance(at: 0)?.frame.index == 2)
    channel.pause(false)
    try fill(channel.pipeline)
    #expect(channel.advance(at: .max)?.frame.index == 3)
    try channel.pipeline.finish()
  }
}
