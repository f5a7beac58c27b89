import Foundation
import TestSupport
import Testing

@testable import Tracker

struct ReferenceTrackerTests {
  private struct Golden: Decodable {
    struct Frame: Decodable {
      struct Pose: Decodable {
        var keypoints: [[Int]]
        var confidence: Double
      }
      var poses: [Pose]
      var ids: [Int]
      var out: [[[Int]]]
    }
    var smooth: Bool
    var frames: [Frame]
  }

  @Test(
    .enabled(if: Shared.isPresent, "no reference data beside this checkout"),
    arguments: ["lop-tracking-plain.json", "lop-tracking-smooth.json"])
  func equalsTheReference(_ file: String) throws {
    let golden = try JSONDecoder().decode(Golden.self, from: Data(contentsOf: Shared.url("golden/\(file)")))
    var tracker = ReferenceTracker(smoothing: golden.smooth)
    #expect(golden.frames.count == 40)
    for (number, frame) in golden.frames.enumerated() {
      let people = tracker.update(
        frame.poses.map { pose in
          Pose(
            keypoints: pose.keypoints.map {
              $0[0] == -1 ? nil : Keypoint(x: Float($0[0]), y: Float($0[1]), score: 1)
            }, totalScore: Float(pose.confidence))
        })
      #expect(people.map(\.id) == frame.ids, "frame \(number)")
      let points = people.map { $0.pose.keypoints.map { $0.map { [Int($0.x), Int($0.y)] } ?? [-1, -1] } }
      #expect(points == frame.out, "frame \(number)")
    }
  }
}
