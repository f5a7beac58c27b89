import ArgumentParser
import Testing
import Tracker
import Video

@testable import posecam

struct OutputsTests {
  /// A writer that fails at a certain frame.
  private final class Fragile: PoseWriter {
    let name: String
    let failsAt: Int?
    var frames: [Int] = []
    var isFinished = false

    init(_ name: String, failsAt: Int? = nil) { (self.name, self.failsAt) = (name, failsAt) }

    func write(_ frame: PoseFrame) throws(PosecamError) {
      if frame.index == failsAt { throw PosecamError("\(name): full") }
      frames.append(frame.index)
    }
    func finish() { isFinished = true }
  }

  private func frame(_ index: Int) throws -> TrackedFrame {
    let picture = try Frame(
      bitmap: Bitmap(width: 16, height: 8), index: index,
      timestamp: Timestamp(ticks: Int64(index), numerator: 1, denominator: 10))
    return TrackedFrame(frame: picture, people: [])
  }

  /// With an output to standard output there is no screen, however that is called.
  @Test(arguments: [("-", true), ("/dev/stdout", true), ("/dev/fd/1", true), ("out.jsonl", false)])
  func standardOutputIsKnownByAllItsNames(name: String, isStandardOutput: Bool) throws {
    for option in ["--json", "-o"] {
      #expect(try OutputOptions.parse([option, name]).usesStandardOutput == isStandardOutput, "\(option)")
    }
  }

  @Test func oneThatFailsDoesNotStopTheOthers() throws {
    let (first, second) = (Fragile("a", failsAt: 2), Fragile("b"))
    let outputs = Outputs([first, second], startTime: 0)
    for index in 0..<4 { try outputs.write(try frame(index)) }
    #expect(first.frames == [0, 1] && first.isFinished && second.frames == [0, 1, 2, 3] && !second.isFinished)
    #expect(outputs.takeNotices() == ["a: full; the other outputs go on"] && outputs.takeNotices() == [])
    #expect(throws: PosecamError.self) { try outputs.finish(isComplete: true) }
    #expect(second.isFinished)
  }

  @Test func theLastOneThatFailsEndsIt() throws {
    let outputs = Outputs([Fragile("a", failsAt: 0), Fragile("b", failsAt: 1)], startTime: 0)
    try outputs.write(try frame(0))
    _ = outputs.takeNotices()
    #expect { try outputs.write(try frame(1)) } throws: { "\($0)" == "a: full" }
    #expect(outputs.takeNotices() == ["b: full"])
  }

  @Test func whatIsGoneBackOverIsWrittenOnce() throws {
    let writer = Fragile("a")
    let outputs = Outputs([writer], startTime: 0)
    for index in [0, 1, 2, 1, 2, 3] { try outputs.write(try frame(index)) }
    #expect(writer.frames == [0, 1, 2, 3])
    #expect(outputs.takeNotices() == ["what was gone back over is not written again"])
  }

  @Test func withoutOutputsThereIsNothingToFail() throws {
    let outputs = Outputs([], startTime: 0)
    try outputs.write(try frame(0))
    try outputs.finish(isComplete: true)
    #expect(outputs.takeNotices() == [])
  }
}
