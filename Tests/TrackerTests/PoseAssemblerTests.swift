import Foundation
import TestSupport
import Testing

@testable import Tracker

/// The reference parser's answer to one scene.
private struct Reference: Decodable {
  struct Parsed: Decodable {
    var keypoints: [[[Double]]]
    struct Entry: Decodable {
      var ids: [Int]
      var score: Double
      var count: Int
      init(from decoder: any Decoder) throws {
        var list = try decoder.unkeyedContainer()
        var numbers: [Double] = []
        while !list.isAtEnd { numbers.append(try list.decode(Double.self)) }
        ids = numbers.prefix(18).map { Int($0) }
        (score, count) = (numbers[18], Int(numbers[19]))
      }
    }
    var entries: [Entry]
  }
  struct Case: Decodable {
    var people: Int
    var width: Int
    var height: Int
    var labels: [[[Double]]]
    var parsed: [String: Parsed]
  }
  var cases: [Case]

  static func load() throws -> Reference {
    try JSONDecoder().decode(Reference.self, from: Data(contentsOf: Shared.url("golden/lop-grouping.json")))
  }
}

private func maps(_ scene: Int) throws -> FieldMaps {
  let file = try GoldenTensors(Shared.url("golden/lop-maps.safetensors"))
  let heatmaps = try #require(file["case\(scene)/heatmaps"])
  let fields = try #require(file["case\(scene)/pafs"])
  var maps = FieldMaps(width: heatmaps.shape[2], height: heatmaps.shape[1])
  maps.heatmaps = heatmaps.values
  maps.fields = fields.values
  return maps
}

struct PoseAssemblerTests {
  /// Candidates of one picture: their ids are 100 times the joint, and one more for the second of a joint.
  private static let candidates: [[Grouping.Candidate]] = (0..<18).map { joint in
    (0..<2).map { Grouping.Candidate(x: Float(10 * joint), y: Float($0), score: 0.5, id: 100 * joint + $0) }
  }

  private static func entry(_ joints: [Int: Int], score: Float, count: Int) -> Grouping.Entry {
    var ids = [Int](repeating: -1, count: 18)
    for (joint, second) in joints { ids[joint] = 100 * joint + second }
    return Grouping.Entry(ids: ids, totalScore: score, count: count)
  }

  /// An arm whose shoulder only the ear joins to the rest: shoulder and ear are in both, each counted in one of them.
  @Test func partsThatShareKeyPointsAreOnePerson() {
    let arm = Self.entry([2: 0, 3: 0, 4: 0, 16: 0], score: 2.5, count: 3)
    let body = Self.entry([0: 0, 1: 0, 2: 0, 8: 0, 14: 0, 16: 0], score: 4, count: 5)
    let other = Self.entry([0: 1, 1: 1, 2: 1], score: 2, count: 3)
    let united = PoseAssembler.united([arm, other, body], Self.candidates)
    #expect(
      united == [
        Self.entry([0: 0, 1: 0, 2: 0, 3: 0, 4: 0, 8: 0, 14: 0, 16: 0], score: 6.5, count: 8), other,
      ])
    // What both counted counts once.
    let twice = PoseAssembler.united(
      [Self.entry([1: 0, 2: 0], score: 1.5, count: 2), Self.entry([2: 0, 3: 0], score: 1.5, count: 2)], Self.candidates)
    #expect(twice == [Self.entry([1: 0, 2: 0, 3: 0], score: 2.5, count: 3)])
  }

  @Test func peopleWithKeyPointsOfTheirOwnStayTwo() {
    let first = Self.entry([0: 0, 1: 0, 2: 0, 3: 0], score: 3, count: 4)
    let second = Self.entry([0: 1, 1: 1, 3: 0], score: 2, count: 3)
    #expect(PoseAssembler.united([first, second], Self.candidates) == [first, second])
    #expect(PoseAssembler.united([], Self.candidates) == [])
  }

  /// Where there is no room for all, the rest lies outside.
  @Test(arguments: [(12, 64), (4, 12), (64, 4), (1, 1)])
  func crowdsAreDrawnOnMapsOfAnyShape(width: Int, height: Int) {
    for people in [1, 3, 20] {
      let maps = CrowdMaps.scene(people: people, width: width, height: height)
      #expect(maps.heatmaps.contains { $0 > 0.5 } && maps.fields.allSatisfy { abs($0) <= 1 })
    }
  }

  @Test(.enabled(if: Shared.isPresent, "no reference data beside this checkout"), arguments: 0..<8, [4, 8])
  func equalsTheReference(_ scene: Int, _ upsample: Int) throws {
    let reference = try #require(Reference.load().cases[scene].parsed[String(upsample)])
    var options = PoseAssembler.Options()
    options.isCompatible = true
    options.upsample = upsample
    var assembler = PoseAssembler(options: options)
    let grouping = assembler.group(try maps(scene))

    for joint in 0..<18 {
      #expect(grouping.keypoints[joint].count == reference.keypoints[joint].count, "joint \(joint)")
      for (found, expected) in zip(grouping.keypoints[joint], reference.keypoints[joint]) {
        #expect([Double(found.x), Double(found.y), Double(found.id)] == [expected[0], expected[1], expected[3]])
        #expect(abs(Double(found.score) - expected[2]) < 1e-3)
      }
    }
    #expect(grouping.entries.map(\.ids) == reference.entries.map(\.ids))
    #expect(grouping.entries.map(\.count) == reference.entries.map(\.count))
    for (found, expected) in zip(grouping.entries, reference.entries) {
      #expect(abs(Double(found.totalScore) - expected.score) < 1e-3 * max(1, expected.score))
    }
  }
}
