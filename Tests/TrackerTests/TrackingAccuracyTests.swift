import Testing

@testable import Tracker

/// Small videos whose measures are worked out by hand; Benchmarks/track_metrics.py compares large ones with other programs.
struct TrackingAccuracyTests {
  private func frame(_ truth: [Int], _ results: [Int], _ similarity: [Double]) -> TrackingFrame {
    TrackingFrame(truth: truth, results: results, similarity: similarity)
  }

  private func isNear(_ value: Double, _ wanted: Double) -> Bool { abs(value - wanted) < 1e-9 }

  @Test func aPerfectResult() {
    let accuracy = TrackingAccuracy([frame([4, 9], [1, 0], [0, 1, 1, 0]), frame([9], [1, 0], [1, 0])])
    // The second picture has a false alarm: of three people three are found, of four reported one is wrong.
    #expect(accuracy.clear.found == 3 && accuracy.clear.falseAlarms == 1 && accuracy.clear.missed == 0)
    #expect(isNear(accuracy.clear.accuracy, 2.0 / 3) && accuracy.clear.precision == 1)
    // Person 4 is in one picture, identity 1 in two.
    #expect(isNear(accuracy.higherOrder.detection, 0.75) && isNear(accuracy.higherOrder.association, 2.5 / 3))
    #expect(isNear(accuracy.identity.f1, 3.0 / 3.5))
  }

  /// One person in four pictures, under one identity in two of them and another in the others.
  @Test func anIdentityThatChanges() {
    let accuracy = TrackingAccuracy((0..<4).map { frame([1], [$0 < 2 ? 7 : 8], [1]) })
    #expect(accuracy.clear.switches == 1 && accuracy.clear.fragmentations == 0 && accuracy.clear.accuracy == 0.75)
    #expect(accuracy.identity.f1 == 0.5 && accuracy.identity.precision == 0.5 && accuracy.identity.recall == 0.5)
    #expect(accuracy.higherOrder.detection == 1 && isNear(accuracy.higherOrder.association, 0.5))
    #expect(isNear(accuracy.higherOrder.hota, 0.5.squareRoot()))
    #expect(accuracy.truthIdentities == 1 && accuracy.resultIdentities == 2 && accuracy.frames == 4)
  }

  /// At a similarity of 0.6 the first 12 of the 19 thresholds are met.
  @Test func similarityCountsByThresholds() {
    let accuracy = TrackingAccuracy([frame([1], [1], [0.6]), frame([1], [1], [0.6])])
    #expect(isNear(accuracy.higherOrder.hota, 12.0 / 19))
    #expect(isNear(accuracy.higherOrder.localization, (12 * 0.6 + 7) / 19))
    #expect(accuracy.clear.accuracy == 1 && isNear(accuracy.clear.precision, 0.6))
    let strict = TrackingAccuracy([frame([1], [1], [0.6])], threshold: 0.7)
    #expect(strict.clear.accuracy == -1 && strict.identity.f1 == 0)
  }

  @Test func missedAndFoundAgain() {
    let accuracy = TrackingAccuracy([
      frame([1], [5], [1]), frame([1], [9], [0]), frame([1], [5], [1]), frame([1], [], []),
    ])
    #expect(accuracy.clear.found == 2 && accuracy.clear.missed == 2 && accuracy.clear.falseAlarms == 1)
    #expect(accuracy.clear.switches == 0 && accuracy.clear.fragmentations == 1)
    #expect(accuracy.clear.mostlyTracked == 0 && accuracy.clear.mostlyLost == 0)
    #expect(isNear(accuracy.clear.accuracy, 0.25) && isNear(accuracy.identity.f1, 2 / (2 + 0.5 * 3)))
  }

  /// A pair stays as long as it is similar enough, however much better another would be.
  @Test func pairsLast() {
    let first = frame([1, 2], [1, 2], [1, 0, 0, 1])
    let crossed = frame([1, 2], [1, 2], [0.55, 0.9, 0.9, 0.55])
    #expect(TrackingAccuracy([first, crossed]).clear.switches == 0)
    let exchanged = frame([1, 2], [1, 2], [0.45, 0.9, 0.9, 0.45])
    #expect(TrackingAccuracy([first, exchanged]).clear.switches == 2)
  }

  @Test func nothingToCompare() {
    for frames in [[], [frame([], [], [])], [frame([1], [], [])], [frame([], [1], [])]] {
      let accuracy = TrackingAccuracy(frames)
      #expect(accuracy.higherOrder.hota == 0 && accuracy.identity.f1 == 0 && accuracy.clear.accuracy <= 0)
      #expect(accuracy.higherOrder.localization.isFinite && accuracy.clear.precision == 0)
    }
  }

  @Test func similarityOfPoses() {
    let truth = Pose.standing(100)
    #expect(truth.similarity(to: truth) == 1)
    #expect(isNear(truth.without { $0 < 9 }.similarity(to: truth), 0.5))
    // Missing ones of the truth are not asked for.
    #expect(truth.similarity(to: truth.without { $0 < 9 }) == 1)
    // One key point off by its own spread, two sigmas of the square root of the area.
    var moved = truth
    moved.keypoints[1]?.x += Float(2 * 0.079 * 100.0)
    #expect(abs(moved.similarity(to: truth, area: 10_000) - (17 + 0.60653066) / 18) < 1e-5)
    #expect(Pose.standing(9000).similarity(to: truth) < 1e-9)
    #expect(truth.similarity(to: truth.without { _ in true }) == 0)
  }

  @Test func overlapOfBoxes() {
    let box = Box(x: 0, y: 0, width: 4, height: 2)
    #expect(box.overlap(with: box) == 1)
    #expect(isNear(box.overlap(with: Box(x: 2, y: 0, width: 4, height: 2)), 4.0 / 12))
    #expect(box.overlap(with: Box(x: 4, y: 0, width: 4, height: 2)) == 0)
    #expect(box.overlap(with: Box(x: 1, y: 1, width: 0, height: 0)) == 0)
  }
}
