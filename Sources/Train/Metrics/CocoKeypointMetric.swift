/// One detected person as COCO's results hold it.
public struct KeypointResult: Sendable {
  public var pictureID: Int
  /// 17 × (x, y) in pixels from the picture's corner, as COCO counts (`Keypoint` counts from the first pixel's centre, half a pixel
  /// less); where a joint was not found both are 0.
  public var keypoints: [(x: Double, y: Double)]
  public var score: Double

  public init(pictureID: Int, keypoints: [(x: Double, y: Double)], score: Double) {
    self.pictureID = pictureID
    self.keypoints = keypoints
    self.score = score
  }

  /// COCO's way to give a pose an extent: of all 17 points, the missing ones at the origin included.
  var area: Double {
    let (xs, ys) = (keypoints.map(\.x), keypoints.map(\.y))
    return ((xs.max() ?? 0) - (xs.min() ?? 0)) * ((ys.max() ?? 0) - (ys.min() ?? 0))
  }
}

/// Average precision and recall of key points by object key point similarity (OKS), equal to pycocotools' to the last digits.
///
/// Lin et al., "Microsoft COCO: Common Objects in Context" (2014), and the data set's key-point evaluation: thresholds
/// .50:.05:.95, 101 recall points, at most 20 people per picture.
public struct CocoKeypointMetric: Sendable {
  /// The ten numbers; a range of sizes in which nobody is labelled has -1.
  public struct Summary: Sendable, Equatable {
    public static let names = ["AP", "AP50", "AP75", "APM", "APL", "AR", "AR50", "AR75", "ARM", "ARL"]
    /// In the order of `names`.
    public var values: [Double]

    public var averagePrecision: Double { values[0] }
    public var averageRecall: Double { values[5] }
  }

  /// How well the labelled key points of one joint are met by the people who were matched at OKS 0.5.
  public struct JointScore: Sendable {
    public var name: String
    /// Labelled key points of people who count.
    public var labelled: Int
    /// Of them on people who were found.
    public var matched: Int
    /// Mean similarity over all labelled ones; those of missed people count 0.
    public var similarity: Double
  }

  public let summary: Summary
  /// 17, in COCO's order.
  public let joints: [JointScore]
  /// Per picture in the annotations' order, for finding the worst ones: mean OKS of the people who count with what was found of
  /// them, less 0.5 per person who is not there.
  public let pictureScores: [Double]

  /// As `numpy.linspace(0.5, 0.95, 10)` gives them.
  static let thresholds: [Double] = (0..<10).map { index in
    if index == 9 { return 0.95 }
    return 0.5 + Double(index) * 0.04999999999999999
  }
  private static let areas: [ClosedRange<Double>] = [0...1e10, 1024...9216, 9216...1e10]
  static let mostPeople = 20

  /// - Throws: naming the first result of a picture that the annotations do not list.
  public init(_ annotations: KeypointAnnotations, results: [KeypointResult]) throws(TrainError) {
    // pycocotools goes through the pictures by id, which decides between equal scores.
    let order = annotations.pictures.indices.sorted { annotations.pictures[$0].id < annotations.pictures[$1].id }
    var found: [Int: [KeypointResult]] = [:]
    let known = Set(annotations.pictures.map(\.id))
    for result in results {
      guard known.contains(result.pictureID) else {
        throw TrainError("results hold image_id \(result.pictureID), which \(annotations.name) does not list")
      }
      found[result.pictureID, default: []].append(result)
    }
    let pictures = order.map { index in
      let picture = annotations.pictures[index]
      return PictureMatching(picture, results: found[picture.id] ?? [])
    }
    let curves = Self.areas.map { area in PrecisionRecall(pictures.compactMap { $0.evaluate(in: area) }) }
    let (all, medium, large) = (curves[0], curves[1], curves[2])
    let precisions = [all.precision(), all.precision(at: 0), all.precision(at: 5)]
    let recalls = [all.recall(), all.recall(at: 0), all.recall(at: 5)]
    let values = precisions + [medium.precision(), large.precision()] + recalls + [medium.recall(), large.recall()]
    summary = Summary(values: results.isEmpty ? values.map { _ in 0 } : values)
    joints = Self.jointScores(pictures)
    var scores = [Double](repeating: 1, count: pictures.count)
    for (rank, index) in order.enumerated() { scores[index] = pictures[rank].worth }
    pictureScores = scores
  }

  private static func jointScores(_ pictures: [PictureMatching]) -> [JointScore] {
    var joints = KeypointLayout.cocoNames.map { JointScore(name: $0, labelled: 0, matched: 0, similarity: 0) }
    for picture in pictures {
      let matches = picture.evaluate(in: areas[0])?.personMatches ?? []
      for (index, person) in picture.people.enumerated() where !PictureMatching.isIgnored(person) {
        let match = index < matches.count ? matches[index] : nil
        for (joint, point) in person.keypoints.enumerated() where point.visibility > 0 {
          joints[joint].labelled += 1
          guard let match else { continue }
          joints[joint].matched += 1
          let result = picture.results[match].keypoints[joint]
          joints[joint].similarity += PictureMatching.similarity(
            person, joint, dx: result.x - point.x, dy: result.y - point.y)
        }
      }
    }
    for joint in joints.indices { joints[joint].similarity /= Double(max(1, joints[joint].labelled)) }
    return joints
  }
}
