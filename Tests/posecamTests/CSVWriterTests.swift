import Foundation
import Testing
import Tracker

@testable import posecam

struct CSVWriterTests {
  private func text(_ stream: PoseStream, _ coordinates: Coordinates = .pixel, _ body: (CSVWriter) throws -> Void)
    throws
    -> String
  {
    let folder = try Folder()
    let writer = try CSVWriter(path: folder.path("out.csv"), stream, coordinates: coordinates)
    try body(writer)
    try writer.finish()
    #expect(try folder.contents() == ["out.csv"])
    return try folder.text("out.csv")
  }

  @Test func aRowPerKeypoint() throws {
    let text = try text(.sample()) {
      try $0.write(frame: 0, time: 0, people: [])
      try $0.write(frame: 12, time: 0.4004004, people: twoPeople)
    }
    let rows = text.components(separatedBy: "\r\n")
    #expect(rows[0] == "frame,time,person,person_score,keypoint,x,y,score")
    #expect(rows[1] == "12,0.4004,7,0.5,nose,10,0,0.5")
    #expect(rows[2] == "12,0.4004,7,0.5,left_ear,12.5,100,0.9877")
    #expect(rows[3] == "12,0.4004,3,0.5714,nose,0,0.5,0")
    #expect(rows[20] == "12,0.4004,3,0.5714,left_ear,170,340.5,0.85")
    #expect(rows[21...] == [""])
  }

  @Test func picturesHaveAColumnAndCommasAreQuoted() throws {
    let text = try text(.sample("folder", isStill: true), .normalized) {
      try $0.write(
        frame: 0, time: 0, people: [person(1, [1: Keypoint(x: 319.5, y: -0.5, score: 1)], totalScore: 1)],
        picture: #"a,"b".jpg"#)
    }
    #expect(
      text == "frame,time,person,person_score,keypoint,x,y,score,picture\r\n"
        + "0,0,1,1,neck,0.5,0,1,\"a,\"\"b\"\".jpg\"\r\n")
  }

  @Test func whatIsNoNumberIsNoRow() throws {
    let broken = person(
      1, [0: Keypoint(x: .nan, y: 1, score: 1), 1: Keypoint(x: 1, y: 2, score: .nan)], totalScore: 1)
    let rows = try text(.sample()) { try $0.write(frame: 0, time: .infinity, people: [broken]) }.split(
      separator: "\r\n")
    #expect(rows.count == 2 && rows[1] == "0,0,1,0.3333,neck,1,2,0")
  }
}
