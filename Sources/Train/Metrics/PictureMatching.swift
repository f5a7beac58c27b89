#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The people and results of one picture with their similarities.
struct PictureMatching {
  let people: [PersonAnnotation]
  /// The best ones, by falling score.
  let results: [KeypointResult]
  /// [result][person]
  private let similarities: [[Double]]

  /// What came of a picture for people of one range of sizes.
  struct Evaluation {
    var scores: [Double]
    /// [threshold][result]
    var isMatched: [[Bool]]
    var isIgnored: [[Bool]]
    var peopleCount: Int
    /// At OKS 0.5: the result of each person.
    var personMatches: [Int?]
  }

  init(_ picture: AnnotatedPicture, results: [KeypointResult]) {
    people = picture.people
    let order = results.indices.sorted { (results[$1].score, $0) < (results[$0].score, $1) }
    self.results = order.prefix(CocoKeypointMetric.mostPeople).map { results[$0] }
    similarities = self.results.map { result in picture.people.map { Self.similarity(result, $0) } }
  }

  static func isIgnored(_ person: PersonAnnotation) -> Bool { person.isCrowd || person.keypointCount == 0 }

  static func similarity(_ person: PersonAnnotation, _ joint: Int, dx: Double, dy: Double) -> Double {
    let sigma = 2 * KeypointLayout.cocoSigmas[joint]
    let distance = (dx * dx + dy * dy) / (sigma * sigma) / (person.area + .ulpOfOne)
    return exp(-distance / 2)
  }

  /// Object key point similarity of a result with a person, 0...1.
  static func similarity(_ result: KeypointResult, _ person: PersonAnnotation) -> Double {
    let isLabelled = person.keypoints.contains { $0.visibility > 0 }
    var (sum, count) = (0.0, 0)
    let box = person.box
    for joint in 0..<17 {
      let point = person.keypoints[joint]
      if isLabelled && point.visibility == 0 { continue }
      let (x, y) = result.keypoints[joint]
      var (dx, dy) = (x - point.x, y - point.y)
      if !isLabelled {
        // Of nobody in particular: the distance to the doubled box.
        dx = Self.distance(of: x, to: box.x - box.width...box.x + 2 * box.width)
        dy = Self.distance(of: y, to: box.y - box.height...box.y + 2 * box.height)
      }
      sum += similarity(person, joint, dx: dx, dy: dy)
      count += 1
    }
    return sum / Double(max(1, count))
  }

  private static func distance(of value: Double, to range: ClosedRange<Double>) -> Double {
    max(0, range.lowerBound - value) + max(0, value - range.upperBound)
  }

  /// Mean similarity of the people who count with what was found of them, less 0.5 per person who is not there.
  var worth: Double {
    let evaluation = evaluate(in: 0...1e10)
    let counted = people.indices.filter { !Self.isIgnored(people[$0]) }
    let sum = counted.reduce(0.0) { total, person in
      total + (evaluation?.personMatches[person].map { similarities[$0][person] } ?? 0)
    }
    let extra = results.indices.filter { result in
      evaluation.map { !$0.isMatched[0][result] && !$0.isIgnored[0][result] } ?? true
    }.count
    return (counted.isEmpty ? 1 : sum / Double(counted.count)) - 0.5 * Double(extra)
  }

  func evaluate(in area: ClosedRange<Double>) -> Evaluation? {
    guard !people.isEmpty || !results.isEmpty else { return nil }
    let isIgnored = people.map { Self.isIgnored($0) || !area.contains($0.area) }
    // People who count come first, so that none is left for one who does not.
    let order = people.indices.filter { !isIgnored[$0] } + people.indices.filter { isIgnored[$0] }
    let isOutside = results.map { !area.contains($0.area) }
    var evaluation = Evaluation(
      scores: results.map(\.score), isMatched: [], isIgnored: [], peopleCount: isIgnored.reduce(0) { $1 ? $0 : $0 + 1 },
      personMatches: Array(repeating: nil, count: people.count))
    for (index, threshold) in CocoKeypointMetric.thresholds.enumerated() {
      var isTaken = [Bool](repeating: false, count: people.count)
      var matched = [Bool](repeating: false, count: results.count)
      var ignored = isOutside
      for result in results.indices {
        var best = min(threshold, 1 - 1e-10)
        var match: Int?
        for person in order {
          if isTaken[person] && !people[person].isCrowd { continue }
          if let match, !isIgnored[match], isIgnored[person] { break }
          if similarities[result][person] < best { continue }
          best = similarities[result][person]
          match = person
        }
        guard let match else { continue }
        matched[result] = true
        ignored[result] = isIgnored[match]
        isTaken[match] = true
        if index == 0 { evaluation.personMatches[match] = result }
      }
      evaluation.isMatched.append(matched)
      evaluation.isIgnored.append(ignored)
    }
    return evaluation
  }
}
