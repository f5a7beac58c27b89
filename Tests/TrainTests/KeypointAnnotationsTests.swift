import Testing

@testable import Train

private let image = "{\"id\": 3, \"file_name\": \"a.jpg\", \"width\": 20, \"height\": 10}"

private func read(_ annotations: String, images: String = image, more: String = "") throws -> KeypointAnnotations {
  try KeypointAnnotations(
    Array("{\"images\": [\(images)], \"annotations\": [\(annotations)]\(more)}".utf8), name: "people.json")
}

/// - Parameter first: x, y and visibility of the nose; the other 16 are absent.
private func person(id: Int = 1, image: Int = 3, first: String = "4, 5, 2", more: String = "") -> String {
  let points = first + String(repeating: ", 0, 0, 0", count: 16)
  return "{\"id\": \(id), \"image_id\": \(image), \"bbox\": [1, 2, 6, 7], \"keypoints\": [\(points)]\(more)}"
}

struct KeypointAnnotationsTests {
  @Test func readsWhatIsThere() throws {
    let annotations = try read(person(more: ", \"area\": 40, \"agreement\": 0.7, \"num_keypoints\": 1"))
    let found = try #require(annotations.pictures.first?.people.first)
    #expect(found.keypoints[0] == .init(x: 4, y: 5, visibility: 2))
    #expect(found.keypoints.dropFirst().allSatisfy { $0.visibility == 0 })
    #expect(found.area == 40 && found.agreement == 0.7 && found.keypointCount == 1 && !found.isCrowd)
    #expect(annotations.problems.isEmpty)
  }

  @Test func crowdsAndIgnoredPeopleAreNobody() throws {
    let annotations = try read(
      [person(id: 1, more: ", \"iscrowd\": 1"), person(id: 2, more: ", \"label\": \"ignore\"")].joined(separator: ","))
    #expect(annotations.pictures[0].people.map(\.isCrowd) == [true, true])
  }

  @Test(arguments: [
    ("[1, 2", "line 1: the file ends early"), ("{\"images\": []}", "the lists 'images' and 'annotations' are missing"),
    ("{\"images\": [], \"annotations\": []} x", "something follows"), ("", "the file ends early"),
    ("{\"images\": [], \n\"annotations\" []}", "line 2: ':' is missing"),
    (String(repeating: "[", count: 100_000), "nested more than"),
    ("{\"images\": [], \"annotations\": [], \"categories\": [{\"name\": \"cat\"}, {\"name\": \"dog\"}]}", "'person'"),
    (
      "{\"images\": [], \"annotations\": [], \"categories\": [{\"name\": \"person\", \"keypoints\": [\"nose\"]}]}",
      "1 key points, not COCO's 17"
    ),
    ("{\"images\": [\(image), \(image)], \"annotations\": []}", "two images have the id 3"),
    (
      "{\"images\": [], \"annotations\": [], \"categories\": [{\"name\": \"person\", \"keypoints\": ["
        + KeypointLayout.cocoNames.reversed().map { "\"\($0)\"" }.joined(separator: ",") + "]}]}",
      "its key point 1 is 'right_ankle', where COCO's order has 'nose'"
    ),
  ])
  func filesOfAnotherKindAreRefused(_ text: String, _ message: String) {
    let error = #expect(throws: TrainError.self) { try KeypointAnnotations(Array(text.utf8), name: "people.json") }
    #expect(error?.description.hasPrefix("people.json: ") == true)
    #expect(error?.description.contains(message) == true, "\(error?.description ?? "")")
  }

