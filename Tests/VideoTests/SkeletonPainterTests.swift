import Testing

@testable import Video

@Suite struct SkeletonPainterTests {
  /// Red, green and blue of a pixel after drawing one person of two limbs on black: across at y = 60, then down at x = 120.
  private func painted(_ style: SkeletonPainter.Style) throws -> (_ x: Int, _ y: Int) -> [Int] {
    let (width, height) = (160, 160)
    let canvas = try Canvas(copying: try grey(width, height, 128), from: CanvasPool(), onBlack: true)
    let figure = SkeletonPainter.Figure(
      keypoints: [(40, 60), (120, 60), (120, 130)], box: (30, 50, 100, 90), id: 4, score: 0.5)
    SkeletonPainter(limbs: [(0, 1), (1, 2)], style: style).paint([figure], on: canvas, frameHeight: height)
    let bitmap = try Scaler(order: .rgb).bitmap(canvas.finished(), width: width, height: height)
    return { x, y in (0..<3).map { Int(bitmap.pixels[3 * (y * width + x) + $0]) } }
  }

  private func isDark(_ color: [Int]) -> Bool { color.allSatisfy { $0 < 25 } }

  /// Whether two colours are of the same hue and brightness, more or less.
  private func isNear(_ a: [Int], _ b: [Int]) -> Bool { zip(a, b).allSatisfy { abs($0 - $1) < 40 } }

  @Test func aPersonIsOfOneColour() throws {
    let pixel = try painted(SkeletonPainter.Style())
    let identity = IdentityPalette.color(of: 4)
    #expect(isNear(pixel(80, 60), [Int(identity.red), Int(identity.green), Int(identity.blue)].map { $0 * 9 / 10 }))
    #expect(isNear(pixel(80, 60), pixel(120, 95)))
    #expect(!isDark(pixel(30, 90)) && !isDark(pixel(40, 40)), "box and label")
    #expect(pixel(40, 60).allSatisfy { $0 > 200 }, "a white key point")
  }

  @Test func limbsHaveTheirColours() throws {
    var style = SkeletonPainter.Style()
    style.coloring = .limb
    style.lineWidth = 6
    let pixel = try painted(style)
    #expect(!isNear(pixel(80, 60), pixel(120, 95)))
    #expect(pixel(80, 60)[0] > 200 && pixel(80, 60)[2] < 60, "the first is red")
  }

  @Test func boxAndLabelCanBeLeftOut() throws {
    var style = SkeletonPainter.Style()
    style.hasLabels = false
    var pixel = try painted(style)
    #expect(!isDark(pixel(30, 90)) && isDark(pixel(40, 40)))
    style.hasBoxes = false
    pixel = try painted(style)
    #expect(isDark(pixel(30, 90)) && !isDark(pixel(80, 60)))
  }

  @Test func widthAndRadiusAreInPixels() throws {
    var style = SkeletonPainter.Style()
    (style.lineWidth, style.keypointRadius, style.hasBoxes) = (20, 0, false)
    var pixel = try painted(style)
    #expect(!isDark(pixel(80, 52)) && !isDark(pixel(80, 68)) && isDark(pixel(80, 45)) && isDark(pixel(80, 75)))
    #expect(isNear(pixel(40, 60), pixel(80, 60)), "no key points")
    (style.lineWidth, style.keypointRadius) = (1, 12)
    pixel = try painted(style)
    #expect(pixel(50, 60).allSatisfy { $0 > 200 } && isDark(pixel(80, 66)))
  }
}
