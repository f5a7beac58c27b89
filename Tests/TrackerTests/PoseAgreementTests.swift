import Testing

@testable import Tracker

@Suite struct PoseAgreementTests {
  private func pose(at x: Float, without missing: Int? = nil) -> Pose {
    let points = (0..<18).map { joint -> Keypoint? in
      joint == missing ? nil : Keypoint(x: x + Float(joint % 3) * 20, y: Float(joint) * 10, score: 0.9)
    }
    return Pose(keypoints: points, totalScore: 20)
  }

  @Test func samePosesAgreeWholly() {
    var agreement = PoseAgreement()
    agreement.add([pose(at: 0), pose(at: 300)], [pose(at: 300), pose(at: 0)])
    #expect(agreement.matched == 2 && agreement.meanSimilarity == 1 && agreement.excess == 0)
  }

  @Test func whoIsLostCountsForTheWhole() {
    var agreement = PoseAgreement()
    #expect(agreement.meanSimilarity == 1 && agreement.wholeSimilarity == 1, "nobody to be found")
    agreement.add([pose(at: 0), pose(at: 300)], [pose(at: 0)])
    #expect(agreement.meanSimilarity == 1 && agreement.wholeSimilarity == 0.5)
    agreement.add([], [pose(at: 0)])
    #expect(abs(agreement.wholeSimilarity - 1.0 / 3) < 1e-12)
  }

  @Test func aMissingPointCostsItsShare() {
    var agreement = PoseAgreement()
    agreement.add([pose(at: 0)], [pose(at: 0, without: 4)])
    #expect(abs(agreement.meanSimilarity - 17.0 / 18) < 1e-9)
  }

  @Test func strangersAreNoPair() {
    var agreement = PoseAgreement()
    agreement.add([pose(at: 0)], [pose(at: 500), pose(at: 900)])
    #expect(agreement.matched == 0 && agreement.excess == 1)
    #expect(agreement.meanSimilarity == 0 && agreement.wholeSimilarity == 0, "nobody was found again")
    agreement.add([], [])
    #expect(agreement.firstCount == 1 && agreement.secondCount == 2)
  }
}
