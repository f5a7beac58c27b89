import Testing

@testable import Video

@Suite struct CanvasTests {
  /// Brightness, 0...1, of every pixel after drawing in white on black.
  private func drawn(_ width: Int, _ height: Int, _ draw: (borrowing Canvas) -> Void) throws -> [Float] {
    let canvas = try Canvas(copying: try grey(width, height, 128), from: CanvasPool(), onBlack: true)
    draw(canvas)
    let bitmap = try Scaler(order: .rgb).bitmap(canvas.finished(), width: width, height: height)
    return (0..<width * height).map { Float(bitmap.pixels[3 * $0]) / 255 }
  }

  private let white = Canvas.Ink(red: 255, green: 255, blue: 255)

  @Test(arguments: [0, 0.25, 0.5]) func aCircleCoversItsArea(offset: Float) throws {
    let cover = try drawn(40, 40) { $0.circle(at: (x: 20 + offset, y: 19.5), radius: 9, white) }
    let sum = cover.reduce(0, +)
    #expect(abs(sum - 81 * Float.pi) < 3, "\(sum)")
  }

  @Test func aSlantedLineCoversItsArea() throws {
    let cover = try drawn(60, 60) { $0.line(from: (x: 10, y: 12), to: (x: 46, y: 39), width: 4, white) }
    let sum = cover.reduce(0, +)
    // Length 45, width 4 and two half circles.
    #expect(abs(sum - (45 * 4 + 4 * Float.pi)) < 4, "\(sum)")
    // Anti-aliased: pixels partly covered along both sides.
    #expect(cover.count { $0 > 0.1 && $0 < 0.9 } > 60)
  }

  @Test func theEdgesClip() throws {
    let cover = try drawn(41, 31) { canvas in
      canvas.circle(at: (x: -0.5, y: -0.5), radius: 10, white)
      canvas.rectangle(x: -50, y: 25, width: 300, height: 300, lineWidth: 2, white)
      canvas.line(from: (x: 39, y: -900), to: (x: 39, y: 5), width: 1, white)
    }
    // A quarter of the disc, one side of the rectangle, the end of the line.
    #expect(abs(cover.reduce(0, +) - (25 * Float.pi + 82 + 5.9)) < 2)
  }

  @Test func whatIsNoNumberIsNotDrawn() throws {
    let cover = try drawn(32, 32) { canvas in
      canvas.circle(at: (x: .nan, y: 5), radius: 4, white)
      canvas.circle(at: (x: 5, y: 5), radius: .nan, white)
      canvas.circle(at: (x: 5, y: 5), radius: .infinity, white)
      canvas.line(from: (x: 0, y: 0), to: (x: .infinity, y: 3), width: 2, white)
      canvas.rectangle(x: 3, y: 3, width: .nan, height: 4, lineWidth: 1, white)
      canvas.plate(x: 3, y: 3, width: 8, height: -.infinity, corner: 1, white)
      canvas.text("3 0.87", x: .nan, y: 4, height: 8, white)
      canvas.text("3 0.87", x: 2, y: 4, height: .nan, white)
    }
    #expect(cover.allSatisfy { $0 == 0 })
  }

  @Test func theFrameUnderneathStaysAsItWas() throws {
    let frame = try grey(33, 17, 90)
    let scaler = Scaler(order: .rgb)
    let before = try scaler.bitmap(frame, width: 33, height: 17)
    let canvas = try Canvas(copying: frame, from: CanvasPool())
    canvas.circle(at: (x: 9, y: 5), radius: 4, white)
    let drawn = try scaler.bitmap(canvas.finished(), width: 33, height: 17)
    #expect(try scaler.bitmap(frame, width: 33, height: 17) == before)
    #expect(drawn.pixels[(5 * 33 + 9) * 3] == 255 && drawn.pixels[(12 * 33 + 25) * 3] == before.pixels[0])
  }

  @Test func aColourComesOutAsItWasAskedFor() throws {
    let canvas = try Canvas(copying: try grey(32, 32, 128), from: CanvasPool(), onBlack: true)
    canvas.circle(at: (x: 16, y: 16), radius: 12, Canvas.Ink(red: 230, green: 60, blue: 20))
    let bitmap = try Scaler(order: .rgb).bitmap(canvas.finished(), width: 32, height: 32)
    for (value, expected) in zip(bitmap.pixels[(16 * 32 + 16) * 3..<(16 * 32 + 17) * 3], [230, 60, 20]) {
      #expect(abs(Int(value) - expected) <= 3)
    }
  }
}
