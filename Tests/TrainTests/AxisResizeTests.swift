import Testing
import Tracker

@testable import Train

struct AxisResizeTests {
  private func resized(_ plane: [Float], _ columns: AxisResize, _ rows: AxisResize) -> [Float] {
    var sum = [Float](repeating: 0, count: columns.count * rows.count)
    var scratch: [Float] = []
    AxisResize.add(plane, columns: columns, rows: rows, share: 1, to: &sum, scratch: &scratch)
    return sum
  }

  private let plane: [Float] = (0..<7 * 5).map { Float(($0 * 37) % 23) / 23 }

  @Test func theSameSizeChangesNothing() {
    #expect(resized(plane, AxisResize(from: 7, to: 7), AxisResize(from: 5, to: 5)) == plane)
  }

  @Test func twoStepsInOneAreTheTwoSteps() {
    let (wide, high) = (AxisResize(from: 7, to: 56), AxisResize(from: 5, to: 40))
    let (narrow, low) = (AxisResize(from: 44, to: 31), AxisResize(from: 33, to: 50))
    let enlarged = resized(plane, wide, high)
    let cropped = (0..<33).flatMap { (row: Int) -> ArraySlice<Float> in
      let start = (row + 4) * 56 + 6
      return enlarged[start..<start + 44]
    }
    let expected = resized(cropped, narrow, low)
    let found = resized(plane, wide.then(narrow, skipping: 6), high.then(low, skipping: 4))
    #expect(zip(found, expected).allSatisfy { abs($0 - $1) < 1e-5 })
  }

  @Test(arguments: [(1, 1), (1, 9), (2, 5), (9, 1), (3, 3)])
  func smallOnesKeepAConstant(_ from: Int, _ to: Int) {
    let axis = AxisResize(from: from, to: to)
    let constant = [Float](repeating: 0.75, count: from * from)
    #expect(resized(constant, axis, axis).allSatisfy { abs($0 - 0.75) < 1e-6 })
  }

  /// Parsing maps that are enlarged already is the same as having the parser enlarge them.
  @Test func enlargedMapsParseAlike() {
    let small = CrowdMaps.scene(people: 2, width: 14, height: 12)
    var large = FieldMaps(width: 8 * small.width, height: 8 * small.height)
    let (columns, rows) = (AxisResize(from: 14, to: 112), AxisResize(from: 12, to: 96))
    func enlarge(_ planes: [Float], _ count: Int) -> [Float] {
      (0..<count).flatMap { resized(Array(planes[$0 * 168..<($0 + 1) * 168]), columns, rows) }
    }
    (large.heatmaps, large.fields) = (enlarge(small.heatmaps, 19), enlarge(small.fields, 38))
    var options = PoseAssembler.Options()
    options.isCompatible = true
    options.upsample = 8
    var enlarging = PoseAssembler(options: options)
    options.upsample = 1
    var plain = PoseAssembler(options: options)
    let (expected, found) = (enlarging.group(small), plain.group(large))
    #expect(!expected.entries.isEmpty)
    #expect(found.entries.map(\.ids) == expected.entries.map(\.ids))
    for (joint, other) in zip(found.keypoints, expected.keypoints) {
      #expect(joint.map { [$0.x, $0.y] } == other.map { [$0.x, $0.y] })
    }
  }
}
