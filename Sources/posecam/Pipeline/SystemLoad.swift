import Foundation

/// How busy the machine is, and how much of it this program takes.
struct SystemLoad: Sendable, Equatable {
  /// Busy share of every core since the reading before, 0...1.
  var cores: [Double] = []
  /// Cores' worth of work of this program.
  var process = 0.0
  /// Bytes in memory now, and at most so far.
  var memory = 0
  var peakMemory = 0
}

/// Reads the load from `/proc`, and nothing where there is none.
struct LoadMeter {
  private var before: [(busy: UInt64, total: UInt64)] = []
  private var processBefore: (time: Double, clock: Double)?

  /// The load since the last reading; nil where the system does not tell.
  mutating func read() -> SystemLoad? {
    guard let status = Self.text("/proc/self/status"), let stat = Self.text("/proc/stat") else { return nil }
    var load = SystemLoad()
    let now = Self.ticks(stat)
    if before.count == now.count {
      load.cores = zip(before, now).map { before, now in
        now.total > before.total ? Double(now.busy &- before.busy) / Double(now.total - before.total) : 0
      }
    }
    before = now
    load.memory = Self.kilobytes("VmRSS:", of: status) * 1024
    load.peakMemory = Self.kilobytes("VmHWM:", of: status) * 1024
    var spent = timespec()
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent)
    let time = Double(spent.tv_sec) + Double(spent.tv_nsec) / 1e9
    let clock = ProcessInfo.processInfo.systemUptime
    if let last = processBefore, clock > last.clock { load.process = (time - last.time) / (clock - last.clock) }
    processBefore = (time, clock)
    return load
  }

  /// Per core: busy and all ticks, from lines like "cpu0 user nice system idle iowait irq softirq steal …".
  static func ticks(_ stat: String) -> [(busy: UInt64, total: UInt64)] {
    stat.split(separator: "\n").filter { $0.hasPrefix("cpu") && !$0.hasPrefix("cpu ") }.map { line in
      let ticks = line.split(separator: " ").dropFirst().prefix(8).map { UInt64($0) ?? 0 }
      let total = ticks.reduce(0, &+)
      return (total &- ticks.dropFirst(3).prefix(2).reduce(0, &+), total)
    }
  }

  private static func kilobytes(_ name: String, of status: String) -> Int {
    guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(name) }) else { return 0 }
    return line.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) } ?? 0
  }

  /// Files of `/proc` have no size that could be asked for.
  private static func text(_ path: String) -> String? {
    guard let file = fopen(path, "re") else { return nil }
    defer { fclose(file) }
    var (bytes, buffer) = ([UInt8](), [UInt8](repeating: 0, count: 4096))
    while case let count = fread(&buffer, 1, buffer.count, file), count > 0, bytes.count < 1 << 20 {
      bytes += buffer[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
