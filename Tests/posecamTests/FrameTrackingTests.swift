import Testing
import Tracker

@testable import posecam

struct FrameTrackingTests {
  private func person(_ x: Float) -> Pose {
    Pose(
      keypoints: (0..<18).map { Keypoint(x: x + Float($0 % 4) * 12, y: 40 + Float($0 / 4) * 30, score: 0.9) },
      score: 0.9)
  }

  /// A frame that is looked at again, or stepped back to, shows the same people.
  @Test func whoWasSeenIsTheSameAgain() {
    var tracking = FrameTracking(.tracked(PoseTracker()), isLive: false)
    var ids: [[Int]] = []
    for frame in 0..<20 {
      let poses = [person(10 + Float(frame)), person(300)] + (frame >= 10 ? [person(600)] : [])
      ids.append(tracking.update(poses, at: Double(frame) / 10, within: (800, 400)).map(\.id))
    }
    for frame in [17, 17, 16, 17, 12, 8, 9] {
      let poses = [person(10 + Float(frame)), person(300)] + (frame >= 10 ? [person(600)] : [])
      let again = tracking.update(poses, at: Double(frame) / 10, within: (800, 400)).map(\.id)
      #expect(again == ids[frame], "frame \(frame)")
    }
  }

  /// Far back nobody is known any more, and nothing goes wrong.
  @Test func farBackItBeginsAnew() {
    var tracking = FrameTracking(.tracked(PoseTracker()), isLive: false)
    for frame in 0..<100 { _ = tracking.update([person(10)], at: Double(frame) / 10, within: (800, 400)) }
    #expect(tracking.update([person(10)], at: 0, within: (800, 400)).map(\.id) != [1])
  }
}
