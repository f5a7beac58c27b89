/// HOTA: how well people are found and how well the identities hold, in equal parts.
///
/// Luiten et al., "HOTA: A Higher Order Metric for Evaluating Multi-Object Tracking", IJCV 129 (2021). All values are means
/// over the 19 thresholds 0.05, 0.10 ... 0.95 of similarity.
public struct HigherOrderAccuracy: Sendable, Equatable {
  /// Geometric mean of detection and association at each threshold.
  public private(set) var hota = 0.0
  /// Share of correct detections among all of truth and results (Jaccard).
  public private(set) var detection = 0.0
  /// The same for the pictures that a correct detection's two identities share, mean over correct detections.
  public private(set) var association = 0.0
  /// Mean similarity of correct detections.
  public private(set) var localization = 0.0

  private static let thresholds = (1...19).map { Double($0) * 0.05 }

  init(_ sequence: TrackingSequence) {
    let pairs = Self.alignment(sequence)
    var found = [Int](repeating: 0, count: Self.thresholds.count)
    var similarities = [Double](repeating: 0, count: Self.thresholds.count)
    // Per pair of identities, in how many pictures they are matched at each threshold.
    var shared: [TrackingSequence.Pair: [Int]] = [:]
    for frame in sequence.frames {
      let columns = frame.results.count
      let cost = frame.similarity.enumerated().map { index, similarity in
        similarity > 0
          ? -similarity
            * (pairs[.init(truth: frame.truth[index / columns], result: frame.results[index % columns])] ?? 0)
          : 0
      }
      for (row, column) in Assignment.solve(rows: frame.truth.count, columns: columns, cost: cost).enumerated() {
        guard let column, case let similarity = frame.similarity[row * columns + column], similarity > 0 else {
          continue
        }
        let pair = TrackingSequence.Pair(truth: frame.truth[row], result: frame.results[column])
        for (level, threshold) in Self.thresholds.enumerated()
        where similarity >= threshold - TrackingSequence.tolerance {
          found[level] += 1
          similarities[level] += similarity
          shared[pair, default: [Int](repeating: 0, count: Self.thresholds.count)][level] += 1
        }
      }
    }

    let total = sequence.truthTotal + sequence.resultTotal
    for level in Self.thresholds.indices {
      let detection = Double(found[level]) / Double(max(1, total - found[level]))
      var association = 0.0
      for (pair, counts) in shared {
        let count = counts[level]
        let union = sequence.truthCounts[pair.truth] + sequence.resultCounts[pair.result] - count
        association += Double(count) * Double(count) / Double(max(1, union))
      }
      association /= Double(max(1, found[level]))
      hota += (detection * association).squareRoot()
      self.detection += detection
      self.association += association
      localization += found[level] > 0 ? similarities[level] / Double(found[level]) : 1
    }
    let levels = Double(Self.thresholds.count)
    (hota, detection, association, localization) = (
      hota / levels, detection / levels, association / levels, localization / levels
    )
  }

  /// How well two identities fit over the whole video: the matching of every picture prefers pairs that last.
  private static func alignment(_ sequence: TrackingSequence) -> [TrackingSequence.Pair: Double] {
    var shared: [TrackingSequence.Pair: Double] = [:]
    for frame in sequence.frames {
      let columns = frame.results.count
      var (rowSums, columnSums) = (
        [Double](repeating: 0, count: frame.truth.count), [Double](repeating: 0, count: columns)
      )
      for (index, similarity) in frame.similarity.enumerated() {
        rowSums[index / columns] += similarity
        columnSums[index % columns] += similarity
      }
      for (index, similarity) in frame.similarity.enumerated() where similarity > 0 {
        let union = rowSums[index / columns] + columnSums[index % columns] - similarity
        guard union > TrackingSequence.tolerance else { continue }
        let pair = TrackingSequence.Pair(truth: frame.truth[index / columns], result: frame.results[index % columns])
        shared[pair, default: 0] += similarity / union
      }
    }
    for (pair, count) in shared {
      shared[pair] =
        count / (Double(sequence.truthCounts[pair.truth] + sequence.resultCounts[pair.result]) - count)
    }
    return shared
  }
}