  @Test(arguments: [
    (person(image: 4), "annotation of an image that the file does not list", 0),
    (person(first: "NaN, 5, 2"), "key point that is no number", 1),
    (person(first: "Infinity, 5, 2"), "key point that is no number", 1),
    (person(first: "null, 5, 2"), "key point that is no number", 1),
    (person(first: "1e300, 5, 2"), "key point that is no number", 1),
    (person(first: "25, 5, 2"), "key point outside its picture", 1),
    (person() + "," + person(), "annotation id used more than once", 2),
    ("{\"image_id\": 3, \"bbox\": [0, 0, 1, 1]}", "annotation without id", 1),
    ("7", "annotation of an image that the file does not list", 0),
    ("{\"id\": 1, \"image_id\": 3, \"bbox\": [0, 0, 1, 1], \"keypoints\": [1, 2, 2]}", "number of key points", 1),
    ("{\"id\": 1, \"image_id\": 3, \"bbox\": [0, NaN, 1]}", "without a usable bbox", 1),
    (person(more: ", \"area\": NaN"), "without a usable area", 1),
    (person(more: ", \"segmentation\": {\"size\": [10, 20], \"counts\": [500]}"), "segmentation", 1),
  ])
  func badAnnotationsAreCountedAndNamed(_ text: String, _ problem: String, _ kept: Int) throws {
    let annotations = try read(text)
    #expect(annotations.problems.lines.count == 1)
    #expect(annotations.problems.lines.first?.hasPrefix("1 × ") == true)
    #expect(annotations.problems.lines.first?.contains(problem) == true, "\(annotations.problems.lines)")
    #expect(annotations.pictures[0].people.count == kept)
  }

  /// Else its picture would teach that nobody is there.
  @Test func whoseKeyPointsAreNotCOCOsIsNotLabelled() throws {
    let annotations = try read("{\"id\": 1, \"image_id\": 3, \"bbox\": [0, 0, 1, 1], \"keypoints\": [1, 2, 2]}")
    #expect(annotations.pictures[0].people.map(\.isCrowd) == [true])
  }

  /// 2^53 and 2^53 + 1 would be one number.
  @Test func idsOfTooManyDigitsAreNone() throws {
    let text = "{\"images\": [\(image.replacing("3", with: "9007199254740993"))], \"annotations\": []}"
    let annotations = try KeypointAnnotations(Array(text.utf8), name: "people.json")
    #expect(annotations.pictures.isEmpty && annotations.problems.lines.count == 1)
  }

  @Test func imagesWithoutSizeAreLeftOut() throws {
    let annotations = try read("", images: "{\"id\": 1, \"file_name\": \"b.jpg\"}, \(image)")
    #expect(annotations.pictures.map(\.fileName) == ["a.jpg"])
    #expect(annotations.problems.lines == ["1 × image without a usable id, file_name, width or height: image 1"])
  }

  @Test func numbersAndTextsAreExact() throws {
    let text = "[0.1, -12.5e3, 123456789.123456789, 1E-7, \"a\\u00e9\\ud83d\\ude00\\n\\\"\", true, null, -Infinity]"
    let values = try #require(try JSONValue(Array(text.utf8), name: "x").array)
    #expect(values.prefix(4).compactMap(\.number) == [0.1, -12.5e3, 123456789.123456789, 1e-7])
    #expect(values[4].string == "aé😀\n\"")
    #expect(values[5].bool == true)
    #expect(values[7].number == -.infinity)
  }
}

struct KeypointLayoutTests {
  private func points(_ shoulders: (left: PersonAnnotation.Point, right: PersonAnnotation.Point)) -> [LabelPoint] {
    var coco = [PersonAnnotation.Point](repeating: .init(x: 0, y: 0, visibility: 0), count: 17)
    (coco[5], coco[6]) = shoulders
    return KeypointLayout.internalPoints(of: coco, width: 20, height: 10)
  }

  @Test func theNeckIsBetweenTheShoulders() {
    let both = points((.init(x: 8, y: 4, visibility: 2), .init(x: 2, y: 6, visibility: 2)))
    #expect(both[1] == LabelPoint(x: 5, y: 5, visibility: .visible))
    #expect(both[2] == LabelPoint(x: 2, y: 6, visibility: .visible))
    #expect(both[5] == LabelPoint(x: 8, y: 4, visibility: .visible))
    let hidden = points((.init(x: 8, y: 4, visibility: 1), .init(x: 2, y: 6, visibility: 2)))
    #expect(hidden[1].visibility == .occluded && hidden[5].visibility == .occluded)
    let outside = points((.init(x: 20, y: 4, visibility: 2), .init(x: 2, y: 6, visibility: 2)))
    #expect(outside[1].visibility == .absent && outside[5].visibility == .absent)
  }

  @Test func aMirrorTwiceIsNone() {
    #expect((0..<18).allSatisfy { KeypointLayout.mirrored[KeypointLayout.mirrored[$0]] == $0 })
  }
}
