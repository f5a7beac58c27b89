import ArgumentParser
import Testing
import Tracker

@testable import posecam

struct PoseSelectionTests {
  /// Poses of so many key points with one score each; the pose's own score is the same.
  private func poses(_ kinds: [(count: Int, score: Float)]) -> [Pose] {
    kinds.map { count, score in
      let points = (0..<18).map { $0 < count ? Keypoint(x: Float($0), y: 0, score: score) : nil }
      return Pose(keypoints: points, totalScore: score * Float(max(1, 2 * count - 1)))
    }
  }

  private func counts(_ selection: PoseSelection, _ poses: [Pose]) -> [Int] { selection.kept(poses).map(\.count) }

  @Test func weakAndSmallPosesAreLeftOut() {
    let found = poses([(3, 0.9), (8, 0.2), (10, 0.5), (18, 0.3)])
    #expect(counts(PoseSelection(), found) == [3, 8, 10, 18])
    #expect(counts(PoseSelection(leastScore: 0.25), found) == [3, 10, 18])
    #expect(counts(PoseSelection(leastKeypoints: 9), found) == [10, 18])
    #expect(counts(PoseSelection(leastKeypointScore: 0.4), found) == [3, 10])
    #expect(counts(PoseSelection(maximumPeople: 2), found) == [18, 10], "the sum of scores decides")
    #expect(counts(PoseSelection(), poses([(0, 0)])).isEmpty)
    // Of one part of a frame more may be found in the next.
    let all = PoseSelection(maximumPeople: 1, leastScore: 0.25, leastKeypointScore: 0.4, leastKeypoints: 9)
    #expect(counts(all.ofParts, found) == [3, 10])
  }

  /// What a network sees below a score is nobody as a rule; the reference reports it, and recorded poses were chosen before.
  @Test func whatCountsAsSomeoneByDefault() throws {
    func settings(_ options: String...) throws -> PoseEstimator.Settings {
      let command = try LiveCommand.parse(["--video", "demo"] + options)
      return try command.following.settings(NetworkOptions.loadModel(nil), command.engine, streams: 1)
    }
    #expect(try settings().selection.leastScore == PoseSelection.usualScore)
    #expect(try settings("--min-score", "0").selection.leastScore == 0)
    #expect(try settings("--compat").selection.leastScore == 0)
    #expect(try settings("--compat", "--min-score", "0.5").selection.leastScore == 0.5)
    let track = try TrackCommand.parse(["a.jsonl", "-o", "b.jsonl"])
    #expect(track.following.selection(leastScore: 0).leastScore == 0)
  }
}
