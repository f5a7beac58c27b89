import Foundation
import Infer

/// Where a run keeps its settings, log, checkpoint and best weights.
public struct RunFolder: Sendable {
  public let path: String
  private var lock: RunLock?

  public var settings: String { "\(path)/settings.yaml" }
  public var log: String { "\(path)/log.jsonl" }
  public var checkpoint: String { "\(path)/last.ckpt" }
  public var best: String { "\(path)/best.safetensors" }
  /// The batch whose loss was not a number.
  public var failedBatch: String { "\(path)/failed-batch.safetensors" }

  /// The folder of a run that another process keeps: this one neither reads nor writes it.
  public init(elsewhere path: String) { self.path = path }

  /// A folder for a new run; it may exist, but must not hold one already.
  public init(new path: String) throws(TrainError) {
    self.path = path
    if FileManager.default.fileExists(atPath: checkpoint) {
      throw TrainError("\(path): holds a run already: continue it with --resume \(path), or choose another folder")
    }
    for file in [settings, log, best] where FileManager.default.fileExists(atPath: file) {
      throw TrainError("\(file): is there already; choose another folder, or move it away")
    }
    do {
      try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    } catch {
      // Foundation's error names no reason; the system does.
      let reason = mkdir(path, 0o777) == 0 ? error.localizedDescription : String(cString: strerror(errno))
      throw TrainError("\(path): cannot be made: \(reason)")
    }
    lock = try RunLock(folder: path)
    removeRemains()
  }

  /// The folder of a run to be continued.
  public init(existing path: String) throws(TrainError) {
    self.path = path
    guard FileManager.default.fileExists(atPath: checkpoint) else {
      throw TrainError("\(path): holds no last.ckpt to continue from")
    }
    lock = try RunLock(folder: path)
    removeRemains()
  }

  /// Files that a killed run was in the middle of writing.
  private func removeRemains() {
    let own = [checkpoint, best, failedBatch].map { "\(URL(fileURLWithPath: $0).lastPathComponent).partial-" }
    for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
      guard let start = own.first(where: name.hasPrefix), name.dropFirst(start.count).allSatisfy(\.isNumber) else {
        continue
      }
      unlink("\(path)/\(name)")
    }
  }

  func write(_ text: String, to file: String) throws(TrainError) {
    do {
      try text.write(toFile: file, atomically: true, encoding: .utf8)
    } catch {
      throw TrainError("\(file): cannot be written: \(error.localizedDescription)")
    }
  }

  /// Adds a line to the log.
  func append(_ entry: [String: Any]) throws(TrainError) {
    guard var line = try? JSONSerialization.data(withJSONObject: entry, options: [.sortedKeys]) else {
      throw TrainError("\(log): step \(entry["step"] ?? "?") holds a value that JSON has no form for")
    }
    line.append(UInt8(ascii: "\n"))
    let stream = fopen(log, "a")
    defer { if let stream { fclose(stream) } }
    guard let stream, line.withUnsafeBytes({ fwrite($0.baseAddress, 1, $0.count, stream) }) == line.count,
      fflush(stream) == 0
    else { throw TrainError("\(log): cannot be written: \(String(cString: strerror(errno)))") }
  }

  /// Drops what was logged after `step`, which a resumed run makes again.
  func truncateLog(after step: Int) throws(TrainError) {
    guard let text = try? String(contentsOfFile: log, encoding: .utf8) else { return }
    let kept = text.split(separator: "\n").filter { line in
      guard let entry = try? JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any],
        let logged = entry["step"] as? Int
      else { return false }
      return logged <= step
    }
    try write(kept.map { $0 + "\n" }.joined(), to: log)
  }
}

/// Keeps other processes from training in the same folder; ends with the process, however that ends.
private final class RunLock: Sendable {
  private let descriptor: Int32

  init(folder: String) throws(TrainError) {
    descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    // Where a file system has no locks, nobody can be kept away.
    if descriptor >= 0, flock(descriptor, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK {
      close(descriptor)
      throw TrainError("\(folder): another process is training there; wait for it, or stop it first")
    }
  }

  deinit { if descriptor >= 0 { close(descriptor) } }
}
