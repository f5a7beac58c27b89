import Foundation
import Video

extension KeypointResult {
  /// Reads a list of results: `image_id`, `keypoints` (51 numbers) and `score` each. Those of another category than people are
  /// passed over.
  /// - Parameter category: `category_id` of people; `nil` if all are.
  /// - Throws: naming the file and the entry that is not one; also where none of them is of people.
  public static func read(contentsOf path: String, category: Int? = nil) throws(TrainError) -> [KeypointResult] {
    guard let data = try? Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped) else {
      throw TrainError("\(path): the results cannot be read; is it a file?")
    }
    return try read([UInt8](data), name: path, category: category)
  }

  static func read(_ bytes: [UInt8], name: String, category: Int? = nil) throws(TrainError) -> [KeypointResult] {
    guard let list = try JSONValue(bytes, name: name).array else {
      throw TrainError("\(name): not a list of results ([{\"image_id\": …, \"keypoints\": […], \"score\": …}, …])")
    }
    var results: [KeypointResult] = []
    results.reserveCapacity(list.count)
    for (index, entry) in list.enumerated()
    where category == nil || (entry["category_id"]?.integer ?? category) == category {
      guard let picture = entry["image_id"]?.integer else {
        throw TrainError("\(name): result \(index) has no image_id")
      }
      guard let score = entry["score"]?.number, score.isFinite else {
        throw TrainError("\(name): result \(index) has no score, or one that is no number")
      }
      guard let values = entry["keypoints"]?.numbers, values.count == 51 else {
        throw TrainError("\(name): result \(index) has no 17 key points (51 numbers)")
      }
      guard values.allSatisfy(\.isFinite) else {
        throw TrainError("\(name): result \(index) has a key point that is no number")
      }
      results.append(
        KeypointResult(
          pictureID: picture, keypoints: (0..<17).map { (values[3 * $0], values[3 * $0 + 1]) }, score: score))
    }
    if let category, results.isEmpty, let other = list.first?["category_id"]?.integer {
      throw TrainError("\(name): no result of people: their category_id is \(category), the file's \(other)")
    }
    return results
  }

  /// Writes COCO's form; a joint that was not found is 0, 0, 0.
  /// - Parameter category: `category_id` of people.
  public static func write(_ results: [KeypointResult], category: Int, to path: String) throws(TrainError) {
    var text = "["
    for (index, result) in results.enumerated() {
      let points = result.keypoints.map { $0.x == 0 && $0.y == 0 ? "0,0,0" : "\(rounded($0.x)),\(rounded($0.y)),1" }
      text += index == 0 ? "\n" : ",\n"
      text +=
        "{\"image_id\":\(result.pictureID),\"category_id\":\(category),\"keypoints\":[\(points.joined(separator: ","))],"
      text += "\"score\":\(result.score)}"
    }
    text += "\n]\n"
    do { try PartialFile.write(text, to: path) } catch { throw TrainError(error.description) }
  }

  private static func rounded(_ value: Double) -> Double { (value * 1000).rounded() / 1000 }
}
