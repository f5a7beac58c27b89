import Foundation
import Testing

@testable import Video

struct PictureDecoderTests {
  private func file(_ kind: String, width: Int = 33, height: Int = 17) throws -> [UInt8] {
    var bitmap = Bitmap(width: width, height: height)
    for index in bitmap.pixels.indices { bitmap.pixels[index] = UInt8(index * 7 % 200) }
    let path = NSTemporaryDirectory() + "decoder-\(UUID().uuidString).\(kind)"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let frame = try Frame(bitmap: bitmap, index: 0, timestamp: Timestamp(ticks: 0, numerator: 1, denominator: 1))
    try PictureWriter.write(frame, to: path)
    return [UInt8](try Data(contentsOf: URL(fileURLWithPath: path)))
  }

  private func decode(_ bytes: [UInt8], _ decoder: PictureDecoder = PictureDecoder()) throws -> Frame {
    try bytes.withUnsafeBytes { try decoder.decode($0, name: "a picture") }
  }

  @Test func picturesOfAnySizeAndKindInTurn() throws {
    let decoder = PictureDecoder()
    for (kind, width, height) in [("jpg", 33, 17), ("png", 8, 64), ("jpg", 100, 3), ("png", 33, 17)] {
      let frame = try decode(file(kind, width: width, height: height), decoder)
      #expect(frame.width == width && frame.height == height)
    }
  }

  @Test(arguments: ["png", "jpg"]) func aPictureIsTheSameAfterAnotherOfItsSize(kind: String) throws {
    func pixels(_ frame: Frame) throws -> [UInt8] {
      try Scaler(order: .rgb).scale(frame, width: frame.width, height: frame.height) { pixels, stride in
        (0..<frame.height).flatMap { row in Array(pixels[row * stride..<row * stride + 3 * frame.width]) }
      }
    }
    let (decoder, bytes) = (PictureDecoder(), try file(kind))
    let first = try pixels(decode(bytes, decoder))
    #expect(first.contains { $0 > 100 })
    #expect(try pixels(decode(bytes, decoder)) == first)
  }

  @Test func whatIsCutOffIsToldNotPatchedUp() throws {
    let jpeg = try file("jpg")
    for length in [0, 1, 4, 20, jpeg.count / 2, jpeg.count - 2] {
      let error = #expect(throws: VideoError.self) { try decode(Array(jpeg.prefix(length))) }
      #expect(error?.description.hasPrefix("a picture: ") == true)
    }
    let png = try file("png")
    #expect(throws: VideoError.self) { try decode(Array(png.prefix(png.count / 3))) }
  }

  @Test func aBrokenPictureDoesNotSpoilTheNext() throws {
    let (decoder, jpeg) = (PictureDecoder(), try file("jpg"))
    var broken = jpeg
    for index in 2..<broken.count - 2 { broken[index] = 0xFF }
    #expect(throws: VideoError.self) { try decode(broken, decoder) }
    #expect(try decode(jpeg, decoder).width == 33)
    #expect(throws: VideoError.self) { try decode(Array("no picture".utf8), decoder) }
  }
}
