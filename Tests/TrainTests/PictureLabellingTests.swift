import Foundation
import Testing
import Tracker

@testable import Train

struct PictureLabellingTests {
  /// 18 key points on a slope of `side` pixels, of which some are found.
  private func pose(_ found: Range<Int>, side: Float = 80, score: Float = 0.8) -> Pose {
    let points = (0..<18).map { index -> Keypoint? in
      let place = side * Float(index - found.lowerBound) / Float(max(1, found.count - 1))
      return found.contains(index) ? Keypoint(x: 10 + place, y: 20 + place, score: score) : nil
    }
    return Pose(keypoints: points, totalScore: score * Float(2 * found.count - 1))
  }

  private func labels(_ poses: [Pose], _ rules: PictureLabelling.Rules = .init()) -> AnnotatedPicture? {
    rules.labels(of: PictureEvaluation.Poses(width: 100, height: 200, poses: poses))
  }

  @Test func whoIsSureIsLabelled() throws {
    let picture = try #require(labels([pose(0..<18), pose(2..<7), pose(0..<14, score: 0.3)]))
    #expect(picture.people.map(\.isCrowd) == [false, true, true])
    let sure = picture.people[0]
    #expect(sure.keypointCount == 17 && abs(sure.agreement - 0.8) < 1e-6)
    // The left shoulder, which is the skeleton's sixth point and COCO's sixth too.
    #expect(abs(sure.keypoints[5].x - (10 + 80 * 5 / 17.0)) < 1e-4 && sure.keypoints[5].visibility == 2)
    #expect(sure.box.x > 0 && sure.box.x < 10 && sure.box.x + sure.box.width <= 100)
    // What may belong to somebody who is hardly seen is not learnt: no key points, and a region farther than what was found.
    let unsure = picture.people[1]
    #expect(unsure.keypointCount == 0 && unsure.region != nil && unsure.box.x == 0 && unsure.box.width >= 100)
  }

  @Test func picturesThatTeachNothingAreLeftOut() {
    // A face alone; somebody too small; nobody.
    #expect(labels([pose(14..<18), pose(0..<18, side: 20)]) == nil)
    #expect(labels([]) == nil)
    var rules = PictureLabelling.Rules()
    rules.trustsEmptiness = true
    #expect(labels([], rules)?.people.isEmpty == true)
    // Somebody whom the model is not sure of is no proof that nobody is there.
    #expect(labels([pose(2..<7)], rules) == nil)
    rules.leastKeypoints = 5
    #expect(labels([pose(2..<7)], rules)?.people.count == 1)
  }

  @Test func picturesBelowAFolderAreFoundOnce() throws {
    let folder = NSTemporaryDirectory() + "pictures-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let files = FileManager.default
    for name in ["b", "a/c", ".git"] {
      try files.createDirectory(atPath: "\(folder)/\(name)", withIntermediateDirectories: true)
    }
    for name in ["b/2.JPG", "a/c/1.png", "z.webp", ".git/x.png", "b/notes.txt", ".hidden.png"] {
      try Data().write(to: URL(fileURLWithPath: "\(folder)/\(name)"))
    }
    // A circle of links, and one to a folder elsewhere.
    try files.createSymbolicLink(atPath: "\(folder)/a/up", withDestinationPath: folder)
    try files.createSymbolicLink(atPath: "\(folder)/linked", withDestinationPath: "\(folder)/b")
    #expect(try UnlabelledPictures(folder).names == ["a/c/1.png", "b/2.JPG", "linked/2.JPG", "z.webp"])
  }
}
