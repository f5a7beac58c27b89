#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Share of key points found within a distance that grows with the person: PCKh (Andriluka et al. 2014) by the size of the head,
/// PCK (Yang and Ramanan 2013) by that of the torso.
///
/// Each person is compared with the result most similar to it (OKS), each result used once; who was not found has no point
/// found. Joints are COCO's twelve of the body: heads are boxes in these data sets, not points.
public struct KeypointAccuracy: Sendable {
  public enum Reference: String, Sendable, CaseIterable {
    /// 0.6 of the head box's diagonal, as the annotations' `head_size`.
    case head
    /// From the left shoulder to the right hip.
    case torso

    /// Of the reference length, up to where a point counts as found.
    var threshold: Double { self == .head ? 0.5 : 0.2 }
  }

  public let reference: Reference
  /// Shoulders, elbows, wrists, hips, knees and ankles, in percent: means of left and right, the distance strictly below the
  /// threshold; nil where none is labelled.
  public let groups: [(name: String, value: Double?)]
  /// Mean of those of the twelve joints that are labelled, in percent.
  public let mean: Double
  /// Mean of all labelled points, the distance at most the threshold, in percent.
  public let weightedMean: Double
  /// As `weightedMean`, at 0, 0.01, …, 0.5 of the reference length.
  public let curve: [Double]
  /// People compared.
  public let people: Int

  private static let names = ["shoulder", "elbow", "wrist", "hip", "knee", "ankle"]

  /// - Throws: where no person has a reference length, or none of those a labelled joint.
  public init(
    _ annotations: KeypointAnnotations, results: [KeypointResult], reference: Reference
  ) throws(TrainError) {
    var found: [Int: [KeypointResult]] = [:]
    for result in results { found[result.pictureID, default: []].append(result) }
    /// Of each labelled point of each joint, in reference lengths.
    var distances = [[Double]](repeating: [], count: 17)
    var people = 0
    for picture in annotations.pictures {
      let compared = picture.people.filter { !$0.isCrowd && $0.keypointCount > 0 }
      let candidates = found[picture.id] ?? []
      let matches = Self.matches(compared, candidates)
      for (index, person) in compared.enumerated() {
        guard let length = Self.length(of: person, reference), length > 0 else { continue }
        people += 1
        for joint in 5..<17 where person.keypoints[joint].visibility > 0 {
          let point = person.keypoints[joint]
          guard let match = matches[index] else {
            distances[joint].append(.infinity)
            continue
          }
          let result = candidates[match].keypoints[joint]
          let isMissing = result.x == 0 && result.y == 0
          distances[joint].append(isMissing ? .infinity : hypot(result.x - point.x, result.y - point.y) / length)
        }
      }
    }
    guard people > 0 else {
      let missing =
        reference == .head ? "a 'head_size'; convert them from MPII's own file" : "a left shoulder and a right hip"
      throw TrainError("\(annotations.name): none of its people has \(missing)")
    }
    let all = distances.flatMap { $0 }
    guard !all.isEmpty else {
      throw TrainError("\(annotations.name): none of its people who can be measured has a labelled joint of the body")
    }
    func share(_ values: [Double], _ isFound: (Double) -> Bool) -> Double {
      100 * Double(values.filter(isFound).count) / Double(values.count)
    }
    let threshold = reference.threshold
    let joints = distances.map { $0.isEmpty ? nil : share($0) { $0 < threshold } }
    func mean(_ joints: some Collection<Double?>) -> Double? {
      let labelled = joints.compactMap { $0 }
      return labelled.isEmpty ? nil : labelled.reduce(0, +) / Double(labelled.count)
    }
    self.reference = reference
    self.people = people
    groups = Self.names.enumerated().map { index, name in
      (name, mean(joints[5 + 2 * index...6 + 2 * index]))
    }
    self.mean = mean(joints[5...]) ?? 0
    weightedMean = share(all) { $0 <= threshold }
    curve = (0...50).map { step in share(all) { $0 <= Double(step) / 100 } }
  }

  private static func length(of person: PersonAnnotation, _ reference: Reference) -> Double? {
    switch reference {
    case .head: return person.headSize
    case .torso:
      let (shoulder, hip) = (person.keypoints[5], person.keypoints[12])
      guard shoulder.visibility > 0, hip.visibility > 0 else { return nil }
      return hypot(shoulder.x - hip.x, shoulder.y - hip.y)
    }
  }

  /// Per person the result that is most like it; the most similar pairs first.
  private static func matches(_ people: [PersonAnnotation], _ results: [KeypointResult]) -> [Int?] {
    var pairs: [(similarity: Double, person: Int, result: Int)] = []
    for (index, person) in people.enumerated() {
      for (other, result) in results.enumerated() {
        pairs.append((PictureMatching.similarity(result, person), index, other))
      }
    }
    pairs.sort { ($0.similarity, $1.person, $1.result) > ($1.similarity, $0.person, $0.result) }
    var matches = [Int?](repeating: nil, count: people.count)
    var isTaken = [Bool](repeating: false, count: results.count)
    for pair in pairs where matches[pair.person] == nil && !isTaken[pair.result] {
      matches[pair.person] = pair.result
      isTaken[pair.result] = true
    }
    return matches
  }
}
