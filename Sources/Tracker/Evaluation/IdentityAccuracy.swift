/// The identity measures: each person of the truth is given the one identity of the results that explains most of the video.
///
/// Ristani et al., "Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking", ECCV workshops 2016.
public struct IdentityAccuracy: Sendable, Equatable {
  /// Pictures in which people are found under their one identity.
  public private(set) var found = 0
  /// Pictures of the truth and of the results that are not.
  public private(set) var missed = 0
  public private(set) var falseAlarms = 0

  /// IDF1: share of the pictures of truth and results that agree.
  public var f1: Double { Double(found) / max(1, Double(found) + 0.5 * Double(missed + falseAlarms)) }
  /// IDP and IDR.
  public var precision: Double { Double(found) / Double(max(1, found + falseAlarms)) }
  public var recall: Double { Double(found) / Double(max(1, found + missed)) }

  init(_ sequence: TrackingSequence, threshold: Double) {
    var shared: [TrackingSequence.Pair: Int] = [:]
    for frame in sequence.frames {
      for (index, similarity) in frame.similarity.enumerated() where similarity >= threshold {
        let columns = frame.results.count
        shared[.init(truth: frame.truth[index / columns], result: frame.results[index % columns]), default: 0] += 1
      }
    }
    // Identities that never meet cannot be paired; leaving them out keeps the table small.
    let rows = Set(shared.keys.map(\.truth)).sorted()
    let columns = Set(shared.keys.map(\.result)).sorted()
    let cost = rows.flatMap { row in columns.map { -Double(shared[.init(truth: row, result: $0)] ?? 0) } }
    for (row, column) in Assignment.solve(rows: rows.count, columns: columns.count, cost: cost).enumerated() {
      if let column { found -= Int(cost[row * columns.count + column]) }
    }
    missed = sequence.truthTotal - found
    falseAlarms = sequence.resultTotal - found
  }
}
