import Testing

@testable import Tracker

struct PoseMergingTests {
  /// A person 100 pixels wide and 200 high, without some joints.
  private func pose(at x: Float, without missing: Set<Int> = [], offset: Float = 0) -> Pose {
    let points = (0..<18).map { joint -> Keypoint? in
      if missing.contains(joint) { return nil }
      return Keypoint(x: x + offset + Float(joint * 37 % 100), y: offset + Float(joint) * 12, score: 0.8)
    }
    let count = points.compactMap { $0 }.count
    return Pose(keypoints: points, totalScore: 0.8 * Float(2 * count - 1))
  }

  @Test func oneOfEachPersonStays() {
    let merged = PoseMerging.merge([pose(at: 300, offset: 2), pose(at: 0), pose(at: 300), pose(at: 0, offset: 3)])
    #expect(merged.map(\.index) == [0, 1])
    #expect(merged[0].pose == pose(at: 300, offset: 2))
    #expect(PoseMerging.merge([]).isEmpty)
  }

  /// Cut by a tile's edge, each half knows what the other does not.
  @Test func halvesBecomeAWhole() {
    let upper = pose(at: 50, without: [9, 10, 12, 13])
    let lower = pose(at: 50, without: [0, 1, 14, 15, 16, 17, 3, 4, 6, 7], offset: 1)
    let merged = PoseMerging.merge([lower, upper])
    #expect(merged.count == 1 && merged[0].index == 1)
    #expect(merged[0].pose.count == 18)
    #expect(merged[0].pose.keypoints[9] == lower.keypoints[9] && merged[0].pose.keypoints[8] == upper.keypoints[8])
    #expect(abs(merged[0].pose.score - 0.8) < 0.01, "the mean score stays")
  }

  @Test func neighboursStayApart() {
    #expect(PoseMerging.merge([pose(at: 0), pose(at: 60)]).count == 2)
    // One key point in common says nothing of two that have more.
    let (head, feet) = (pose(at: 0, without: Set(6...17)), pose(at: 0, without: Set(0...4).union(6...8)))
    #expect(PoseMerging.similarity(of: head, to: feet) == 0)
  }
}
