import Foundation
import Testing
import Tracker
import Train

@testable import posecam

struct CocoResultsWriterTests {
  private func text(_ body: (CocoResultsWriter) throws -> Void) throws -> String {
    let folder = try Folder()
    let writer = try CocoResultsWriter(path: folder.path("out.json"))
    try body(writer)
    try writer.finish()
    #expect(try folder.contents() == ["out.json"])
    return try folder.text("out.json")
  }

  /// COCO's order, half a pixel added, the neck left out, absent ones three zeros.
  @Test func theListIsWrittenToTheByte() throws {
    let text = try text {
      try $0.write(frame: 0, time: 0, people: [])
      try $0.write(frame: 12, time: 0.4, people: twoPeople)
    }
    let zeros = String(repeating: ",0,0,0", count: 13)
    // 0 nose, 15 left eye, 14 right eye, 17 left ear, 16, 5 left shoulder, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10
    let places = [0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10]
    let whole = places.map { "\(10 * $0).5,\(20 * $0 + 1),1" }.joined(separator: ",")
    #expect(
      text == """
        [
        {"image_id":12,"category_id":1,"keypoints":[10.5,0.5,1,0,0,0,0,0,0,13,100.5,1\(zeros)],"score":1.5,"track_id":7},
        {"image_id":12,"category_id":1,"keypoints":[\(whole)],"score":340,"track_id":3}
        ]

        """)
  }

  @Test func nobodyIsAnEmptyList() throws {
    let text = try text { try $0.write(frame: 0, time: 0, people: []) }
    let list = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [Any]
    #expect(list?.isEmpty == true)
  }

  @Test func ourOwnEvaluationReadsIt() throws {
    let folder = try Folder()
    let writer = try CocoResultsWriter(path: folder.path("out.json"))
    try writer.write(frame: 5, time: 0, people: twoPeople)
    try writer.finish()
    let results = try KeypointResult.read(contentsOf: folder.path("out.json"))
    #expect(results.map(\.pictureID) == [5, 5] && results.map(\.score) == [1.5, 340])
    #expect(results[1].keypoints[5] == (50.5, 101))
  }

  @Test func picturesAreKnownByTheNumbersInTheirNames() throws {
    let text = try text {
      try $0.write(frame: 0, time: 0, people: [twoPeople[0]], picture: "COCO_val2014_000000000139.jpg")
      try $0.write(frame: 1, time: 1, people: [twoPeople[0]], picture: "000000397133.png")
      try $0.write(frame: 2, time: 2, people: [twoPeople[0]], picture: "holiday.jpg")
    }
    let numbers = text.matches(of: #/"image_id":(\d+)/#).map { String($0.1) }
    #expect(numbers == ["139", "397133", "2"])
  }

  @Test func twoPicturesOfOneNumberAreRefused() throws {
    #expect {
      _ = try text {
        try $0.write(frame: 0, time: 0, people: [], picture: "a 7.jpg")
        try $0.write(frame: 1, time: 1, people: [], picture: "b 7.jpg")
      }
    } throws: { "\($0)".contains("a 7.jpg and b 7.jpg would both be picture 7") }
  }
}
