import Foundation
import Testing
import Video

@testable import Train

/// Writes MATLAB's level 5, uncompressed.
private enum MATLABWriter {
  static func word(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) } }

  static func element(_ type: Int, _ bytes: [UInt8]) -> [UInt8] {
    word(type) + word(bytes.count) + bytes + [UInt8](repeating: 0, count: (8 - bytes.count % 8) % 8)
  }

  static func matrix(_ kind: Int, _ shape: [Int], _ name: String, _ rest: [UInt8]) -> [UInt8] {
    element(
      14, element(6, word(kind) + word(0)) + element(5, shape.flatMap(word)) + element(1, Array(name.utf8)) + rest)
  }

  static func numbers(_ shape: [Int], _ values: [Double], name: String = "") -> [UInt8] {
    matrix(
      6, shape, name,
      element(
        9, values.flatMap { value in (0..<8).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * UInt64($0))) } }))
  }

  static func text(_ text: String) -> [UInt8] {
    matrix(4, [1, text.utf8.count], "", element(4, text.utf8.flatMap { [$0, 0] }))
  }

  static func structures(_ list: [[(String, [UInt8])]], name: String = "") -> [UInt8] {
    let names =
      list.first?.flatMap { field in Array(field.0.utf8) + [UInt8](repeating: 0, count: 32 - field.0.utf8.count) } ?? []
    return matrix(
      2, [1, list.count], name, element(5, word(32)) + element(1, names) + list.flatMap { $0.flatMap(\.1) })
  }

  static func file(_ variables: [UInt8]) -> [UInt8] {
    Array("MATLAB 5.0 MAT-file".utf8) + [UInt8](repeating: 0x20, count: 105) + [0, 1, 0x49, 0x4D] + variables
  }
}

/// A folder with a grey picture of 100 × 80, gone afterwards.
private final class Folder {
  let path = NSTemporaryDirectory() + "labels-\(UUID().uuidString)"

  init(_ names: [String]) throws {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let frame = try Frame(
      bitmap: Bitmap(width: 100, height: 80), index: 0, timestamp: Timestamp(ticks: 0, numerator: 1, denominator: 1))
    for name in names { try PictureWriter.write(frame, to: "\(path)/\(name)") }
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func write(_ bytes: [UInt8], _ name: String) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: "\(path)/\(name)"))
    return "\(path)/\(name)"
  }
}

struct ForeignLabelsTests {
  private func one(_ value: Double) -> [UInt8] { MATLABWriter.numbers([1, 1], [value]) }

  private var mpii: [UInt8] {
    let points = (0..<16).map { (joint: Int) -> [(String, [UInt8])] in
      let mark: Double = joint == 9 ? 0 : 1
      return [("x", one(Double(5 * joint + 1))), ("y", one(11)), ("id", one(Double(joint))), ("is_visible", one(mark))]
    }
    let labelled = [("point", MATLABWriter.structures(points))]
    let center = MATLABWriter.structures([[("x", one(50)), ("y", one(40))]])
    let head = [("x1", one(10)), ("y1", one(10)), ("x2", one(40)), ("y2", one(50))]
    let rectangles = MATLABWriter.structures([
      head + [("annopoints", MATLABWriter.structures([labelled])), ("scale", one(0.3)), ("objpos", center)],
      head + [("annopoints", MATLABWriter.numbers([0, 0], [])), ("scale", one(0.1)), ("objpos", center)],
    ])
    let image = MATLABWriter.structures([[("name", MATLABWriter.text("a.png"))]])
    let list = MATLABWriter.structures([[("image", image), ("annorect", rectangles)]])
    return MATLABWriter.file(MATLABWriter.structures([[("annolist", list)]], name: "RELEASE"))
  }

  @Test func readsMPII() throws {
    let folder = try Folder(["a.png"])
    let (annotations, problems) = try ForeignLabels.read(
      folder.write(mpii, "mpii.mat"), images: folder.path)
    #expect(problems.isEmpty)
    let people = try #require(annotations.pictures.first?.people)
    #expect(people.map(\.isCrowd) == [false, true])
    #expect(people[0].headSize == 30 && people[0].keypointCount == 12)
    // MPII's joint 13 is the left shoulder; its pixels count from 1.
    #expect(people[0].keypoints[5] == .init(x: 65, y: 10, visibility: 2))
    #expect(people[0].keypoints[16] == .init(x: 0, y: 10, visibility: 2))
    #expect(people[0].keypoints[..<5].allSatisfy { $0.visibility == 0 })
    #expect(people[1].box.width == 20)
    // What is written is read again as the same.
    let path = "\(folder.path)/people.json"
    try annotations.write(to: path)
    let again = try KeypointAnnotations(contentsOf: path)
    #expect(again.problems.isEmpty)
    #expect(again.pictures[0].people[0].keypoints == people[0].keypoints)
    #expect(again.pictures[0].people[0].headSize == 30)
  }

