import Testing

@testable import Video

@Suite struct ScalerTests {
  @Test func aGradientShrinksToTheMeansOfItsPixels() throws {
    let start = Timestamp(ticks: 0, numerator: 1, denominator: 25)
    let slope = painted(64, 32) { x, _ in (UInt8(40 + 2 * x), UInt8(40 + 2 * x), UInt8(40 + 2 * x)) }
    let small = try Scaler(order: .rgb).bitmap(
      Frame(bitmap: slope, index: 0, timestamp: start), width: 16, height: 8)
    for x in 0..<16 {
      // The mean of columns 4 x ... 4 x + 3.
      let expected = 40 + 2 * (4 * Double(x) + 1.5)
      for c in 0..<3 { #expect(abs(Double(small.pixels[3 * (3 * 16 + x) + c]) - expected) <= 2) }
    }
  }

  /// Also where the rows have no room for a last whole block of 8 pixels.
  @Test(arguments: [41, 42, 85, 106, 213]) func everyPixelIsWritten(width: Int) throws {
    let start = Timestamp(ticks: 0, numerator: 1, denominator: 25)
    let scaler = Scaler(order: .rgb)
    for value in [UInt8(200), 60] {
      let frame = try Frame(bitmap: painted(width, 6) { _, _ in (value, value, value) }, index: 0, timestamp: start)
      // Making the frame, libswscale reads beyond the bitmap for the last pixel of an odd width.
      let pixels = try scaler.bitmap(frame, width: width, height: 6).pixels.prefix(width * 4 * 3)
      #expect(pixels.allSatisfy { abs(Int($0) - Int(value)) <= 3 })
    }
  }

  @Test func orderAndMatrixAreThoseAskedFor() throws {
    let start = Timestamp(ticks: 0, numerator: 1, denominator: 25)
    let frame = try Frame(bitmap: painted(100, 50) { _, _ in (200, 100, 30) }, index: 0, timestamp: start)
    let scaler = Scaler(order: .bgr)
    func pixel(_ box: Letterbox) throws -> [Int] {
      try scaler.scale(frame, in: box) { bytes, row in
        (0..<3).map { Int(bytes[(box.innerHeight - 1) * row + 3 * (box.innerWidth - 1) + $0]) }
      }
    }
    // The frame says BT.709, although it is small.
    for (value, expected) in zip(try pixel(Letterbox(frameWidth: 100, frameHeight: 50, height: 32)), [30, 100, 200]) {
      #expect(abs(value - expected) <= 3)
    }
    // Read as BT.601: with luma and differences of BT.709 for this colour, its formulas give these.
    let compatible = try pixel(.compatible(frameWidth: 100, frameHeight: 50, height: 32))
    for (value, expected) in zip(compatible, [34, 94, 191]) { #expect(abs(value - expected) <= 4) }
  }

  @Test func theCompatibleResizeFollowsOpenCVsFormula() {
    // Values 10 x at positions (i + 0.5) / 0.7 - 0.5 = 0.214, 1.643, 3.071, 4.5; the last is beyond the edge.
    // The weights of the second row lose more bits to the shifts: 731 × 3931 and 1317 × 3931 over 2^16 are 43 + 78.
    var resize = CompatibleResize()
    let from = painted(5, 3) { x, _ in (UInt8(10 * x), UInt8(10 * x), UInt8(10 * x)) }
    var to = [UInt8](repeating: 7, count: 4 * 2 * 3)
    from.pixels.withUnsafeBytes { from in
      to.withUnsafeMutableBytes { to in
        resize.run(
          .init(bytes: from, width: 5, height: 3, bytesPerRow: 15), into: to, width: 4, height: 2, scale: 0.7)
      }
    }
    #expect(to == [2, 16, 31, 40, 2, 16, 30, 40].flatMap { [$0, $0, $0] })
  }
}
