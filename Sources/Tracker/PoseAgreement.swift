/// How alike two parsers, networks or precisions see the same pictures: poses are paired by object key-point similarity (OKS,
/// with COCO's spreads), the first one's taken as the truth.
public struct PoseAgreement: Sendable {
  /// Pairs, and those left alone on either side, over all pictures so far.
  public private(set) var matched = 0
  public private(set) var firstCount = 0
  public private(set) var secondCount = 0
  private var sum = 0.0

  /// Poses less alike than this are not of the same person.
  private static let leastSimilarity = 0.3

  public init() {}

  /// Mean OKS of the pairs; 1 if nobody was there, 0 if nobody was found again.
  public var meanSimilarity: Double { matched > 0 ? sum / Double(matched) : max(firstCount, secondCount) > 0 ? 0 : 1 }

  /// Mean OKS where those whom only one of the two saw count 0.
  public var wholeSimilarity: Double {
    let people = firstCount + secondCount - matched
    return people > 0 ? sum / Double(people) : 1
  }

  /// How many more people the second saw, as a share of what the first saw.
  public var excess: Double { Double(secondCount - firstCount) / Double(max(1, firstCount)) }

  /// Adds a picture.
  public mutating func add(_ first: [Pose], _ second: [Pose]) {
    firstCount += first.count
    secondCount += second.count
    let similarities = first.flatMap { pose in second.map { $0.similarity(to: pose) } }
    let pairs = Assignment.solve(rows: first.count, columns: second.count, cost: similarities.map { 1 - $0 })
    for (row, column) in pairs.enumerated() {
      guard let column, case let similarity = similarities[row * second.count + column],
        similarity >= Self.leastSimilarity
      else { continue }
      matched += 1
      sum += similarity
    }
  }
}
