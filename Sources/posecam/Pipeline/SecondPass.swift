import Foundation
import Tracker
import Video

/// Frames with their people, one after the other.
protocol TrackedFrames: AnyObject {
  /// Frames that were left out so far.
  var dropped: Int { get }
  func next(until deadline: Date?) throws -> Handover<TrackedFrame>.Taken
  /// Something to tell the user, one line each, since the last call.
  func takeNotices() -> [String]
  /// Stops whatever is still running, and throws what ended it early.
  func finish() throws
}

extension Pipeline: TrackedFrames {}

/// A source read once more, with the people that are known from the first time.
final class SecondPass: TrackedFrames {
  let dropped = 0
  private let source: any FrameSource
  private let name: String
  private let measurements: Measurements
  private var people: ArraySlice<[Person]>

  /// - Parameters:
  ///   - name: what messages call the source.
  ///   - people: of every frame.
  init(_ source: any FrameSource, name: String, people: [[Person]], _ measurements: Measurements) {
    (self.source, self.name, self.measurements) = (source, name, measurements)
    self.people = people[...]
  }

  func next(until deadline: Date?) throws -> Handover<TrackedFrame>.Taken {
    guard !Interruption.isRequested, let known = people.popFirst() else { return .closed }
    guard let frame = try source.next() else {
      throw PosecamError("\(name): has fewer frames than when it was first read; is it being written?")
    }
    measurements.countProcessed()
    return .element(TrackedFrame(frame: frame, people: known))
  }

  func takeNotices() -> [String] { source.takeNotices() }

  func finish() { source.cancel() }
}
