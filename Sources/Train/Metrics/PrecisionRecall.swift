/// Precision and recall over all pictures, for each threshold.
struct PrecisionRecall {
  /// [threshold], and [threshold][recall]; empty where there is nobody to find.
  private var recalls: [Double] = []
  private var precisions: [[Double]] = []

  init(_ evaluations: [PictureMatching.Evaluation]) {
    let people = evaluations.reduce(0) { $0 + $1.peopleCount }
    guard people > 0 else { return }
    let scores = evaluations.flatMap(\.scores)
    let order = scores.indices.sorted { (scores[$1], $0) < (scores[$0], $1) }
    for threshold in 0..<10 {
      let isMatched = evaluations.flatMap { $0.isMatched[threshold] }
      let isIgnored = evaluations.flatMap { $0.isIgnored[threshold] }
      var (right, wrong) = (0.0, 0.0)
      var recall: [Double] = []
      var precision: [Double] = []
      for result in order {
        if !isIgnored[result] {
          if isMatched[result] { right += 1 } else { wrong += 1 }
        }
        recall.append(right / Double(people))
        precision.append(right / (right + wrong + .ulpOfOne))
      }
      for index in precision.indices.dropLast().reversed() {
        precision[index] = max(precision[index], precision[index + 1])
      }
      recalls.append(recall.last ?? 0)
      var next = 0
      precisions.append(
        (0...100).map { (step: Int) -> Double in
          while next < recall.count && recall[next] < Double(step) * 0.01 { next += 1 }
          return next < recall.count ? precision[next] : 0
        })
    }
  }

  func precision(at threshold: Int? = nil) -> Double {
    let rows = threshold.map { precisions.isEmpty ? [] : [precisions[$0]] } ?? precisions
    return Self.mean(rows.flatMap { $0 })
  }

  func recall(at threshold: Int? = nil) -> Double {
    Self.mean(threshold.map { recalls.isEmpty ? [] : [recalls[$0]] } ?? recalls)
  }

  private static func mean(_ values: [Double]) -> Double {
    values.isEmpty ? -1 : values.reduce(0, +) / Double(values.count)
  }
}
