import Foundation
import TestSupport
import Testing

@testable import Train

struct CocoKeypointMetricTests {
  private struct Expected: Decodable {
    var order: [String]
    var expected: [String: [Double]]
  }

  static let cases = [
    "perfect", "small-noise", "medium-noise", "large-noise", "more-than-20-per-image", "equal-scores", "empty",
  ]

  @Test(.enabled(if: Shared.isPresent, "no reference data beside this checkout"), arguments: cases)
  func equalsTheReference(_ name: String) throws {
    let folder = Shared.url("golden/coco-eval")
    let expected = try JSONDecoder().decode(
      Expected.self, from: Data(contentsOf: folder.appendingPathComponent("expected.json")))
    let annotations = try KeypointAnnotations(contentsOf: folder.appendingPathComponent("annotations.json").path)
    let results = try KeypointResult.read(contentsOf: folder.appendingPathComponent("results-\(name).json").path)
    let metric = try CocoKeypointMetric(annotations, results: results)
    #expect(expected.order == CocoKeypointMetric.Summary.names)
    let numbers = try #require(expected.expected[name])
    for (found, number) in zip(metric.summary.values, numbers) { #expect(abs(found - number) < 2e-6) }
  }

  private func annotations(_ people: String) throws -> KeypointAnnotations {
    let text = """
      {"images": [{"id": 7, "file_name": "a.jpg", "width": 200, "height": 100}], "annotations": [\(people)]}
      """
    return try KeypointAnnotations(Array(text.utf8), name: "made up")
  }

  private func person(_ points: [(x: Double, y: Double)]) -> String {
    let list = points.map { "\($0.x),\($0.y),2" }.joined(separator: ",")
    return """
      {"id": 1, "image_id": 7, "category_id": 1, "iscrowd": 0, "num_keypoints": 17, "area": 5000, \
      "bbox": [0, 0, 100, 100], "keypoints": [\(list)]}
      """
  }

  private let points: [(x: Double, y: Double)] = (0..<17).map { (joint: Int) -> (x: Double, y: Double) in
    let step = Double(joint)
    return (5 * step + 3, 4 * step + 2)
  }

  @Test func oneRightPersonIsEverything() throws {
    let metric = try CocoKeypointMetric(
      annotations(person(points)), results: [KeypointResult(pictureID: 7, keypoints: points, score: 0.4)])
    // Of medium size: nobody is labelled who is large.
    let expected: [Double] = [1, 1, 1, 1, -1, 1, 1, 1, 1, -1]
    for (found, number) in zip(metric.summary.values, expected) { #expect(abs(found - number) < 1e-12) }
    #expect(metric.joints.allSatisfy { $0.labelled == 1 && $0.matched == 1 && $0.similarity == 1 })
    #expect(metric.pictureScores == [1])
  }

  @Test func noResultsAtAllGiveZero() throws {
    let metric = try CocoKeypointMetric(annotations(person(points)), results: [])
    #expect(metric.summary.values == [Double](repeating: 0, count: 10))
  }

  @Test func noPeopleAtAllIsNoCrash() throws {
    let metric = try CocoKeypointMetric(
      annotations(""), results: [KeypointResult(pictureID: 7, keypoints: points, score: 0.4)])
    #expect(metric.summary.values == [Double](repeating: -1, count: 10))
    #expect(metric.pictureScores == [0.5])
  }

  @Test func aResultOfAnUnknownPictureIsNamed() throws {
    let annotations = try annotations(person(points))
    let error = #expect(throws: TrainError.self) {
      try CocoKeypointMetric(annotations, results: [KeypointResult(pictureID: 8, keypoints: points, score: 1)])
    }
    #expect(error?.description == "results hold image_id 8, which made up does not list")
  }

  @Test(arguments: [
    ("{}", "not a list"), ("[{\"score\": 1}]", "result 0 has no image_id"),
    ("[{\"image_id\": 1, \"score\": NaN}]", "no score"), ("[{\"image_id\": 1, \"score\": 1}]", "51 numbers"),
    ("[{\"image_id\": 1, \"score\": 1, \"keypoints\": [1, 2, 3]}]", "51 numbers"), ("[1, 2", "the file ends early"),
  ])
  func badResultsAreTold(_ text: String, _ message: String) {
    let error = #expect(throws: TrainError.self) { try KeypointResult.read(Array(text.utf8), name: "r.json") }
    #expect(error?.description.contains(message) == true)
    #expect(error?.description.hasPrefix("r.json: ") == true)
  }

  /// As pycocotools does it, which scores each category by itself.
  @Test func resultsOfOtherCategoriesArePassedOver() throws {
    let points = [String](repeating: "1", count: 51).joined(separator: ",")
    let results = ["", "\"category_id\": 1,", "\"category_id\": 2,"].map {
      "{\"image_id\": 7, \($0) \"score\": 1, \"keypoints\": [\(points)]}"
    }
    let text = Array("[\(results.joined(separator: ","))]".utf8)
    #expect(try KeypointResult.read(text, name: "r.json", category: 1).count == 2)
    #expect(try KeypointResult.read(text, name: "r.json", category: 2).count == 2)
  }
}
