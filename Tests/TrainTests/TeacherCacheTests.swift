import Foundation
import TestSupport
import Testing

@testable import Train

final class TeacherCacheTests {
  private let folder = NSTemporaryDirectory() + "maps-\(UUID().uuidString)"
  private static let origin = TeacherCache.Origin(teacher: "large.safetensors", checksum: 7, height: 64)
  private var file: String { TeacherCache.file(folder) }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  static func maps(_ seed: UInt64, width: Int = 5, height: Int = 4) -> TeacherMaps {
    var noise = Noise(seed)
    return TeacherMaps(
      pictureWidth: 8 * width, pictureHeight: 8 * height, fileSize: Int(seed), width: width, height: height,
      heatmaps: noise.floats(19 * width * height), fields: noise.floats(38 * width * height).map { 3 * $0 })
  }

  private func write(_ names: [String]) throws {
    let writer = try TeacherCache.Writer(folder, origin: Self.origin)
    for name in names { try writer.add(Self.maps(UInt64(name.utf8.count)), name: name) }
  }

  @Test func bytesAreCloseToWhatWasSaid() {
    var noise = Noise(1)
    let (heatmaps, fields) = (noise.floats(19 * 6), noise.floats(38 * 6).map { 2.5 * $0 })
    let maps = TeacherMaps(
      pictureWidth: 24, pictureHeight: 16, fileSize: 0, width: 3, height: 2, heatmaps: heatmaps, fields: fields)
    for (index, value) in (heatmaps + fields).enumerated() {
      let step = maps.steps[index / 6]
      #expect(abs(Float(maps.values[index]) * step - value) <= 0.501 * step)
      #expect(step >= 1 / 127 && step < 3 / 127)
    }
  }

  @Test func whatIsWrittenIsReadAgain() throws {
    try write(["a", "bb.jpg"])
    try write(["ccc/ä.jpg"])
    let cache = try TeacherCache(contentsOf: folder)
    #expect(cache.count == 3 && cache.origin == Self.origin)
    #expect(try cache.maps("a") == Self.maps(1))
    #expect(try cache.maps("bb.jpg") == Self.maps(6))
    #expect(try cache.maps("ccc/ä.jpg") == Self.maps(10))
    #expect(try cache.maps("d") == nil && !cache.contains("d"))
  }

  /// Cut off anywhere, the whole records stay, and going on gives the undisturbed file.
  @Test func aKilledWriterIsGoneOnWith() throws {
    try write(["a", "bb"])
    let whole = try Data(contentsOf: URL(fileURLWithPath: file))
    for length in stride(from: 0, to: whole.count, by: 97) {
      try whole.prefix(length).write(to: URL(fileURLWithPath: file))
      let known = (try? TeacherCache(contentsOf: folder))?.count ?? 0
      let writer = try TeacherCache.Writer(folder, origin: Self.origin)
      let missing = ["a", "bb"].filter { !writer.knows($0, fileSize: $0.utf8.count) }
      #expect(missing.count == 2 - known && known < 2)
      for name in missing { try writer.add(Self.maps(UInt64(name.utf8.count)), name: name) }
      #expect(try Data(contentsOf: URL(fileURLWithPath: file)) == whole)
    }
  }

  @Test func damageIsNamed() throws {
    try write(["a", "bb"])
    var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
    bytes[bytes.count - 100] ^= 1
    try bytes.write(to: URL(fileURLWithPath: file))
    let cache = try TeacherCache(contentsOf: folder)
    #expect(try cache.maps("a") == Self.maps(1))
    #expect {
      try cache.maps("bb")
    } throws: { error in
      "\(error)".contains("the maps of bb are damaged")
    }
    // The next writer makes them anew.
    let writer = try TeacherCache.Writer(folder, origin: Self.origin)
    #expect(writer.knows("a", fileSize: 1) && !writer.knows("bb", fileSize: 2))
  }

  /// The first record's lengths come behind two lines; the second one's maps are in the middle of the file.
  @Test(arguments: [("bb", 0, 1), ("bb", 0, 16), ("a", 4, 1), ("a", 4, 128), ("a", 6, 4), ("a", 7, 255)])
  func oneFlippedBitCostsOneRecord(_ name: String, place: Int, bits: UInt8) throws {
    try write(["a", "bb", "ccc"])
    var bytes = try Data(contentsOf: URL(fileURLWithPath: file))
    let lines = bytes.indices.filter { bytes[$0] == UInt8(ascii: "\n") }
    bytes[place == 0 ? bytes.count / 2 : lines[1] + 1 + place] ^= bits
    try bytes.write(to: URL(fileURLWithPath: file))
    do {
      let writer = try TeacherCache.Writer(folder, origin: Self.origin)
      #expect(["a", "bb", "ccc"].filter { !writer.knows($0, fileSize: $0.utf8.count) } == [name])
      try writer.add(Self.maps(UInt64(name.utf8.count)), name: name)
    }
    let cache = try TeacherCache(contentsOf: folder)
    for (name, seed) in [("a", 1), ("bb", 2), ("ccc", 3)] { #expect(try cache.maps(name) == Self.maps(UInt64(seed))) }
  }

  /// A picture of the same name, of another folder.
  @Test func anotherFileIsAnotherPicture() throws {
    try write(["a"])
    #expect(try !TeacherCache.Writer(folder, origin: Self.origin).knows("a", fileSize: 2))
    let image = PixelImage(width: 40, height: 32, bytes: [], fileSize: 1)
    let maps = try #require(try TeacherCache(contentsOf: folder).maps("a"))
    #expect(maps.areOf(image) && !maps.areOf(PixelImage(width: 40, height: 32, bytes: [], fileSize: 2)))
  }

  @Test func foreignFilesAreLeftAlone() throws {
    #expect {
      try TeacherCache(contentsOf: "/nowhere")
    } throws: { error in
      "\(error)".contains("/nowhere") && "\(error)".contains("cache-teacher")
    }
    try write(["a"])
    var other = Self.origin
    other.checksum = 8
    #expect {
      try TeacherCache.Writer(folder, origin: other)
    } throws: { error in
      "\(error)".contains("of another version")
    }
    let writer = try TeacherCache.Writer(folder, origin: Self.origin)
    #expect(throws: TrainError.self) { try TeacherCache.Writer(folder, origin: Self.origin) }
    withExtendedLifetime(writer) {}
    let lines = ["precious", "posecam teacher's maps 2\n{}\n", "posecam teacher's maps 2\nnonsense\nmore"]
    for text in lines + ["posecam teacher's maps 1\n{}\n"] {
      try text.write(toFile: file, atomically: false, encoding: .utf8)
      #expect(throws: TrainError.self) { try TeacherCache(contentsOf: folder) }
      #expect(throws: TrainError.self) { try TeacherCache.Writer(folder, origin: Self.origin) }
      #expect(try String(contentsOfFile: file, encoding: .utf8) == text)
    }
  }

  @Test func damagedMapsNeverTrap() throws {
    let packed = try Self.maps(3).packed()
    #expect(try TeacherMaps(packed: packed[...]) == Self.maps(3))
    for length in stride(from: 0, to: packed.count, by: 13) {
      #expect(throws: TrainError.self) { try TeacherMaps(packed: packed.prefix(length)) }
    }
    var noise = Noise(5)
    for _ in 0..<300 {
      var broken = packed
      for _ in 0..<3 {
        broken[Int.random(in: 0..<min(400, broken.count), using: &noise)] = .random(in: 0...255, using: &noise)
      }
      _ = try? TeacherMaps(packed: broken[...])
    }
  }
}
