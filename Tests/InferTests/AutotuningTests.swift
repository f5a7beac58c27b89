import Foundation
import TestSupport
import Testing

@testable import Infer

struct AutotuningTests {
  private let folder: URL

  init() throws {
    folder = FileManager.default.temporaryDirectory.appendingPathComponent(UUID().uuidString)
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
  }

  private var path: String { folder.appendingPathComponent("cache/tuning.json").path }

  private func plan(_ autotuning: Autotuning?, threads: Int = 2) throws -> Plan {
    try Plan(
      Model(smallWeights(), name: "small"), height: 64, width: 88, threads: threads, autotuning: autotuning)
  }

  private func outputs(_ plan: Plan) throws -> [[Float]] {
    var noise = Noise(3)
    let input = noise.floats(3 * plan.height * plan.width)
    input.withUnsafeBufferPointer { plan.setInput(planes: $0) }
    return try plan.outputs()
  }

  private func record() throws -> [String: Int] {
    let object = try JSONSerialization.jsonObject(with: Data(contentsOf: URL(fileURLWithPath: path)))
    return try #require((object as? [String: Any])?["measurements"] as? [String: Int])
  }

  private func rewrite(_ change: (inout [String: Any]) -> Void) throws {
    let file = URL(fileURLWithPath: path)
    var object = try #require(JSONSerialization.jsonObject(with: Data(contentsOf: file)) as? [String: Any])
    change(&object)
    try JSONSerialization.data(withJSONObject: object).write(to: file)
  }

  @Test func whatIsChosenChangesNoResult() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    for threads in [1, 3] {
      let tuned = try plan(Autotuning(path: path), threads: threads)
      #expect(try outputs(tuned) == outputs(plan(nil, threads: threads)))
    }
  }

  /// Every choice that a plan offers fits into its memory.
  @Test func everyChoiceGivesTheSame() throws {
    let plan = try plan(nil)
    let expected = try outputs(plan)
    for choice in 0..<5 {
      for step in plan.program.steps.indices {
        guard let choices = plan.program.division(of: step)?.choices else { continue }
        plan.program.setRowsPerTask(choices[min(choice, choices.count - 1)], of: step)
      }
      #expect(try outputs(plan) == expected)
    }
  }

  @Test func whatIsKnownIsNotMeasuredAgain() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    _ = try plan(Autotuning(path: path))
    // Whatever was measured, each layer now is to use another choice.
    let plain = try plan(nil)
    var others: [String: Int] = [:]
    for (key, rows) in try record() {
      let choices = plain.program.steps.indices.lazy.compactMap { plain.program.division(of: $0) }
        .first { key.hasSuffix($0.shape) && $0.choices.contains(rows) && $0.choices.count > 1 }?.choices
      others[key] = try #require(choices?.first { $0 != rows })
    }
    #expect(!others.isEmpty)
    try rewrite { $0["measurements"] = others }
    let second = try plan(Autotuning(path: path))
    #expect(try record() == others)
    #expect(try outputs(second) == outputs(plain))
  }

  @Test(arguments: ["garbage", "processor", "format", "rows"])
  func damagedRecordIsIgnoredAndWrittenAnew(_ damage: String) throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    _ = try plan(Autotuning(path: path))
    let names = try Set(record().keys)
    switch damage {
    case "garbage": try Data("{\"format\": \"posecam-tun".utf8).write(to: URL(fileURLWithPath: path))
    case "rows": try rewrite { $0["measurements"] = Dictionary(uniqueKeysWithValues: names.map { ($0, 1_000_000) }) }
    default: try rewrite { $0[damage] = "another one" }
    }
    let plan = try plan(Autotuning(path: path))
    #expect(try outputs(plan) == outputs(self.plan(nil)))
    #expect(try Set(record().keys) == names)
    #expect(try record().values.allSatisfy { $0 < 1000 })
  }

  @Test func unwritableFolderIsNoError() throws {
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data().write(to: folder.appendingPathComponent("cache"))
    #expect(try outputs(plan(Autotuning(path: path))) == outputs(plan(nil)))
  }
}
