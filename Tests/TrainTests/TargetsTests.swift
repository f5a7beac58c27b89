import Foundation
import TestSupport
import Testing

@testable import Train

struct TargetsTests {
  private struct Scenes: Decodable {
    struct Case: Decodable {
      var labels: [[[Double]]]
    }
    var cases: [Case]
  }

  @Test(.enabled(if: Shared.isPresent, "no reference data beside this checkout"), arguments: 0..<8)
  func equalTheReference(_ scene: Int) throws {
    let scenes = try JSONDecoder().decode(Scenes.self, from: Data(contentsOf: Shared.url("golden/lop-grouping.json")))
    let file = try GoldenTensors(Shared.url("golden/lop-targets.safetensors"))
    let heatmaps = try #require(file["case\(scene)/heatmaps"])
    let fields = try #require(file["case\(scene)/pafs"])
    let people = scenes.cases[scene].labels.map { person in
      person.map { LabelPoint(x: $0[0], y: $0[1], visibility: .init(rawValue: Int($0[2])) ?? .absent) }
    }
    // Whatever the memory held before must be gone.
    var drawnMaps = [Float](repeating: 7, count: heatmaps.values.count)
    var drawnFields = [Float](repeating: 7, count: fields.values.count)
    drawnMaps.withUnsafeMutableBufferPointer { maps in
      drawnFields.withUnsafeMutableBufferPointer { vectors in
        Targets.draw(
          people, width: heatmaps.shape[2], height: heatmaps.shape[1], heatmaps: maps, fields: vectors)
      }
    }
    #expect(zip(drawnMaps, heatmaps.values).allSatisfy { abs($0 - $1) <= 1e-5 })
    #expect(zip(drawnFields, fields.values).allSatisfy { abs($0 - $1) <= 1e-5 })
  }

  @Test func hostilePointsDrawNothing() {
    let far: [Double] = [.nan, .infinity, -.infinity, 1e30, -1e30, -500, 500]
    let people = far.map { value in
      [LabelPoint](repeating: LabelPoint(x: value, y: value, visibility: .visible), count: 18)
    }
    var maps = [Float](repeating: 7, count: 19 * 12)
    var fields = [Float](repeating: 7, count: 38 * 12)
    maps.withUnsafeMutableBufferPointer { maps in
      fields.withUnsafeMutableBufferPointer { Targets.draw(people, width: 4, height: 3, heatmaps: maps, fields: $0) }
    }
    #expect(maps.prefix(18 * 12).allSatisfy { $0 == 0 })
    #expect(maps.suffix(12).allSatisfy { $0 == 1 })
    #expect(fields.allSatisfy { $0 == 0 })
  }
}
