import CKernels
import Dispatch
import Foundation
import Synchronization

/// Measures how many rows of every layer a task should take on this machine, and remembers it in a file.
///
/// The file may be deleted at any time. One that is damaged, or comes from another processor, is ignored and written anew.
public final class Autotuning: Sendable {
  private struct Record: Codable {
    var format = "posecam-tuning/1"
    var processor = Autotuning.processor
    /// By precision, level, threads, kernel and shape of a layer.
    var rowsPerTask: [String: Int] = [:]
  }

  /// Nanoseconds for which one plan is measured.
  private static let limit = 800_000_000.0
  /// Measurements of a choice; the fastest counts, since other work on the machine only adds.
  private static let rounds = 2...9
  /// What is gained must be more than chance.
  private static let leastGain = 0.03
  private static let mostRecords = 20_000

  private let path: String?
  private let record: Mutex<Record>
  /// Plans that are made at the same time are measured one after the other.
  private let measuring = Mutex(())

  /// - Parameter path: of the file; `nil` to remember only as long as this lives.
  public init(path: String?) {
    self.path = path
    var record = Record()
    if let path, let file = FileHandle(forReadingAtPath: path), let data = try? file.read(upToCount: 4 << 20),
      let known = try? JSONDecoder().decode(Record.self, from: data), known.format == record.format,
      known.processor == record.processor
    {
      record = known
    }
    self.record = Mutex(record)
  }

  /// Chooses for all layers of a program, measuring those that it does not know, which takes under a second.
  func tune(_ program: any PlanProgram, prefix: String, on pool: OpaquePointer) {
    measuring.withLock { _ in choose(program, prefix, pool) }
  }

  private func choose(_ program: any PlanProgram, _ prefix: String, _ pool: OpaquePointer) {
    let known = record.withLock(\.rowsPerTask)
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
    let whole = alike.values.reduce(0) { $0 + time($1[0].step) * Double($1[0].division.choices.count) }
    let rounds = min(Self.rounds.upperBound, Int(Self.limit / max(1, whole)))
    // Too slow to be measured in time: the rule decides.
    guard rounds >= Self.rounds.lowerBound else { return }

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
    let record = record.withLock { record in
      if record.rowsPerTask.count > Self.mostRecords { record.rowsPerTask = [:] }
      record.rowsPerTask.merge(chosen) { $1 }
      return record
    }
    guard let path else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
    guard let data = try? encoder.encode(record) else { return }
    // What cannot be kept is measured again the next time.
    let url = URL(fileURLWithPath: path)
    try? FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
    try? data.write(to: url, options: .atomic)
  }

  /// Name and features of the processor; kernels that were not optimised are another machine.
  public static let processor: String = {
    let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
    let name = lines.first { $0.hasPrefix("model name") }?.split(separator: ":").last ?? ""
    #if DEBUG
      let build = ", debug build"
    #else
      let build = ""
    #endif
    return "\(name.trimmingCharacters(in: .whitespaces)): \(CPULevel.features)\(build)"
  }()
}
