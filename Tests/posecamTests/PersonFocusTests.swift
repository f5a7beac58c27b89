import Foundation
import Testing
import Tracker
import Video

@testable import posecam

struct PersonFocusTests {
  private func person(x: Float, y: Float, height: Float, score: Float = 0.8) -> Pose {
    let points = (0..<18).map { joint in
      Keypoint(x: x + height / 3 * Float(joint * 37 % 100) / 100, y: y + height * Float(joint) / 17, score: score)
    }
    return Pose(keypoints: points, totalScore: score * 35)
  }

  private func frame(width: Int = 1280, height: Int = 720) throws -> Frame {
    let source = try DemoSource("demo:size=\(width)x\(height),seconds=1", isLive: false)
    return try #require(try source.next())
  }

  /// Looks at the whole frame once, then around the most prominent person, until they are gone.
  @Test func thePersonIsFollowed() throws {
    let focus = PersonFocus()
    let frame = try frame()
    var looks: [PictureTiles.Part?] = []
    func follow(_ people: [Pose]) -> [Pose] {
      focus.follow(in: frame) {
        looks.append($0)
        return Estimate(poses: people)
      }.poses
    }
    let (near, far) = (person(x: 300, y: 200, height: 300), person(x: 900, y: 300, height: 80))
    #expect(follow([far, near]) == [near])
    #expect(follow([near, far]) == [near])
    #expect(looks.count == 2 && looks[0] == nil)
    let part = try #require(looks[1])
    #expect(abs(part.width - part.height) <= 32 && part.height >= 300 && part.height < 720)
    #expect(part.x <= 300 && part.y <= 200 && part.x + part.width >= 400 && part.y + part.height >= 500)
    // It stays where it is while the person does.
    _ = follow([person(x: 303, y: 201, height: 300)])
    #expect(looks[2] == part)
    // Somebody else where the person was is not the person.
    looks = []
    #expect(follow([far]) == [far])
    #expect(looks == [part, nil])
    looks = []
    #expect(follow([]) == [])
    #expect(looks.count == 2 && looks[1] == nil)
    _ = follow([])
    #expect(looks.count == 3, "nobody to look for")
  }

  @Test func whoComesToTheForeIsSeenSoon() throws {
    let focus = PersonFocus()
    let frame = try frame()
    let (first, larger) = (person(x: 300, y: 200, height: 150), person(x: 700, y: 50, height: 600))
    _ = focus.follow(in: frame) { _ in Estimate(poses: [first]) }
    var frames = 0
    while focus.follow(in: frame, { Estimate(poses: $0 == nil ? [first, larger] : [first]) }).poses == [first] {
      frames += 1
      try #require(frames < 100)
    }
    #expect(frames > 5)
    // Somebody of the same size does not take over.
    let other = person(x: 0, y: 80, height: 620)
    for _ in 0..<100 {
      #expect(focus.follow(in: frame) { _ in Estimate(poses: [other, larger]) }.poses == [larger])
    }
  }

  @Test func partsLieInEveryFrame() throws {
    for (width, height) in [(1280, 720), (90, 400), (33, 33)] {
      let frame = try frame(width: width, height: height)
      for (x, y) in [(-0.2, -0.2), (0, 0), (0.9, 0.9), (0.4, 0.1)] {
        let focus = PersonFocus()
        let pose = person(x: Float(x) * Float(width), y: Float(y) * Float(height), height: Float(height) / 2)
        for _ in 0..<2 {
          _ = try focus.follow(in: frame) { part in
            if let part {
              let cut = try frame.part(x: part.x, y: part.y, width: part.width, height: part.height)
              #expect(cut.width == part.width && cut.height == part.height)
            }
            return Estimate(poses: [pose])
          }
        }
      }
    }
  }
}
