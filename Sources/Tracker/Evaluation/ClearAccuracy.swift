/// The CLEAR measures of tracking: misses, false alarms and identity switches.
///
/// Bernardin and Stiefelhagen, "Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics", 2008. A pair that
/// was matched in the picture before stays matched as long as it is similar enough.
public struct ClearAccuracy: Sendable, Equatable {
  /// People found, missed, and reported where nobody is.
  public private(set) var found = 0
  public private(set) var missed = 0
  public private(set) var falseAlarms = 0
  /// Times that a person is found under another identity than the last time.
  public private(set) var switches = 0
  /// Times that a person is found again after being missed.
  public private(set) var fragmentations = 0
  /// Identities of the truth that are found in more than 80 %, and in less than 20 %, of their pictures.
  public private(set) var mostlyTracked = 0
  public private(set) var mostlyLost = 0
  private var similarity = 0.0

  /// MOTA: 1 less the share of misses, false alarms and switches; negative when those outnumber the people.
  public var accuracy: Double { Double(found - falseAlarms - switches) / Double(max(1, found + missed)) }
  /// MOTP: mean similarity of the people found.
  public var precision: Double { similarity / Double(max(1, found)) }

  init(_ sequence: TrackingSequence, threshold: Double) {
    let count = sequence.truthCounts.count
    // Under which identity each person was found last, and in the picture before.
    var last = [Int?](repeating: nil, count: count)
    var before = [Int?](repeating: nil, count: count)
    var (times, starts) = ([Int](repeating: 0, count: count), [Int](repeating: 0, count: count))
    for frame in sequence.frames {
      let columns = frame.results.count
      guard !frame.truth.isEmpty, columns > 0 else {
        missed += frame.truth.count
        falseAlarms += columns
        continue
      }
      let scores = frame.similarity.enumerated().map { index, similarity -> Double in
        guard similarity >= threshold - TrackingSequence.tolerance else { return 0 }
        return similarity + (before[frame.truth[index / columns]] == frame.results[index % columns] ? 1000 : 0)
      }
      let pairs = Assignment.solve(rows: frame.truth.count, columns: columns, cost: scores.map { -$0 })
      let previous = before
      before = [Int?](repeating: nil, count: count)
      var matches = 0
      for (row, column) in pairs.enumerated() {
        guard let column, scores[row * columns + column] > TrackingSequence.tolerance else { continue }
        let (person, id) = (frame.truth[row], frame.results[column])
        matches += 1
        similarity += frame.similarity[row * columns + column]
        if let known = last[person], known != id { switches += 1 }
        if previous[person] == nil { starts[person] += 1 }
        (last[person], before[person]) = (id, id)
        times[person] += 1
      }
      found += matches
      missed += frame.truth.count - matches
      falseAlarms += columns - matches
    }
    for person in 0..<count {
      fragmentations += max(0, starts[person] - 1)
      let share = Double(times[person]) / Double(sequence.truthCounts[person])
      if share > 0.8 { mostlyTracked += 1 }
      if share < 0.2 { mostlyLost += 1 }
    }
  }
}
