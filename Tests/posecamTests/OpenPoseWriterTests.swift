import Foundation
import Testing
import Tracker

@testable import posecam

struct OpenPoseWriterTests {
  private static let otherParts =
    #""face_keypoints_2d":[],"hand_left_keypoints_2d":[],"hand_right_keypoints_2d":[],"pose_keypoints_3d":[],"#
    + #""face_keypoints_3d":[],"hand_left_keypoints_3d":[],"hand_right_keypoints_3d":[]"#

  @Test func aFilePerFrameUnderOpenPosesNames() throws {
    let folder = try Folder()
    let writer = try OpenPoseWriter(folder: folder.path("json"), .sample("/videos/my.clip.mp4"))
    try writer.write(frame: 0, time: 0, people: [])
    try writer.write(frame: 1234, time: 1, people: [])
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path("json")).sorted() == [
        "my.clip_000000000000_keypoints.json", "my.clip_000000001234_keypoints.json",
      ])
    #expect(try folder.text("json/my.clip_000000000000_keypoints.json") == #"{"version":1.3,"people":[]}"#)
  }

  @Test func camerasAndPicturesHaveOtherNames() throws {
    let folder = try Folder()
    let camera = try OpenPoseWriter(folder: folder.path(""), .sample("0", isLive: true))
    try camera.write(frame: 3, time: 0, people: [])
    let pictures = try OpenPoseWriter(folder: folder.path(""), .sample("pictures/", isStill: true))
    try pictures.write(frame: 0, time: 0, people: [], picture: "img 1.jpg")
    #expect(try folder.contents() == ["000000000003_keypoints.json", "img 1_keypoints.json"])
  }

  @Test func picturesOfOneNameHaveFilesOfTheirOwn() throws {
    let folder = try Folder()
    let writer = try OpenPoseWriter(folder: folder.path(""), .sample("pictures/", isStill: true))
    for picture in ["a.jpg", "a.png", "b.png", "a.jpg"] {
      try writer.write(frame: 0, time: 0, people: [], picture: picture)
    }
    #expect(try folder.contents() == ["a.png_keypoints.json", "a_keypoints.json", "b_keypoints.json"])
  }

  @Test func cocoOrderIsWrittenToTheByte() throws {
    let folder = try Folder()
    let writer = try OpenPoseWriter(folder: folder.path(""), .sample())
    try writer.write(frame: 0, time: 0, people: twoPeople)
    let zeros = String(repeating: ",0,0,0", count: 16)
    let whole = (0..<18).map { i in
      let y = i == 0 ? "0.5" : "\(20 * i).5"
      return
        "\(10 * i),\(y),\(["0", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3", "0.35", "0.4", "0.45", "0.5", "0.55", "0.6", "0.65", "0.7", "0.75", "0.8", "0.85"][i])"
    }.joined(separator: ",")
    #expect(
      try folder.text("clip_000000000000_keypoints.json")
        == #"{"version":1.3,"people":[{"person_id":[7],"pose_keypoints_2d":[10.004,-0.001,0.5\#(zeros),12.5,100,0.98768],"#
        + Self.otherParts + #"},{"person_id":[3],"pose_keypoints_2d":[\#(whole)],"# + Self.otherParts + "}]}")
  }

  /// The middle of the hips lies between them; the feet are absent.
  @Test func body25Order() throws {
    let folder = try Folder()
    let writer = try OpenPoseWriter(folder: folder.path(""), .sample(), order: .body25)
    try writer.write(frame: 0, time: 0, people: [twoPeople[1]])
    let text = try folder.text("clip_000000000000_keypoints.json")
    let object = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
    let numbers = try #require((object["people"] as? [[String: Any]])?.first?["pose_keypoints_2d"] as? [Double])
    #expect(numbers.count == 75)
    let names = OpenPoseWriter.Order.body25Names
    let ours = [
      "Nose": 0, "Neck": 1, "RShoulder": 2, "LShoulder": 5, "LWrist": 7, "RHip": 8, "RAnkle": 10, "LHip": 11,
      "LAnkle": 13, "REye": 14, "LEye": 15, "REar": 16, "LEar": 17,
    ]
    for (name, joint) in ours {
      let at = try #require(names.firstIndex(of: name))
      #expect(numbers[3 * at] == Double(10 * joint) && numbers[3 * at + 1] == Double(20 * joint) + 0.5, "\(name)")
    }
    #expect(Array(numbers[24..<27]) == [95, 190.5, 0.4])
    #expect(numbers[57...].allSatisfy { $0 == 0 })
  }

  @Test func normalizedCoordinates() throws {
    let folder = try Folder()
    let writer = try OpenPoseWriter(folder: folder.path(""), .sample(), coordinates: .normalized)
    try writer.write(
      frame: 0, time: 0, people: [person(1, [0: Keypoint(x: 319.5, y: 89.5, score: 1)], totalScore: 1)])
    #expect(try folder.text("clip_000000000000_keypoints.json").contains(#""pose_keypoints_2d":[0.5,0.25,1,0,0,0,"#))
  }

  @Test func whatIsNoFolderIsRefused() throws {
    let folder = try Folder()
    try "precious".write(toFile: folder.path("file"), atomically: false, encoding: .utf8)
    for (name, reason) in [("file", "is no folder"), ("no/where", "cannot be made: No such file")] {
      #expect {
        _ = try OpenPoseWriter(folder: folder.path(name), .sample())
      } throws: { "\($0)".contains(name) && "\($0)".contains(reason) }
    }
    #expect(try folder.text("file") == "precious")
  }
}
