import Testing

@testable import Train

struct RegionTests {
  private func bitmap(_ json: String, width: Int, height: Int) throws -> [UInt8] {
    let region = try Region(JSONValue(Array(json.utf8), name: "region"), width: width, height: height)
    var bitmap = [UInt8](repeating: 0, count: width * height)
    region.fill(&bitmap, width: width, height: height)
    return bitmap
  }

  @Test func runsGoDownTheColumns() throws {
    #expect(
      try bitmap("{\"size\": [2, 3], \"counts\": [1, 2, 2, 1]}", width: 3, height: 2) == [
        0, 1, 0,
        1, 0, 1,
      ])
  }

  /// As pycocotools writes it: "04221" are 0, 4, 2, 6 (2 + 4), 3 (1 + 2).
  @Test func compressedRunsAreDifferences() throws {
    let plain = try bitmap("{\"size\": [5, 3], \"counts\": [0, 4, 2, 6, 3]}", width: 3, height: 5)
    #expect(try bitmap("{\"size\": [5, 3], \"counts\": \"04221\"}", width: 3, height: 5) == plain)
    #expect(plain.reduce(0) { $0 + Int($1) } == 10)
  }

  @Test func polygonsCoverTheCentresInside() throws {
    #expect(
      try bitmap("[[1, 1, 3, 1, 3, 3, 1, 3], [0, 0]]", width: 4, height: 4) == [
        0, 0, 0, 0,
        0, 1, 1, 0,
        0, 1, 1, 0,
        0, 0, 0, 0,
      ])
    #expect(try bitmap("[[-100, -100, 100, -100, 100, 100, -100, 100]]", width: 2, height: 2) == [1, 1, 1, 1])
  }

  /// Each difference is allowed, their sum is more than any number holds.
  @Test func differencesThatAddUpBeyondNumbersAreRefused() {
    let text = String(repeating: "oooooooooo?", count: 1100)
    #expect(throws: TrainError.self) { try bitmap("{\"size\": [2, 3], \"counts\": \"\(text)\"}", width: 3, height: 2) }
  }

  @Test(arguments: [
    "7", "{}", "[[1, 2, 3]]", "[[NaN, 1, 2, 2, 3, 3]]", "{\"size\": [2, 2], \"counts\": [1]}",
    "{\"size\": [2, 3], \"counts\": [7]}", "{\"size\": [2, 3], \"counts\": [6, 6]}",
    "{\"size\": [2, 3], \"counts\": [-1, 2]}", "{\"size\": [2, 3], \"counts\": \"oooooooooooooooooooo\"}",
    "{\"size\": [2, 3], \"counts\": \"\\u0001\"}", "{\"size\": [2, 3], \"counts\": \"N0\"}",
    "{\"size\": [2, 3], \"counts\": \"o\"}",
  ])
  func malformedOnesAreRefused(_ json: String) {
    #expect(throws: TrainError.self) { try bitmap(json, width: 3, height: 2) }
  }
}
