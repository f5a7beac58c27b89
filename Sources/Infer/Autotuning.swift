import CKernels
import Dispatch
import Synchronization

/// Measures how many rows of every layer a task should take on this machine, and remembers it in a file.
public final class Autotuning: Sendable {
  /// Nanoseconds for which one plan is measured.
  private static let limit = 800_000_000.0
  /// Measurements of a choice; the fastest counts, since other work on the machine only adds.
  private static let rounds = 2...9
  /// What is gained must be more than chance.
  private static let leastGain = 0.03

  private let file: MeasurementFile<Int>
  /// Rows per task by precision, level, threads, kernel and shape of a layer.
  private let rowsPerTask: Mutex<[String: Int]>
  /// Plans that are made at the same time are measured one after the other.
  private let measuring = Mutex(())

  /// - Parameter path: of the file; `nil` to remember only as long as this lives.
  public init(path: String?) {
    file = MeasurementFile(path: path, format: "posecam-tuning/2", limit: 20_000)
    rowsPerTask = Mutex(file.read())
  }

  /// Chooses for all layers of a program, measuring those that it does not know, which takes under a second.
  func tune(_ program: any PlanProgram, prefix: String, on pool: OpaquePointer) {
    measuring.withLock { _ in choose(program, prefix, pool) }
  }

  private func choose(_ program: any PlanProgram, _ prefix: String, _ pool: OpaquePointer) {
    let known = rowsPerTask.withLock { $0 }
    var unknown: [(step: Int, division: RowDivision, key: String)] = []
    for step in program.steps.indices {
      guard let division = program.division(of: step), division.choices.count > 1 else { continue }
      let key = "\(prefix), \(program.steps[step].kernel), \(division.shape)"
      if let rows = known[key], division.choices.contains(rows) {
        program.setRowsPerTask(rows, of: step)
      } else {
        unknown.append((step, division, key))
      }
    }
    guard !unknown.isEmpty else { return }

    func time(_ step: Int) -> Double {
      let start = DispatchTime.now().uptimeNanoseconds
      program.run(step, on: pool)
      return Double(DispatchTime.now().uptimeNanoseconds - start)
    }
    // The first run touches the memory.
    for step in program.steps.indices { program.run(step, on: pool) }
    var alike: [String: [(step: Int, division: RowDivision)]] = [:]
    for (step, division, key) in unknown { alike[key, default: []].append((step, division)) }
    let most = Self.limit / Double(Self.rounds.lowerBound)
    var whole = 0.0
    for layers in alike.values where whole <= most {
      whole += time(layers[0].step) * Double(layers[0].division.choices.count)
    }
    // Too slow to be measured in time: the rule decides, and is remembered, so that the next start does not try again.
    guard whole <= most else { return remember(alike.mapValues { $0[0].division.byRule }) }
    let rounds = min(Self.rounds.upperBound, Int(Self.limit / max(1, whole)))

    var chosen: [String: Int] = [:]
    for (key, layers) in alike {
      let (step, division) = layers[0]
      var fastest = [Double](repeating: .infinity, count: division.choices.count)
      for _ in 0..<rounds {
        for (index, rows) in division.choices.enumerated() {
          program.setRowsPerTask(rows, of: step)
          fastest[index] = min(fastest[index], time(step))
        }
      }
      let best = fastest.indices.min { fastest[$0] < fastest[$1] } ?? 0
      let rows = fastest[best] < fastest[0] * (1 - Self.leastGain) ? division.choices[best] : division.byRule
      chosen[key] = rows
      for (step, _) in layers { program.setRowsPerTask(rows, of: step) }
    }
    remember(chosen)
  }

  private func remember(_ chosen: [String: Int]) {
    rowsPerTask.withLock { $0.merge(chosen) { $1 } }
    file.add(chosen)
  }
}
