/// How the rows of a layer are dealt out to the threads, a few at a time.
struct RowDivision {
  let rows: Int
  /// What may be chosen, the number that follows from the sizes first.
  let choices: [Int]
  /// Inputs, outputs and size of the layer; layers of one plan with the same shape and kernel are alike.
  var shape = ""

  var byRule: Int { choices[0] }

  /// By rule a task takes as many rows as a good part of a core's L2 cache holds, but there are enough tasks to keep every
  /// thread busy to the end.
  init(rows: Int, rowBytes: Int, cache: Int = 256 << 10, threads: Int) {
    self.rows = rows
    let cached = max(1, cache / max(1, rowBytes))
    let balanced = threads == 1 ? rows : max(1, rows / (threads * 4))
    let rule = min(cached, balanced, rows)
    let most = (rows + threads - 1) / threads
    var choices = [rule]
    for choice in [rule / 4, rule / 2, 2 * rule, 4 * rule].map({ max(1, min($0, most)) })
    where !choices.contains(choice) { choices.append(choice) }
    self.choices = choices
  }

  var largest: Int { choices.max() ?? byRule }
}
