import Foundation
import Testing
import Tracker

@testable import posecam

struct PoseRecordingTests {
  private let folder: Folder

  init() throws { folder = try Folder() }

  private func read(_ text: String) throws -> PoseRecording {
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder.path("poses")))
    return try PoseRecording(contentsOf: folder.path("poses"))
  }

  private func message(_ text: String) throws -> String {
    let error = #expect(throws: PosecamError.self) { try read(text) }
    return try #require(error).description
  }

  private var header: String {
    let names = Skeleton.keypointNames.map { "\"\($0)\"" }.joined(separator: ",")
    return
      #"{"schema":"posecam/1","source":"c.mp4","width":640,"height":360,"model":"m","keypoints":[\#(names)],"limbs":[]}"#
  }

  private let points = "[" + (0..<18).map { "[\(10 * $0),5,\($0 == 3 ? 0 : 1)]" }.joined(separator: ",") + "]"

  @Test(arguments: [Coordinates.pixel, .normalized])
  func whatIsWrittenIsReadBack(_ coordinates: Coordinates) throws {
    let writer = try JSONLinesWriter(path: folder.path("a.jsonl"), .sample(), coordinates: coordinates)
    var expected = twoPeople[1]
    expected.isPredicted = true
    try writer.write(frame: 0, time: 0, people: [])
    try writer.write(frame: 3, time: 0.1, people: [twoPeople[0], expected])
    try writer.finish()
    let recording = try PoseRecording(contentsOf: folder.path("a.jsonl"))
    #expect(recording.source == "clip.mp4" && recording.model == "built in")
    #expect(recording.width == 640 && recording.height == 360)
    #expect(recording.frames.map(\.index) == [0, 3] && recording.frames.map(\.time) == [0, 0.1])
    let people = recording.frames[1].people
    #expect(people.map(\.id) == [7, 3] && people.map(\.isPredicted) == [false, true])
    for (figure, person) in zip(people, [twoPeople[0], expected]) {
      #expect(abs(figure.pose.score - person.pose.score) < 1e-4)
      #expect(abs(figure.box.width - person.pose.box.width) < 0.02)
      for (read, written) in zip(figure.pose.keypoints, person.pose.keypoints) {
        #expect((read == nil) == (written == nil))
        guard let read, let written else { continue }
        #expect(
          abs(read.x - written.x) < 0.01 && abs(read.y - written.y) < 0.01 && abs(read.score - written.score) < 1e-4)
      }
    }
  }

  @Test func hiddenPointsAreKnownButNotSeen() throws {
    let line = #"{"frame":0,"time":0,"people":[{"id":1,"score":0.9,"box":[0,5,170,1],"keypoints":\#(points)}]}"#
    let figure = try #require(try read(header + "\n" + line).frames.first?.people.first)
    #expect(figure.pose.count == 18 && figure.seen.count == 17 && figure.seen.keypoints[3] == nil)
    #expect(abs(figure.seen.score - 0.9) < 1e-6)
  }

  /// PoseTrack numbers other key points, and labels some pictures of a video.
  @Test func posesOfPoseTrack() throws {
    let recording = try read(
      """
      {"categories": [{"id": 1, "keypoints": ["nose", "head_bottom", "left_wrist"]}],
       "images": [{"id": 12, "frame_id": 2, "width": 100, "height": 50, "is_labeled": true},
                  {"id": 11, "frame_id": 1}, {"id": 10, "frame_id": 0, "is_labeled": false}],
       "annotations": [{"image_id": 12, "track_id": 4, "keypoints": [1, 2, 1, 3, 4, 1, 0, 0, 0], "bbox": [0, 0, 9, 8]}]}
      """)
    #expect(recording.frames.map(\.index) == [1, 2] && recording.width == 100)
    let figure = try #require(recording.frames[1].people.first)
    #expect(figure.id == 4 && figure.box == Box(x: -0.5, y: -0.5, width: 9, height: 8) && figure.pose.count == 2)
    #expect(figure.pose.keypoints[1] == Keypoint(x: 2.5, y: 3.5, score: 1) && figure.pose.keypoints[7] == nil)
  }

  /// COCO has no neck: it is where the training targets have it.
  @Test func posesOfCOCO() throws {
    let recording = try read(
      """
      {"categories": [{"keypoints": ["left_shoulder", "right_shoulder"]}], "images": [{"id": 5}],
       "annotations": [{"image_id": 5, "track_id": 1, "keypoints": [10, 20, 2, 30, 40, 1], "area": 50}]}
      """)
    let figure = try #require(recording.frames.first?.people.first)
    #expect(figure.pose.keypoints[1] == Keypoint(x: 19.5, y: 29.5, score: 1) && figure.area == 50)
  }

  /// As `annotate` writes them: no list of pictures, 17 key points, pictures without people left out.
  @Test func posesOfCOCOResults() throws {
    let points = (0..<17).map { "\($0 + 1), 7, \($0 == 0 ? 0 : 0.5)" }.joined(separator: ", ")
    let people = [(8, 3), (2, 3), (2, 4)].map {
      "{\"image_id\": \($0.0), \"category_id\": 1, \"track_id\": \($0.1), \"score\": 0.9, \"keypoints\": [\(points)]}"
    }
    let recording = try read("[\(people.joined(separator: ","))]")
    #expect(recording.frames.map(\.index) == [2, 8] && recording.frames.map(\.people.count) == [2, 1])
    let pose = try #require(recording.frames[1].people.first?.pose)
    #expect(pose.keypoints[0] == nil && pose.keypoints[15] == Keypoint(x: 1.5, y: 6.5, score: 0.5))
    #expect(pose.keypoints[1] == Keypoint(x: 6, y: 6.5, score: 0.5) && !recording.isTimed)
  }

  @Test func badFiles() throws {
    for (path, reason) in [("/nowhere/x", "/nowhere/x: no such file"), ("/", "/: cannot be read")] {
      let error = #expect(throws: PosecamError.self) { try PoseRecording(contentsOf: path) }
      #expect(error?.description == reason)
    }
    let person = #""id":1,"score":0.5,"box":[0,0,1,1],"keypoints""#
    for (text, reason) in [
      ("", "is neither JSON lines of posecam nor COCO key points"),
      ("{\"frame\":0}", "is neither JSON lines"),
      ("\u{0}\u{FF}", "is neither JSON lines"),
      (header.replacingOccurrences(of: "posecam/1", with: "posecam/9"), "schema 'posecam/9' is not known"),
      (header.replacingOccurrences(of: "nose", with: "nase"), "its key points are not the 18"),
      (
        header.replacingOccurrences(of: "640,", with: "0,").replacingOccurrences(
          of: "\"model\"", with: #""coordinates":"normalized","model""#), "normalized coordinates, but no size"
      ),
      (header + "\n{\"frame\":0,\"time\":0", "line 2: is no frame"),
      (header + "\n" + #"{"frame":0,"time":0,"people":[{\#(person):[[1,2]]}]}"#, "line 2: person 1 is not understood"),
      (
        header + "\n"
          + #"{"frame":0,"time":0,"people":[{\#(person):\#(points.replacingOccurrences(of: "[0,5,1]", with: "[0,1e30,1]"))}]}"#,
        "line 2: person 1 is not understood"
      ),
      (
        header + "\n" + #"{"frame":0,"time":0,"people":[{\#(person):\#(points)},{\#(person):\#(points)}]}"#,
        "frame 0 has two people of one identity"
      ),
      (
        header + "\n" + #"{"frame":4,"time":0,"people":[]}"# + "\n" + #"{"frame":4,"time":1,"people":[]}"#,
        "frame 4 is there twice"
      ),
      (#"{"categories": [], "images": [], "annotations": []}"#, "names no key points"),
      (
        #"{"categories": [{"keypoints": ["nose"]}], "images": [{"id": 1}], "annotations": [{"image_id": 1, "track_id": 2, "keypoints": [1]}]}"#,
        "person 2 of picture 1 is not understood"
      ),
    ] {
      let told = try message(text)
      #expect(told.contains(reason) && told.hasPrefix(folder.path("poses")), "\(told)")
    }
  }

  // MARK: - Comparing

  private func recording(_ people: [[(id: Int, x: Float, visible: Int)]], first: Int = 0) throws -> PoseRecording {
    try PoseRecording(
      name: "r", source: "s", model: "m", width: 640, height: 360,
      frames: people.enumerated().map { index, people in
        .init(
          index: first + index, time: Double(index),
          people: people.map { person in
            let points = (0..<18).map {
              Keypoint(x: person.x + 5 * Float($0 % 4), y: 10 * Float($0), score: $0 < person.visible ? 1 : 0)
            }
            let pose = Pose(keypoints: points, score: 0.9)
            return .init(id: person.id, pose: pose, box: pose.box)
          })
      })
  }

  @Test func onlyPicturesOfTheTruthAreCompared() throws {
    let truth = try recording([[(1, 100, 18)], [(1, 100, 18)]])
    let results = try recording([[(8, 100, 18)], [(8, 100, 18)]], first: 1)
    let comparison = try RecordingComparison(
      truth: truth, results: results, similarity: .oks, threshold: 0.5, minVisible: 1)
    #expect(comparison.frames.map(\.results) == [[], [8]] && comparison.frames[1].similarity == [1])
    let error = #expect(throws: PosecamError.self) {
      try RecordingComparison(
        truth: truth, results: recording([[]], first: 9), similarity: .oks, threshold: 0.5, minVisible: 1)
    }
    #expect(error?.description == "r: has no frame in common with r")
  }

  /// Who is hardly visible is neither asked for, nor is finding him wrong.
  @Test func hiddenPeopleDoNotCount() throws {
    let truth = try recording([[(1, 100, 18), (2, 300, 2)]])
    let results = try recording([[(8, 300, 18), (9, 100, 18), (10, 500, 18)]])
    for similarity in RecordingComparison.Similarity.allCases {
      let strict = try RecordingComparison(
        truth: truth, results: results, similarity: similarity, threshold: 0.5, minVisible: 3
      ).frames[0]
      #expect(strict.truth == [1] && strict.results == [9, 10])
      let all = try RecordingComparison(
        truth: truth, results: results, similarity: similarity, threshold: 0.5, minVisible: 1
      ).frames[0]
      #expect(all.truth == [1, 2] && all.results == [8, 9, 10])
    }
  }
}
