import Testing

@testable import Train

struct CutoutTests {
  /// A dark person, 20 wide and 70 high from (30, 15) on, before a wall that gets lighter from left to right and downwards.
  private static func studio(wall: (Int, Int) -> Int = { 150 + $0 / 2 + $1 / 4 }) -> PixelImage {
    var image = PixelImage(width: 80, height: 100, bytes: [UInt8](repeating: 0, count: 3 * 80 * 100))
    for y in 0..<100 {
      for x in 0..<80 {
        let isPerson = (30..<50).contains(x) && (15..<85).contains(y)
        for channel in 0..<3 { image.bytes[3 * (80 * y + x) + channel] = isPerson ? 40 : UInt8(wall(x, y)) }
      }
    }
    return image
  }

  private static func person(at x: Double = 40, _ change: (inout PersonAnnotation) -> Void = { _ in })
    -> PersonAnnotation
  {
    let points = (0..<17).map { PersonAnnotation.Point(x: x, y: 18 + 4 * Double($0), visibility: 2) }
    var person = PersonAnnotation(
      id: 1, keypoints: points, keypointCount: 17, box: (30, 15, 20, 70), area: 1400, isCrowd: false, agreement: 1)
    change(&person)
    return person
  }

  @Test func findsThePersonBeforeAWall() throws {
    let cutout = try #require(Cutout(of: Self.person(), in: Self.studio()))
    for y in 0..<100 {
      for x in 0..<80 {
        let distance = max(30 - x, x - 49, 15 - y, y - 84)
        // Inside by more than the rim that is taken off, or outside.
        if distance < -2 { #expect(cutout.covers((Double(x), Double(y))), "\(x), \(y)") }
        if distance > 0 { #expect(!cutout.covers((Double(x), Double(y))), "\(x), \(y)") }
      }
    }
    #expect(!cutout.covers((-3, 5)) && !cutout.covers((1e12, .nan)))
  }

  @Test func refusesWhatIsNotPlainOrNotThePerson() {
    #expect(Cutout(of: Self.person(), in: Self.studio { x, y in (x / 3 + y / 3) % 2 * 100 + 100 }) == nil)
    // The upper edge is of another colour than the sides.
    #expect(Cutout(of: Self.person(), in: Self.studio { x, y in abs(x - 40) < 36 && y < 8 ? 255 : 130 }) == nil)
    // Labelled elsewhere.
    #expect(Cutout(of: Self.person(at: 12), in: Self.studio()) == nil)
    #expect(Cutout(of: Self.person(), in: Self.studio { _, _ in 40 }) == nil)
    #expect(Cutout(of: Self.person { $0.keypoints[3].y = -4 }, in: Self.studio()) == nil)
    #expect(Cutout(of: Self.person { $0.keypoints[3].x = 80 }, in: Self.studio()) == nil)
    #expect(Cutout(of: Self.person { for i in 0..<17 { $0.keypoints[i].visibility = 0 } }, in: Self.studio()) == nil)
    #expect(Cutout(of: Self.person(), in: PixelImage(width: 1, height: 1, bytes: [0, 0, 0])) == nil)
  }

  @Test func drawsThePersonAlone() throws {
    let cutout = try #require(Cutout(of: Self.person(), in: Self.studio()))
    var planes = [Float](repeating: 0.25, count: 3 * 64 * 64)
    // Half as large, the middle of the person at (32, 20).
    let transform = Affine(center: (39.5, 49.5), scale: 0.5, degrees: 0, isMirrored: false, target: (32, 20))
    planes.withUnsafeMutableBufferPointer {
      cutout.draw(into: $0.baseAddress.unsafelyUnwrapped, width: 64, height: 64, transform, colour: .none)
    }
    for y in 0..<64 {
      for x in 0..<64 {
        let distance = max(abs(Double(x) - 32) - 5, abs(Double(y) - 20) - 17.5)
        for channel in 0..<3 {
          let value = planes[channel * 4096 + 64 * y + x]
          if distance > 1 { #expect(value == 0.25) }
          if distance < -2 { #expect(abs(value - (40 - 128) / 256.0) < 1e-5) }
        }
      }
    }
  }

  @Test func pastedPeopleAreLearntAndHideOthers() throws {
    let data = try MadeUp(people: 4)
    var options = BatchLoader.Options()
    options.augmentation.copyPaste = 1
    // Nobody stands before a plain wall there.
    let plain = try data.batches([0, 1])
    #expect(try areEqual(data.batches([0, 1], options)[1], plain[1]))

    let studio = try MadeUp(people: 4, isPainted: true)
    let pasted = try studio.batches([0], options)[0]
    let without = try studio.batches([0])[0]
    #expect(pasted.images != without.images && pasted.mask == without.mask)
    // Somebody came: more is to be seen.
    func sum(_ batch: Batch) -> Float {
      (0..<4 * 19).filter { $0 % 19 != 18 }
        .reduce(0) { sum, map in sum + batch.heatmaps[map * 80..<(map + 1) * 80].reduce(0, +) }
    }
    #expect(sum(pasted) > sum(without))
  }

  @Test func notWithATeacher() throws {
    let data = try MadeUp()
    var options = BatchLoader.Options()
    options.augmentation.copyPaste = 0.5
    options.distillation = Distillation(
      .people(try PseudoLabels(Array("[]".utf8), name: "test")), share: 0.5, formula: .everywhere)
    #expect(throws: TrainError.self) { try data.batches([0], options) }
  }
}
