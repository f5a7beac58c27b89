import Foundation
import Infer
import Train
import Video

/// How fast this machine trains: whole steps on random pictures, without data loading.
struct TrainBenchmark {
  private struct Noise: BatchSource {
    mutating func read(_ number: Int, into batch: inout Batch) throws(TrainError) {
      guard number == 0 else { return }
      var state: UInt32 = 1
      func next() -> Float {
        state = state &* 1_664_525 &+ 1_013_904_223
        return Float(state >> 8) / Float(1 << 24)
      }
      for index in batch.images.indices { batch.images[index] = next() - 0.5 }
      for index in batch.heatmaps.indices { batch.heatmaps[index] = next() * 0.1 }
      for index in batch.fields.indices { batch.fields[index] = next() * 0.1 }
      for index in batch.mask.indices { batch.mask[index] = 1 }
    }
  }

  let settings: TrainSettings
  let threads: Int
  let steps: Int

  init(_ settings: TrainSettings, threads: Int, steps: Int) {
    (self.settings, self.threads, self.steps) = (settings, threads, steps)
  }

  func run(_ processes: any Communicator) throws {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("posecam-train-\(getpid())").path
    defer { try? FileManager.default.removeItem(atPath: folder) }
    Interruption.onRequest {
      try? FileManager.default.removeItem(atPath: folder)
      exit(Interruption.exitCode)
    }
    let trainer = try Trainer(
      settings, folder: RunFolder(new: folder), threads: threads, processes: processes)
    var source = Noise()
    var batch = trainer.emptyBatch()
    try trainer.makeStep(&source, &batch)
    var times: [Double] = []
    for _ in 0..<steps {
      let start = Clock.now()
      try trainer.makeStep(&source, &batch)
      times.append(Double(Clock.now() - start) / 1e9)
    }
    times.sort()
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    let images = Double(settings.batch * settings.accumulate)
    let report: [String: Any] = [
      "images_per_second": images / times[times.count / 2], "fastest_images_per_second": images / times[0],
      "peak_memory_bytes": usage.ru_maxrss * 1024, "threads": threads, "processes": processes.count,
      "cpu_level": "\(CPULevel.detected)",
    ]
    let data = try JSONSerialization.data(withJSONObject: report, options: [.sortedKeys])
    print(String(decoding: data, as: UTF8.self))
  }
}