  @Test func readsLeedsSportsPose() throws {
    let folder = try Folder(["im0001.png"])
    try FileManager.default.moveItem(atPath: "\(folder.path)/im0001.png", toPath: "\(folder.path)/im0001.jpg")
    let values = (0..<14).flatMap { (joint: Int) -> [Double] in
      [Double(joint + 10), Double(2 * joint + 5), joint == 0 ? 1 : 0]
    }
    let file = MATLABWriter.file(MATLABWriter.numbers([3, 14, 1], values, name: "joints"))
    let (annotations, _) = try ForeignLabels.read(folder.write(file, "joints.mat"), images: folder.path)
    let person = try #require(annotations.pictures.first?.people.first)
    // The right ankle is first, and hidden.
    #expect(person.keypoints[16] == .init(x: 9, y: 4, visibility: 1))
    #expect(person.keypoints[6] == .init(x: 17, y: 20, visibility: 2))
    #expect(person.keypointCount == 12)
  }

  /// Who is there but not labelled must not make his picture one without people.
  @Test func picturesOfUnlabelledPeopleAreLeftOut() throws {
    let folder = try Folder(["im0001.png", "im0002.png", "im0003.png"])
    for number in 1...3 {
      try FileManager.default.moveItem(
        atPath: "\(folder.path)/im000\(number).png", toPath: "\(folder.path)/im000\(number).jpg")
    }
    let good = (0..<14).flatMap { (joint: Int) -> [Double] in [Double(joint + 10), Double(joint + 5), 0] }
    let nowhere = [Double](repeating: .nan, count: 42)
    let outside = (0..<14).flatMap { (joint: Int) -> [Double] in [Double(joint + 1000), 5, 0] }
    let file = MATLABWriter.file(MATLABWriter.numbers([3, 14, 3], nowhere + good + outside, name: "joints"))
    let (annotations, problems) = try ForeignLabels.read(folder.write(file, "joints.MAT"), images: folder.path)
    #expect(annotations.pictures.map(\.fileName) == ["im0002.jpg"])
    #expect(
      problems.lines == [
        "1 × person without a joint or a place, left out: im0001.jpg",
        "1 × person outside the picture, left out: im0003.jpg",
      ])
    let single = MATLABWriter.file(MATLABWriter.numbers([3, 14], good, name: "joints"))
    #expect(
      try ForeignLabels.read(folder.write(single, "one.mat"), images: folder.path).annotations.pictures.count == 1)
  }

  @Test func readsMPIIsJSONByPart() throws {
    let folder = try Folder(["a.png"])
    let joints = (0..<16).map { "[\($0 + 2), 7, \($0 % 2)]" }.joined(separator: ",")
    let entry = "\"img_paths\": \"a.png\", \"joint_self\": [\(joints)], \"objpos\": [5, 5], \"scale_provided\": 1"
    let text = "[{\(entry), \"isValidation\": 1.0}, {\(entry), \"isValidation\": 0}, {\"img_paths\": \"a.png\"}]"
    let path = try folder.write(Array(text.utf8), "mpii.json")
    let all = try ForeignLabels.read(path, images: folder.path)
    #expect(all.annotations.pictures[0].people.count == 2)
    #expect(all.problems.lines == ["1 × entry without 16 joints, left out: entry 2 (a.png)"])
    let validation = try ForeignLabels.read(path, images: folder.path, part: .validation).annotations
    #expect(validation.pictures[0].people.map { $0.keypoints[5] } == [.init(x: 14, y: 6, visibility: 2)])
  }

  /// Eight bytes are an empty value, one byte is a number of eight.
  @Test func valuesAreCounted() throws {
    let empty = MATLABWriter.element(14, [])
    func cells(_ count: Int) -> [UInt8] {
      MATLABWriter.matrix(1, [1, count], "a", [[UInt8]](repeating: empty, count: count).flatMap { $0 })
    }
    func structures(_ count: Int) -> [UInt8] {
      MATLABWriter.structures([[(String, [UInt8])]](repeating: [("x", empty)], count: count), name: "a")
    }
    func bytes(_ count: Int) -> [UInt8] {
      MATLABWriter.matrix(6, [1, count], "a", MATLABWriter.element(2, [UInt8](repeating: 7, count: count)))
    }
    for allowed in [cells(100), structures(50), bytes(400)] {
      #expect(try MATLABFile(MATLABWriter.file(allowed), mostValues: 100).variables["a"] != nil)
    }
    for refused in [cells(101), structures(51), bytes(404)] {
      #expect {
        try MATLABFile(MATLABWriter.file(refused), mostValues: 100)
      } throws: { "\($0)".contains("more values than") }
    }
  }

  @Test func damageNeverTraps() throws {
    let file = mpii
    for length in stride(from: 0, to: file.count, by: 37) { _ = try? MATLABFile(Array(file.prefix(length))) }
    var random = SeededRandom(seed: 5)
    for _ in 0..<400 {
      var broken = file
      for _ in 0..<4 {
        broken[Int.random(in: 128..<broken.count, using: &random)] =
          [0, 1, 14, 127, 255].randomElement(using: &random) ?? 0
      }
      _ = try? MATLABFile(broken)
    }
    // Nothing at all, but of sizes whose product no number holds before the 0.
    let empty = MATLABWriter.numbers([1_000_000_000, 1_000_000_000, 1_000_000_000, 0], [], name: "a")
    _ = try? MATLABFile(MATLABWriter.file(empty))
    #expect(throws: TrainError.self) { try MATLABFile(Array("no MATLAB file".utf8)) }
    #expect(throws: TrainError.self) { try MATLABFile(Array(file.prefix(file.count - 20))) }
  }
}
