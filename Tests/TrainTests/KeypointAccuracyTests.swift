import Testing

@testable import Train

struct KeypointAccuracyTests {
  /// A person whose joint k lies at (10 k, 20); head size 10, torso 70.
  private func annotations(head: Bool = true, labelled: Range<Int> = 0..<17) throws -> KeypointAnnotations {
    let points = (0..<17).map { labelled.contains($0) ? "\(10 * $0), 20, 2" : "0, 0, 0" }.joined(separator: ", ")
    let text = """
      {"images": [{"id": 1, "file_name": "a.jpg", "width": 200, "height": 100}], "annotations": [{"id": 1, "image_id": 1, \
      "num_keypoints": 17, "area": 9000, "bbox": [0, 0, 170, 50]\(head ? ", \"head_size\": 10" : ""), "keypoints": [\(points)]}]}
      """
    return try KeypointAnnotations(Array(text.utf8), name: "people")
  }

  /// The person as found, joint k moved down by `shift(k)`.
  private func result(_ shift: (Int) -> Double) -> KeypointResult {
    KeypointResult(
      pictureID: 1, keypoints: (0..<17).map { (x: 10 * Double($0), y: 20 + shift($0)) }, score: 1)
  }

  @Test func halfAHeadAwayCountsOnlyInclusively() throws {
    let accuracy = try KeypointAccuracy(
      annotations(), results: [result { $0 < 11 ? 5 : 4.9 }], reference: .head)
    #expect(accuracy.groups.map(\.value) == [0, 0, 0, 100, 100, 100])
    #expect(accuracy.mean == 50 && accuracy.weightedMean == 100 && accuracy.people == 1)
    #expect(accuracy.curve[48] == 0 && accuracy.curve[49] == 50 && accuracy.curve[50] == 100)
  }

  @Test func jointsThatNobodyLabelledAreLeftOut() throws {
    let accuracy = try KeypointAccuracy(
      annotations(labelled: 0..<14), results: [result { $0 == 13 ? 30 : 0 }], reference: .head)
    #expect(accuracy.groups.map(\.value) == [100, 100, 100, 100, 0, nil])
    #expect(abs(accuracy.mean - 800 / 9) < 1e-9)
    #expect {
      try KeypointAccuracy(annotations(labelled: 0..<5), results: [], reference: .head)
    } throws: { "\($0)".contains("people: none of its people who can be measured has a labelled joint") }
  }

  @Test func theMoreSimilarResultIsTaken() throws {
    let accuracy = try KeypointAccuracy(
      annotations(), results: [result { _ in 30 }, result { _ in 0 }], reference: .torso)
    #expect(accuracy.mean == 100 && accuracy.curve[0] == 100)
  }

  @Test func whoIsNotFoundHasNoPoints() throws {
    let accuracy = try KeypointAccuracy(annotations(), results: [], reference: .head)
    #expect(accuracy.mean == 0 && accuracy.weightedMean == 0)
  }

  @Test func withoutHeadsThereIsNoMeasure() throws {
    let error = #expect(throws: TrainError.self) {
      try KeypointAccuracy(annotations(head: false), results: [], reference: .head)
    }
    #expect(error?.description.contains("'head_size'") == true)
  }
}
