import Foundation
import Testing
import Video

@testable import Train

struct PreparedPicturesTests {
  @Test func largePicturesAreMadeSmallerWithTheirLabels() throws {
    let folder = NSTemporaryDirectory() + "prepare-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let frame = try Frame(
      bitmap: Bitmap(width: 128, height: 64), index: 0, timestamp: Timestamp(ticks: 0, numerator: 1, denominator: 1))
    try PictureWriter.write(frame, to: "\(folder)/a.png")
    let points = "40, 20, 2" + String(repeating: ", 0, 0, 0", count: 16)
    let text = """
      {"images": [{"id": 4, "file_name": "a.png", "width": 128, "height": 64}, \
      {"id": 5, "file_name": "a.png", "width": 100, "height": 64}, {"id": 6, "file_name": "b.png", "width": 9, "height": 9}], \
      "annotations": [{"id": 1, "image_id": 4, "num_keypoints": 1, "area": 800, "bbox": [8, 4, 40, 20], "keypoints": [\(points)], \
      "segmentation": {"size": [64, 128], "counts": [0, 4096, 4096]}, "iscrowd": 1}]}
      """
    let annotations = try KeypointAnnotations(Array(text.utf8), name: "made up")
    let (_, problems) = try PreparedPictures(longestSide: 64).write(annotations, images: folder, to: "\(folder)/small")
    #expect(problems.kinds.map(\.count) == [1, 1])

    #expect {
      try PreparedPictures(longestSide: 32).write(
        annotations, images: "\(folder)/small/pictures", to: "\(folder)/small")
    } throws: { "\($0)".contains("its pictures are the ones to be read") }

    let inside = text.replacingOccurrences(of: "a.png", with: "small/pictures/4.jpg")
    #expect {
      try PreparedPictures(longestSide: 32).write(
        KeypointAnnotations(Array(inside.utf8), name: "beside"), images: folder, to: "\(folder)/small")
    } throws: { "\($0)".contains("its pictures are the ones to be read") }

    let read = try KeypointAnnotations(contentsOf: "\(folder)/small/people.json")
    #expect(read.problems.isEmpty && read.pictures.count == 1)
    let (picture, person) = (read.pictures[0], try #require(read.pictures[0].people.first))
    #expect(picture.width == 64 && picture.height == 32)
    #expect(person.keypoints[0] == .init(x: 20, y: 10, visibility: 2))
    #expect(person.box.width == 20 && person.area == 200)
    var bitmap = [UInt8](repeating: 0, count: 64 * 32)
    person.region?.fill(&bitmap, width: 64, height: 32)
    #expect(bitmap.enumerated().allSatisfy { ($0.element == 1) == ($0.offset % 64 < 32) })
    let image = try PictureReader().read("\(folder)/small/pictures/4.jpg")
    #expect(image.width == 64 && image.height == 32)
  }

  @Test func nothingToPrepareIsAnError() throws {
    let folder = NSTemporaryDirectory() + "prepare-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    for images in ["", "{\"id\": 1, \"file_name\": \"a.png\"}"] {
      let annotations = try KeypointAnnotations(
        Array("{\"images\": [\(images)], \"annotations\": []}".utf8), name: "made up")
      #expect {
        try PreparedPictures(longestSide: 64).write(annotations, images: folder, to: folder)
      } throws: { "\($0)".contains("none of the pictures of made up can be used") }
    }
  }

  @Test func aSubsetKeepsEverythingElse() throws {
    let folder = NSTemporaryDirectory() + "subset-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let images = (0..<10).map { "{\"id\": \($0 + 100), \"extra\": \"\\u00e9\"}" }.joined(separator: ",")
    let labels = (0..<10).map { "{\"id\": \($0), \"image_id\": \($0 + 100), \"area\": 0.25}" }.joined(separator: ",")
    let text = "{\"info\": {\"a\": [true, null]}, \"images\": [\(images)], \"annotations\": [\(labels)]}"
    try Data(text.utf8).write(to: URL(fileURLWithPath: "\(folder)/all.json"))
    let count = try KeypointAnnotations.writeSubset(
      of: "\(folder)/all.json", count: 3, seed: 0, to: "\(folder)/some.json")
    #expect(count == 3)
    let written = try String(contentsOfFile: "\(folder)/some.json", encoding: .utf8)
    #expect(
      written == """
        {"annotations":[{"area":0.25,"id":7,"image_id":107},{"area":0.25,"id":8,"image_id":108},\
        {"area":0.25,"id":1,"image_id":101}],"images":[{"extra":"é","id":107},{"extra":"é","id":108},\
        {"extra":"é","id":101}],"info":{"a":[true,null]}}

        """)
  }
}
