import CFFmpeg
import Foundation
import Testing

@testable import Video

/// BT.2100's formulas, from light to code.
private enum HighRange: CaseIterable {
  case pq, hlg

  var transfer: AVColorTransferCharacteristic { self == .pq ? AVCOL_TRC_SMPTE2084 : AVCOL_TRC_ARIB_STD_B67 }

  /// - Parameter light: cd/m² of grey.
  func code(_ light: Double) -> UInt8 {
    switch self {
    case .pq:
      let y = pow(light / 10000, 0.1593017578125)
      return UInt8((255 * pow((0.8359375 + 18.8515625 * y) / (1 + 18.6875 * y), 78.84375)).rounded())
    case .hlg:
      // The display makes 1000 · E^1.2 of E.
      let scene = pow(min(1, light / 1000), 1 / 1.2)
      let code = scene <= 1.0 / 12 ? sqrt(3 * scene) : 0.17883277 * log(12 * scene - 0.28466892) + 0.55991073
      return UInt8((255 * code).rounded())
    }
  }
}

@Suite struct ToneMappingTests {
  private func frame(
    _ red: UInt8, _ green: UInt8, _ blue: UInt8, _ range: HighRange, primaries: AVColorPrimaries = AVCOL_PRI_BT2020
  ) throws -> Frame {
    let start = Timestamp(ticks: 0, numerator: 1, denominator: 25)
    let frame = try Frame(bitmap: painted(32, 16) { _, _ in (red, green, blue) }, index: 0, timestamp: start)
    frame.raw.pointee.color_trc = range.transfer
    frame.raw.pointee.color_primaries = primaries
    return frame
  }

  private func shown(_ frame: Frame, _ order: Scaler.Order = .rgb) throws -> [Int] {
    try Scaler(order: order).bitmap(frame, width: 16, height: 8).pixels.prefix(3).map { Int($0) }
  }

  /// What standard video would have as `value` is seen as that, but for the coarse steps of 8-bit codes.
  @Test(arguments: HighRange.allCases, [0, 30, 60, 100, 150, 200])
  private func whatIsDarkerThanWhiteStays(_ range: HighRange, value: Int) throws {
    let code = range.code(203 * pow(Double(value) / 255, 2.4))
    for seen in try shown(frame(code, code, code, range)) { #expect(abs(seen - value) <= 6) }
  }

  @Test(arguments: HighRange.allCases) private func lightsAreCompressed(_ range: HighRange) throws {
    let seen = try [203, 400, 1000].map { light in
      let code = range.code(light)
      return try shown(frame(code, code, code, range))[1]
    }
    #expect((228...240).contains(seen[0]) && seen[0] + 4 < seen[1] && seen[1] + 4 < seen[2] && seen[2] >= 253)
    if range == .pq { #expect(try shown(frame(255, 255, 255, range)).allSatisfy { $0 >= 253 }) }
  }

  /// Half of BT.709's red is less saturated in BT.2020's numbers.
  @Test func primariesAreThoseOfTheDisplay() throws {
    let codes = [0.6274, 0.0691, 0.0164].map { HighRange.pq.code(203 * 0.5 * $0) }
    let seen = try shown(frame(codes[0], codes[1], codes[2], .pq))
    #expect(zip(seen, [191, 0, 0]).allSatisfy { abs($0 - $1) <= 20 }, "\(seen)")
    let reversed = try shown(frame(codes[0], codes[1], codes[2], .pq), .bgr).reversed()
    #expect(zip(seen, reversed).allSatisfy { abs($0 - $1) <= 20 }, "\(reversed)")
    let narrow = try shown(frame(codes[0], codes[1], codes[2], .pq, primaries: AVCOL_PRI_BT709))
    #expect(narrow[0] < seen[0] && narrow[1] > seen[1])
  }

  @Test(.enabled(if: FFmpegTool.isPresent, "ffmpeg is needed")) func storedPicturesLookAsTheScreenDoes() throws {
    let scratch = try Scratch()
    let code = HighRange.pq.code(100)
    let bright = try frame(code, code, code, .pq)
    let seen = try shown(bright)[0]
    #expect(abs(seen - Int(code)) > 20)
    for name in ["a.png", "a.jpg"] {
      try PictureWriter.write(bright, to: scratch(name))
      try FFmpegTool.run("ffmpeg", "-i", scratch(name), "-f", "rawvideo", "-pix_fmt", "rgb24", scratch("\(name).raw"))
      let first = try #require(Data(contentsOf: URL(fileURLWithPath: scratch("\(name).raw"))).first)
      #expect(abs(Int(first) - seen) <= 3)
    }
  }

  /// What is compared with other programs is read as they read it.
  @Test func compatiblePicturesAreNotMapped() throws {
    let code = HighRange.pq.code(100)
    let bright = try frame(code, code, code, .pq)
    let box = Letterbox.compatible(frameWidth: 32, frameHeight: 16, height: 16)
    let value = try Scaler(order: .rgb).scale(bright, in: box) { bytes, _ in Int(bytes[0]) }
    #expect(abs(value - Int(code)) <= 3)
  }
}
