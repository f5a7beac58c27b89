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
