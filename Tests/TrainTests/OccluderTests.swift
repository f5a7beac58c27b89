import Testing
import Tracker

@testable import Train

struct OccluderTests {
  /// A table from (30, 50) to (70, 90).
  private static let table = Occluder(isRound: false, center: (50, 70), reach: (20, 20), degrees: 0)

  @Test func coversItsShapeWithAnEdgeOfAPixel() {
    #expect(Self.table.cover(50, 70) == 1 && Self.table.cover(31, 51) == 1)
    #expect(Self.table.cover(30, 70) == 0.5 && Self.table.cover(29, 70) == 0 && Self.table.cover(50, 91) == 0)
    let disc = Occluder(isRound: true, center: (50, 70), reach: (20, 10), degrees: 90)
    // Turned, the longer side is upright.
    #expect(disc.cover(50, 88) == 1 && disc.cover(50, 92) == 0)
    #expect(disc.cover(62, 70) == 0 && disc.cover(58, 70) == 1)
    // The corner of its box is not the disc's.
    #expect(disc.cover(59, 88) == 0)
  }

  @Test func whatIsHiddenIsLearntNextToWhatIsSeen() {
    // All at (50, 10) but the right leg, which the table hides from the hip on.
    var person = (0..<18).map { _ in LabelPoint(x: 50, y: 10, visibility: .visible) }
    for (joint, y) in [(8, 55.0), (9, 65), (10, 75)] { person[joint].y = y }
    person[17].visibility = .absent
    var seen = person
    seen.remove { Self.table.cover($0.x, $0.y) >= 0.5 }
    for joint in [9, 10] { person[joint].visibility = .absent }
    // The hip hangs on the neck.
    #expect(seen == person)
  }

  @Test func pixelsBesideItStay() {
    var random = SeededRandom(seed: 1, stream: 1, 1)
    let image = PixelImage(width: 5, height: 4, bytes: [UInt8](repeating: 228, count: 60))
    var planes = [Float](repeating: -0.25, count: 3 * 96 * 80)
    planes.withUnsafeMutableBufferPointer {
      Self.table.draw(
        image, into: $0.baseAddress.unsafelyUnwrapped, width: 96, height: 80, colour: .none, &random)
    }
    for (index, value) in planes.enumerated() {
      let share = Float(Self.table.cover(Double(index % 96), Double(index / 96 % 80)))
      let right = -0.25 + share * (100.0 / 256 + 0.25)
      guard abs(value - right) < 1e-6 else {
        Issue.record("plane value \(index) is \(value), not \(right)")
        return
      }
    }
  }

  @Test(arguments: [(x: 1e300, y: 0.0), (-1e9, 40), (47, -60), (200, 40)])
  func farOutsideDrawsNothing(_ center: (x: Double, y: Double)) {
    var random = SeededRandom(seed: 1, stream: 1, 1)
    let image = PixelImage(width: 5, height: 4, bytes: [UInt8](repeating: 228, count: 60))
    var planes = [Float](repeating: -0.25, count: 3 * 96 * 80)
    planes.withUnsafeMutableBufferPointer {
      Occluder(isRound: true, center: center, reach: (20, 20), degrees: 30).draw(
        image, into: $0.baseAddress.unsafelyUnwrapped, width: 96, height: 80, colour: .none, &random)
    }
    #expect(planes.allSatisfy { $0 == -0.25 })
  }

  @Test func standsBeforeThePerson() throws {
    var random = SeededRandom(seed: 5, stream: 1, 2)
    let person = (0..<18).map { LabelPoint(x: 40 + Double($0 % 3), y: 10 + 4 * Double($0), visibility: .visible) }
    for _ in 0..<200 {
      let occluder = try #require(Occluder(before: person, &random))
      let hidden = (0..<96 * 96).contains { occluder.cover(Double($0 % 96), Double($0 / 96)) > 0 }
      #expect(hidden)
    }
    let one = person.enumerated().map { LabelPoint(x: 1, y: 1, visibility: $0.offset == 3 ? .visible : .absent) }
    #expect(Occluder(before: one, &random) == nil)
  }

  @Test func samplesHideKeyPoints() throws {
    let data = try MadeUp()
    var options = BatchLoader.Options()
    let plain = try data.batches([0], options)[0]
    options.augmentation.occlusion = 1
    let occluded = try data.batches([0], options)[0]
    #expect(occluded.images != plain.images && occluded.mask == plain.mask)
    // Key points are taken away, none is added.
    #expect(
      zip(occluded.heatmaps, plain.heatmaps).enumerated().allSatisfy { index, pair in
        index / (8 * 10) % 19 == 18 || pair.0 <= pair.1
      })
    #expect(occluded.heatmaps != plain.heatmaps)
  }
}
