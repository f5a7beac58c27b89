import Testing

@testable import Tracker

struct AssignmentTests {
  /// The least sum over all ways to pair, by trying them.
  private func leastCost(_ cost: [Double], rows: Int, columns: Int, row: Int = 0, taken: Set<Int> = []) -> Double {
    if row == rows || taken.count == columns { return 0 }
    var least = rows > columns ? leastCost(cost, rows: rows, columns: columns, row: row + 1, taken: taken) : .infinity
    if rows > columns && rows - row <= columns - taken.count { least = .infinity }
    for column in 0..<columns where !taken.contains(column) {
      let rest = leastCost(cost, rows: rows, columns: columns, row: row + 1, taken: taken.union([column]))
      least = min(least, cost[row * columns + column] + rest)
    }
    return least
  }

  @Test(arguments: 0...4, 0...5)
  func findsTheLeastSum(_ rows: Int, _ columns: Int) {
    for seed in 0..<20 {
      let cost = (0..<rows * columns).map { Double(($0 * 7919 + seed * 104_729 + $0 * $0 * seed) % 97) }
      let pairs = Assignment.solve(rows: rows, columns: columns, cost: cost)
      #expect(pairs.count == rows)
      let used = pairs.compactMap { $0 }
      #expect(Set(used).count == used.count && used.count == min(rows, columns))
      var sum = 0.0
      for (row, column) in pairs.enumerated() { if let column { sum += cost[row * columns + column] } }
      #expect(sum == leastCost(cost, rows: rows, columns: columns))
    }
  }
}
