import Foundation

/// The processors of this machine, as far as this process may use them.
public enum Processors {
  public static let all = ProcessInfo.processInfo.processorCount

  /// As the manufacturer calls them, where Linux tells.
  public static let name: String? = {
    let lines = (try? String(contentsOfFile: "/proc/cpuinfo", encoding: .utf8))?.split(separator: "\n") ?? []
    let model = lines.first { $0.hasPrefix("model name") }
    return model?.split(separator: ":").last?.trimmingCharacters(in: .whitespaces)
  }()

  /// As many as its affinity mask (`taskset`, `mpirun`) and its control group's share of time (containers) allow.
  public static let usable = usable(
    status: try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
    share: try? String(contentsOfFile: "/sys/fs/cgroup/cpu.max", encoding: .utf8),
    all: ProcessInfo.processInfo.activeProcessorCount)

  /// - Parameters:
  ///   - status: /proc/self/status, which holds the mask in hexadecimal digits; Foundation does not look at it.
  ///   - share: cpu.max of control groups, version 2: microseconds in a period of so many, or "max".
  static func usable(status: String?, share: String?, all: Int) -> Int {
    var usable = all
    if let line = status?.split(separator: "\n").first(where: { $0.hasPrefix("Cpus_allowed:") }) {
      let allowed = line.dropFirst("Cpus_allowed:".count).reduce(0) { $0 + ($1.hexDigitValue ?? 0).nonzeroBitCount }
      if allowed > 0 { usable = min(usable, allowed) }
    }
    let times = (share ?? "").split(whereSeparator: \.isWhitespace).map { Double($0) ?? .infinity }
    if times.count == 2, times[0] > 0, times[1] > 0 {
      // Part of a processor is as good as one.
      usable = Int(min(Double(usable), max(1, (times[0] / times[1]).rounded(.up))))
    }
    return max(1, usable)
  }
}
