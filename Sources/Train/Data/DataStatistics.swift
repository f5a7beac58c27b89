/// What a data set holds, in numbers.
public struct DataStatistics: Sendable {
  public let pictures: Int
  /// Pictures in which nobody is.
  public let emptyPictures: Int
  /// People with key points who are no crowd.
  public let people: Int
  /// Regions to ignore: crowds, and people who were seen but not labelled.
  public let ignored: Int
  /// Labelled key points of those people: 17, in COCO's order.
  public let keypoints: [Int]
  /// Of the people's boxes, as a share of the picture's height: the smallest, the quartiles, the largest.
  public let heights: [Double]
  /// Pictures by where they come from.
  public let sources: [(name: String, count: Int)]

  public init(_ annotations: KeypointAnnotations) {
    var (people, ignored, empty) = (0, 0, 0)
    var keypoints = [Int](repeating: 0, count: 17)
    var heights: [Double] = []
    var sources: [String: Int] = [:]
    for picture in annotations.pictures {
      sources[picture.source ?? "", default: 0] += 1
      if picture.people.isEmpty { empty += 1 }
      for person in picture.people {
        guard !person.isCrowd, person.keypointCount > 0 else {
          ignored += 1
          continue
        }
        people += 1
        heights.append(person.box.height / Double(picture.height))
        for (joint, point) in person.keypoints.enumerated() where point.visibility > 0 { keypoints[joint] += 1 }
      }
    }
    heights.sort()
    pictures = annotations.pictures.count
    (self.people, self.ignored, emptyPictures, self.keypoints) = (people, ignored, empty, keypoints)
    self.heights = heights.isEmpty ? [] : (0...4).map { heights[(heights.count - 1) * $0 / 4] }
    self.sources = sources.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
  }

  /// For people.
  public var lines: [String] {
    var lines = ["\(pictures) pictures, \(emptyPictures) with nobody; \(people) people, \(ignored) regions to ignore"]
    if sources.contains(where: { !$0.name.isEmpty }) {
      lines.append(
        "from " + sources.map { "\($0.name.isEmpty ? "unknown" : $0.name) \($0.count)" }.joined(separator: ", "))
    }
    if !heights.isEmpty {
      let shares = heights.map { "\(Int((100 * $0).rounded())) %" }
      lines.append("height of a person in the picture, smallest, quartiles, largest: \(shares.joined(separator: ", "))")
    }
    for (name, count) in zip(KeypointLayout.cocoNames, keypoints) where people > 0 {
      lines.append("  \(name): \(count) labelled (\(Int((100 * Double(count) / Double(people)).rounded())) %)")
    }
    return lines
  }
}
