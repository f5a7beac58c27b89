import Dispatch
import Infer
import Video

/// What one look at a picture takes the network on this machine, by the size of its input; measured once and remembered.
struct NetworkTimes: Codable, Equatable, Sendable {
  struct Look: Codable, Equatable, Sendable {
    /// Pixels of height, the picture being 16:9.
    var side: Int
    var milliseconds: Double
  }

  /// What the times hold for.
  struct Subject: Sendable {
    var model: Model
    var level: CPULevel
    var precision: Precision
    /// Threads that may be used.
    var threads: Int

    /// Models of one architecture take the same time, whatever they learnt.
    var key: String { "\(model.network), \(precision.rawValue), \(level), \(threads) threads" }
  }

  /// By side, beginning with the smallest; sizes that take too long are missing.
  var looks: [Look]
  /// With so many threads one picture is done soonest.
  var threads: Int
  /// With so many at once, sharing the threads, most pictures are done.
  var streams: Int

  static let sides = [128, 160, 192, 224, 256, 288, 320, 368]
  private static let usual = 256
  private static let mostRounds = 10
  /// Milliseconds for which a set of plans is measured.
  private static let budget = 1000.0
  /// A size that takes longer is the last one tried.
  private static let patience = 250.0
  /// Less of a difference is chance.
  private static let chance = 1.05

  init(looks: [Look], threads: Int, streams: Int) {
    (self.looks, self.threads, self.streams) = (looks, threads, streams)
  }

  /// Measures, which takes a second or two.
  init(measuring subject: Subject) throws(InferError) {
    func plan(_ side: Int, threads: Int) throws(InferError) -> Plan {
      try Plan(
        subject.model, height: side, width: (side * 16 / 9 + 7) / 8 * 8, threads: threads, level: subject.level,
        precision: subject.precision)
    }
    // All, half of them (cores may come in pairs that share their arithmetic), and so on.
    var counts = [subject.threads]
    while counts[counts.count - 1] > 1 { counts.append(counts[counts.count - 1] / 2) }
    let byCount = Self.milliseconds(try counts.map { count throws(InferError) in try plan(Self.usual, threads: count) })
    let fastest = byCount.min() ?? 0
    // Fewer threads where more gain nothing.
    threads = zip(counts, byCount).filter { $0.1 <= fastest * Self.chance }.last?.0 ?? subject.threads

    let times = Self.milliseconds(
      try Self.sides.map { [threads] side throws(InferError) in try plan(side, threads: threads) })
    looks = zip(Self.sides, times).map { Look(side: $0, milliseconds: $1) }
    // No size takes longer than a larger one; what seems so is other work on the machine.
    for index in looks.indices.dropLast().reversed() {
      looks[index].milliseconds = min(looks[index].milliseconds, looks[index + 1].milliseconds)
    }

    streams = 1
    guard subject.threads > 1, fastest <= Self.patience else { return }
    let plans = try (0..<subject.threads).map { _ throws(InferError) in try plan(Self.usual, threads: 1) }
    let pictures = 3
    var together = Double.infinity
    for _ in 0..<4 {
      let start = Clock.now()
      DispatchQueue.concurrentPerform(iterations: plans.count) { for _ in 0..<pictures { plans[$0].run() } }
      together = min(together, Double(Clock.now() - start) / 1e6 / Double(pictures * plans.count))
    }
    if together * Self.chance < fastest { streams = subject.threads }
  }

  /// The fastest of several runs of each plan, in turns: other work on the machine only adds, and to all alike. Plans that
  /// come after one that takes too long are left out.
  private static func milliseconds(_ plans: [Plan]) -> [Double] {
    func time(_ plan: Plan) -> Double {
      let start = Clock.now()
      plan.run()
      return Double(Clock.now() - start) / 1e6
    }
    var fastest: [Double] = []
    for plan in plans {
      fastest.append(time(plan))
      if fastest[fastest.count - 1] > patience { break }
    }
    let start = Clock.now()
    for _ in 0..<mostRounds where Double(Clock.now() - start) / 1e6 < budget {
      for index in fastest.indices { fastest[index] = min(fastest[index], time(plans[index])) }
    }
    return fastest
  }
}

extension NetworkTimes {
  /// In the folder of measurements.
  static let fileName = "presets.json"

  private static func file(_ path: String?) -> MeasurementFile<NetworkTimes> {
    MeasurementFile(path: path, format: "posecam-presets/2", limit: 200)
  }

  private func isSound(for subject: Subject) -> Bool {
    (1...subject.threads).contains(threads) && (1...subject.threads).contains(streams)
      && (1...Self.sides.count).contains(looks.count) && looks.map(\.side) == Array(Self.sides.prefix(looks.count))
      && looks.allSatisfy { $0.milliseconds > 0 && $0.milliseconds < 1e7 }
  }

  /// - Parameter path: of the file, which may be deleted at any time.
  static func remembered(_ subject: Subject, path: String?) -> NetworkTimes? {
    guard let known = file(path).read()[subject.key], known.isSound(for: subject) else { return nil }
    return known
  }

  func remember(_ subject: Subject, path: String?) { Self.file(path).add([subject.key: self]) }
}
