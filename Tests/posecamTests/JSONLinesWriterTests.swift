import Foundation
import Testing
import Tracker

@testable import posecam

struct JSONLinesWriterTests {
  private struct Header: Decodable, Equatable {
    var schema: String
    var source: String
    var width: Int
    var height: Int
    var model: String
    var keypoints: [String]
    var limbs: [[Int]]
  }

  private struct FrameLine: Decodable {
    struct Found: Decodable {
      var id: Int
      var score: Double
      var box: [Double]
      var keypoints: [[Double]?]
    }
    var frame: Int
    var time: Double
    var people: [Found]
  }

  /// The lines of a file written by `body`.
  private func lines(
    source: String = "clip.mp4", model: String = "built in", coordinates: Coordinates = .pixel,
    _ body: (JSONLinesWriter) throws -> Void
  ) throws -> [Substring] {
    let folder = try Folder()
    var stream = PoseStream.sample(source)
    stream.model = model
    let writer = try JSONLinesWriter(path: folder.path("out.jsonl"), stream, coordinates: coordinates)
    try body(writer)
    #expect(try folder.contents() == [], "nothing is there before it is whole")
    try writer.finish()
    let text = try folder.text("out.jsonl")
    #expect(text.hasSuffix("\n"))
    return text.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
  }

  private func decode<Value: Decodable>(_ type: Value.Type, _ line: Substring) throws -> Value {
    try JSONDecoder().decode(type, from: Data(line.utf8))
  }

