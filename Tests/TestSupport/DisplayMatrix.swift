import Foundation

/// What a phone writes into its videos about how it was held.
public enum DisplayMatrix {
  /// Copies an MP4 with the display matrix of its first track saying something else: the way to do so with FFmpeg's program differs
  /// between its versions.
  /// - Parameter degrees: clockwise, by which players turn the picture.
  public static func rewrite(_ path: String, to result: String, degrees: Int) throws {
    var data = try Data(contentsOf: URL(fileURLWithPath: path))
    let one: Int32 = 1 << 16
    let turns: [Int: [Int32]] = [
      0: [one, 0, 0, one], 90: [0, one, -one, 0], 180: [-one, 0, 0, -one], 270: [0, -one, one, 0],
    ]
    guard let box = data.range(of: Data("tkhd".utf8)), let turn = turns[degrees] else {
      throw CocoaError(.fileReadCorruptFile)
    }
    // Version and flags, times, track, reserved, duration, reserved, layer, group, volume, reserved: 4 + 40 bytes.
    let at = box.upperBound + 40
    for (place, value) in zip([0, 1, 3, 4], turn) {
      withUnsafeBytes(of: value.bigEndian) { data.replaceSubrange(at + 4 * place..<at + 4 * place + 4, with: $0) }
    }
    try data.write(to: URL(fileURLWithPath: result))
  }
}
