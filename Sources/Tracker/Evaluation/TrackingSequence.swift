/// Who was there and who was reported in one picture, and how alike each pair is.
public struct TrackingFrame: Sendable {
  /// Identities of the truth, each at most once.
  public var truth: [Int]
  /// Identities that the tracker gave, each at most once.
  public var results: [Int]
  /// truth × results, row-major, 0...1.
  public var similarity: [Double]

  public init(truth: [Int], results: [Int], similarity: [Double]) {
    self.truth = truth
    self.results = results
    self.similarity = similarity
  }
}

extension TrackingFrame {
  /// The pairs of at least `least` similarity whose sum is largest: the column of every row.
  public static func match(rows: Int, columns: Int, similarity: [Double], least: Double) -> [Int?] {
    let cost = similarity.map { $0 >= least ? -$0 : 0 }
    return Assignment.solve(rows: rows, columns: columns, cost: cost).enumerated().map { row, column in
      column.flatMap { similarity[row * columns + $0] >= least ? $0 : nil }
    }
  }
}

/// The pictures of one video with identities counted from 0, as the measures of tracking read them.
struct TrackingSequence {
  /// A person of the truth and one of the results.
  struct Pair: Hashable {
    var truth: Int
    var result: Int
  }

  private(set) var frames: [TrackingFrame] = []
  /// In how many pictures each identity is.
  private(set) var truthCounts: [Int] = []
  private(set) var resultCounts: [Int] = []

  init(_ frames: [TrackingFrame]) {
    var (truth, results): ([Int: Int], [Int: Int]) = ([:], [:])
    func number(_ id: Int, _ known: inout [Int: Int], _ counts: inout [Int]) -> Int {
      let index = known[id] ?? counts.count
      if index == counts.count {
        known[id] = index
        counts.append(0)
      }
      counts[index] += 1
      return index
    }
    self.frames = frames.map { frame in
      TrackingFrame(
        truth: frame.truth.map { number($0, &truth, &truthCounts) },
        results: frame.results.map { number($0, &results, &resultCounts) }, similarity: frame.similarity)
    }
  }

  /// People of the truth, and reported ones, over all pictures.
  var truthTotal: Int { truthCounts.reduce(0, +) }
  var resultTotal: Int { resultCounts.reduce(0, +) }

  /// What numbers that should be equal may differ by: the other programs' tolerance.
  static let tolerance = Double.ulpOfOne
}