  @Test func headerSaysWhatTheNumbersMean() throws {
    let lines = try lines { _ in }
    #expect(lines.count == 1)
    #expect(
      lines[0].hasPrefix(
        #"{"schema":"posecam/1","source":"clip.mp4","width":640,"height":360,"model":"built in","keypoints":["nose","neck","#
      ))
    #expect(
      lines[0].hasSuffix(
        #","limbs":[[1,2],[1,5],[2,3],[3,4],[5,6],[6,7],[1,8],[8,9],[9,10],[1,11],[11,12],"#
          + "[12,13],[1,0],[0,14],[14,16],[0,15],[15,17]]}"))
    let header = try decode(Header.self, lines[0])
    #expect(header.keypoints == Skeleton.keypointNames)
  }

  @Test func frameIsWrittenToTheByte() throws {
    let found = person(
      7, [0: Keypoint(x: 10.004, y: -0.001, score: 0.5), 17: Keypoint(x: 12.5, y: 100, score: 0.98768)],
      totalScore: 1.5)
    let lines = try lines { writer in
      try writer.write(frame: 0, time: 0, people: [])
      try writer.write(frame: 12, time: 0.4004004, people: [found])
    }
    let nulls = String(repeating: "null,", count: 16)
    #expect(lines[1] == #"{"frame":0,"time":0,"people":[]}"#)
    #expect(
      lines[2]
        == #"{"frame":12,"time":0.4004,"people":[{"id":7,"score":0.5,"box":[10,0,2.5,100],"keypoints":[[10,0,0.5],"#
        + nulls + "[12.5,100,0.9877]]}]}")
  }

  @Test func normalizedPlacesGoFromEdgeToEdge() throws {
    let corners = person(
      1, [0: Keypoint(x: -0.5, y: -0.5, score: 1), 1: Keypoint(x: 639.5, y: 359.5, score: 1)], totalScore: 3)
    let lines = try lines(coordinates: .normalized) { try $0.write(frame: 0, time: 0, people: [corners]) }
    #expect(lines[0].contains(#""height":360,"coordinates":"normalized","model""#))
    #expect(
      lines[1].hasPrefix(
        #"{"frame":0,"time":0,"people":[{"id":1,"score":1,"box":[0,0,1,1],"keypoints":[[0,0,1],[1,1,1],"#))
  }

  @Test func picturesAreNamed() throws {
    let lines = try lines { try $0.write(frame: 4, time: 4, people: [], picture: "a,\"b\".jpg") }
    #expect(lines[1] == #"{"frame":4,"time":4,"picture":"a,\"b\".jpg","people":[]}"#)
  }

  @Test func numbersReadBackRounded() throws {
    var generator = Seeded(state: 5)
    let people = (0..<50).map { id in
      person(
        id,
        Dictionary(
          uniqueKeysWithValues: (0..<18).filter { _ in Bool.random(using: &generator) }.map {
            (
              $0,
              Keypoint(
                x: .random(in: -50...8000, using: &generator), y: .random(in: -50...5000, using: &generator),
                score: .random(in: 0...1, using: &generator))
            )
          }), totalScore: .random(in: 0...30, using: &generator))
    }
    let time = 86_399.987_654_321
    let lines = try lines { try $0.write(frame: 2_000_000, time: time, people: people) }
    let frame = try decode(FrameLine.self, lines[1])
    #expect(frame.frame == 2_000_000 && abs(frame.time - time) <= 0.000_000_6)
    #expect(frame.people.map(\.id) == people.map(\.id))
    for (read, written) in zip(frame.people, people) {
      #expect(abs(read.score - Double(written.pose.score)) <= 0.000_06)
      #expect(read.keypoints.map { $0 == nil } == written.pose.keypoints.map { $0 == nil })
      let box = written.pose.box
      for (value, true_) in zip(read.box, [box.x, box.y, box.width, box.height]) {
        #expect(abs(value - Double(true_)) <= 0.005_01)
      }
      for case (let value?, let point?) in zip(read.keypoints, written.pose.keypoints) {
        #expect(abs(value[0] - Double(point.x)) <= 0.005_01 && abs(value[1] - Double(point.y)) <= 0.005_01)
        #expect(abs(value[2] - Double(point.score)) <= 0.000_051)
      }
    }
  }

  /// JSON has neither NaN nor infinity: a place that is none is `null`, any other number 0.
  @Test func whatIsNoNumberStaysValid() throws {
    let broken = person(
      1,
      [
        0: Keypoint(x: .nan, y: 3, score: 1), 1: Keypoint(x: 4, y: .infinity, score: 1),
        2: Keypoint(x: 5, y: 6, score: .nan), 3: Keypoint(x: .greatestFiniteMagnitude, y: 1, score: 1),
      ], totalScore: .nan)
    for time in [Double.nan, .infinity, -.infinity, 1e300, -1e300] {
      let lines = try lines { try $0.write(frame: 0, time: time, people: [broken]) }
      let frame = try decode(FrameLine.self, lines[1])
      #expect(frame.time == 0)
      #expect(frame.people[0].keypoints[0] == nil && frame.people[0].keypoints[1] == nil)
      #expect(frame.people[0].keypoints[2] == [5, 6, 0])
    }
  }

  @Test(arguments: [
    "", "a \"quoted\" name", "back\\slash", "new\nline\r\ttab", "\u{0}\u{1}\u{1F}\u{7F}", "日本語 été 🎥.mp4",
    "\u{2028}\u{2029}", "</script>", "rtsp://user@host/a?b=c&d",
  ])
  func namesReadBackEqual(name: String) throws {
    let lines = try lines(source: name, model: name) { _ in }
    #expect(lines.count == 1)
    let header = try decode(Header.self, lines[0])
    #expect(header.source == name && header.model == name)
    let object = try #require(try JSONSerialization.jsonObject(with: Data(lines[0].utf8)) as? [String: Any])
    #expect(object["source"] as? String == name)
  }

  @Test func replacesAnOlderFile() throws {
    let folder = try Folder()
    try String(repeating: "old\n", count: 10_000).write(
      toFile: folder.path("out.jsonl"), atomically: false, encoding: .utf8)
    let old = try folder.text("out.jsonl")
    _ = try JSONLinesWriter(path: folder.path("out.jsonl"), .sample())
    #expect(
      try folder.text("out.jsonl") == old && folder.contents() == ["out.jsonl"], "an abandoned one leaves nothing")
    try JSONLinesWriter(path: folder.path("out.jsonl"), .sample()).finish()
    let text = try folder.text("out.jsonl")
    #expect(text.hasPrefix(#"{"schema""#) && !text.contains("old"))
  }

  @Test(arguments: [
    ("/nonexistent/folder/out.jsonl", "No such file or directory"), ("/", "a folder, not a file"),
    ("/dev/full", "No space left on device"),
  ])
  func errorNamesFileAndReason(path: String, reason: String) {
    #expect {
      _ = try JSONLinesWriter(path: path, .sample())
    } throws: { error in
      guard let error = error as? PosecamError else { return false }
      return error.description.hasPrefix("\(path): ") && error.description.contains(reason)
    }
  }

  /// The schema in docs/ against what is written, where the tool for it is there.
  @Test(
    .enabled(if: Schema.canValidate, "python3 with the package jsonschema is missing"), arguments: Coordinates.allCases)
  func linesFitTheSchema(coordinates: Coordinates) throws {
    let folder = try Folder()
    let writer = try JSONLinesWriter(
      path: folder.path("out.jsonl"), .sample("clip \"1\".mp4"), coordinates: coordinates)
    try writer.write(frame: 0, time: -0.04, people: [])
    try writer.write(
      frame: 1, time: 0.04, people: [person(1, [3: Keypoint(x: 1.25, y: 2, score: 0.5)], totalScore: 0.5)],
      picture: "a \"b\".jpg")
    try writer.finish()
    #expect(try Schema.complaints(about: folder.path("out.jsonl")) == "")
    // The schema is no rubber stamp.
    for wrong in [
      #"{"frame":0,"time":0,"people":[{"id":1,"score":0.5,"box":[0,0,1],"keypoints":[]}]}"#,
      #"{"frame":-1,"time":0,"people":[]}"#, #"{"frame":0,"people":[]}"#, #"{"frame":0,"time":0,"people":[],"x":1}"#,
    ] {
      try wrong.write(toFile: folder.path("wrong.jsonl"), atomically: false, encoding: .utf8)
      #expect(try Schema.complaints(about: folder.path("wrong.jsonl")) != "", "\(wrong)")
    }
  }
}

/// SplitMix64 (Steele, Lea, Flood 2014).
private struct Seeded: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// docs/posecam-1.schema.json, asked through Python's jsonschema.
private enum Schema {
  static let file = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appendingPathComponent("docs/posecam-1.schema.json").path

  static let canValidate = (try? python("import jsonschema; jsonschema.Draft202012Validator")) == ""

  /// What is wrong with the lines of a file, "" if nothing.
  static func complaints(about path: String) throws -> String {
    try python(
      """
      import json, jsonschema
      schema = json.load(open('\(file)'))
      jsonschema.Draft202012Validator.check_schema(schema)
      for line in open('\(path)'): jsonschema.Draft202012Validator(schema).validate(json.loads(line))
      """)
  }

  /// The last line that Python prints, "" for a script that ends well.
  private static func python(_ script: String) throws -> String {
    let folder = try Folder()
    try (script + "\n").write(toFile: folder.path("script.py"), atomically: false, encoding: .utf8)
    let outcome = try Program.shell("python3 script.py", in: folder)
    return outcome.status == 0 ? "" : String(outcome.complaints.last ?? "status \(outcome.status)")
  }
}
