/// Pairs rows with columns so that the sum of the costs is least.
///
/// The shortest augmenting path form of the Hungarian method: Jonker and Volgenant, Computing 38 (1987); O(n³).
enum Assignment {
  /// - Parameter cost: rows × columns, row-major, finite.
  /// - Returns: the column of every row, `nil` where there are fewer columns than rows and it stayed without.
  static func solve(rows: Int, columns: Int, cost: [Double]) -> [Int?] {
    guard rows > 0, columns > 0 else { return [Int?](repeating: nil, count: rows) }
    guard rows <= columns else {
      // One row per path needs at least as many columns: solve the transposed problem.
      var transposed = [Double](repeating: 0, count: rows * columns)
      for row in 0..<rows {
        for column in 0..<columns { transposed[column * rows + row] = cost[row * columns + column] }
      }
      var result = [Int?](repeating: nil, count: rows)
      for (column, row) in solve(rows: columns, columns: rows, cost: transposed).enumerated() {
        if let row { result[row] = column }
      }
      return result
    }

    // Index 0 stands for "none"; potentials make all reduced costs non-negative.
    var rowPotential = [Double](repeating: 0, count: rows + 1)
    var columnPotential = [Double](repeating: 0, count: columns + 1)
    var rowOfColumn = [Int](repeating: 0, count: columns + 1)
    for row in 1...rows {
      rowOfColumn[0] = row
      var previous = [Int](repeating: 0, count: columns + 1)
      var least = [Double](repeating: .infinity, count: columns + 1)
      var isDone = [Bool](repeating: false, count: columns + 1)
      var column = 0
      repeat {
        isDone[column] = true
        let current = rowOfColumn[column]
        var (delta, next) = (Double.infinity, 0)
        for candidate in 1...columns where !isDone[candidate] {
          let reduced =
            cost[(current - 1) * columns + candidate - 1] - rowPotential[current] - columnPotential[candidate]
          if reduced < least[candidate] { (least[candidate], previous[candidate]) = (reduced, column) }
          if least[candidate] < delta { (delta, next) = (least[candidate], candidate) }
        }
        for candidate in 0...columns {
          if isDone[candidate] {
            rowPotential[rowOfColumn[candidate]] += delta
            columnPotential[candidate] -= delta
          } else {
            least[candidate] -= delta
          }
        }
        column = next
      } while rowOfColumn[column] != 0
      while column != 0 {
        rowOfColumn[column] = rowOfColumn[previous[column]]
        column = previous[column]
      }
    }
    var result = [Int?](repeating: nil, count: rows)
    for column in 1...columns where rowOfColumn[column] != 0 { result[rowOfColumn[column] - 1] = column - 1 }
    return result
  }
}
