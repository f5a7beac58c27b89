import ArgumentParser
import Foundation
import Infer
import Tracker
import Video

/// `posecam bench`: what each stage costs on this machine.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measures every stage on this machine: median, minimum and 95th percentile.",
    discussion: """
      Decoding and scaling are measured on a 1280x720 H.264 clip of the demo scene, parsing and tracking on the maps of a crowd \
      of --people in the network's size. The shares of the peak compare with multiply-adds on registers measured in the same run.
      """)

  @OptionGroup var engine: EngineOptions
  @Option(help: "Network runs.") var runs = 30
  @Option(help: "People in the crowd that is parsed and tracked.") var people = 20
  @Option(
    help: ArgumentHelp("Measure decoding and scaling on this video instead.", valueName: "file"), completion: .file())
  var video: String?
  @Flag(help: "Tell the time of every layer.") var layers = false
  @Flag(help: "Tell each kind of kernel's share of the time and of the peak.") var kernels = false
  @Flag(help: "Print one JSON object.") var json = false

  func validate() throws {
    guard (1...100_000).contains(runs) else { throw ValidationError("--runs takes 1 to 100000.") }
    guard (0...500).contains(people) else { throw ValidationError("--people takes 0 to 500.") }
    if json, layers || kernels { throw ValidationError("--layers and --kernels print tables; leave out --json.") }
  }

  func run() throws {
    let model = try engine.network.loadModel()
    let level = engine.level
    let size = engine.size.pixels
    let plan = try engine.network.plan(model, height: size.height, width: size.width)
    var stages: [(name: String, times: [Double])] = []
    stages += try measureVideo(plan)

    plan.run()
    stages.append(("network", Self.times(runs) { plan.run() }))
    var peak = 0.0
    for _ in 0..<3 { peak = max(peak, level.measuredPeak(plan.precision)) }
    let rates = try measureStreams(model, size)
    stages += measureCrowd(plan)

    let network = stages.first { $0.name == "network" }?.times.sorted() ?? []
    let giga = network.isEmpty ? 0 : Double(plan.multiplyAdds) / (network[network.count / 2] * 1e6)
    if json {
      try printJSON(stages, plan, rates, model: model)
    } else {
      printTable(stages, plan, giga: giga, peak: peak * Double(engine.threadCount), model: model)
      for (streams, rate) in rates {
        let threads = engine.threadCount / streams
        let (stream, thread) = (streams == 1 ? "stream" : "streams", threads == 1 ? "thread" : "threads")
        print(
          String(format: "throughput: %.1f pictures per second", rate)
            + " in \(streams) \(stream) of \(threads) \(thread)")
      }
      if layers { printLayers(fastestLayers(plan)) }
      if kernels { printKernels(fastestLayers(plan), peak: peak * Double(engine.threadCount)) }
    }
  }

  /// Milliseconds of every run.
  private static func times(_ runs: Int, _ body: () throws -> Void) rethrows -> [Double] {
    try (0..<runs).map { _ in
      let start = Clock.now()
      try body()
      return Double(Clock.now() - start) / 1e6
    }
  }

  private func measureVideo(_ plan: Plan) throws -> [(name: String, times: [Double])] {
    let folder = FileManager.default.temporaryDirectory.appendingPathComponent("posecam-bench-\(getpid())")
    defer { if video == nil { try? FileManager.default.removeItem(at: folder) } }
    if video == nil {
      Interruption.onRequest {
        try? FileManager.default.removeItem(at: folder)
        _exit(Interruption.exitCode)
      }
    }
    let clip = try video ?? Self.makeClip(in: folder)
    var options = SourceOptions()
    options.decoderThreads = 1
    let source = try openSource(clip, options: options)
    let scaler = Scaler(order: .bgr)
    var (decode, preprocess): ([Double], [Double]) = ([], [])
    while decode.count < 300, let frame = try source.next() {
      decode.append(Double(frame.decodeTime) / 1e6)
      let box = Letterbox(
        frameWidth: frame.width, frameHeight: frame.height, inputWidth: plan.width, inputHeight: plan.height)
      preprocess += try Self.times(1) {
        try scaler.scale(frame, width: box.innerWidth, height: box.innerHeight) { pixels, bytesPerRow in
          plan.setInput(
            bgr: pixels, bytesPerRow: bytesPerRow, width: box.innerWidth, height: box.innerHeight, left: box.left,
            top: box.top)
        }
      }
    }
    return [("decode", decode), ("preprocess", preprocess)]
  }

  /// A short clip of the demo scene in a temporary file, coded as annotated videos are.
  private static func makeClip(in folder: URL) throws -> String {
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let path = folder.appendingPathComponent("clip.mp4").path
    var options = SourceOptions()
    options.isDemoLive = false
    let scene = try openSource("demo:size=1280x720,seconds=2", options: options)
    var writer: VideoWriter?
    while let frame = try scene.next() {
      if writer == nil { writer = try VideoWriter(path: path, like: frame, settings: VideoWriter.Settings()) }
      try writer?.write(frame)
    }
    try writer?.finish()
    return path
  }

  /// Pictures per second of the network alone, for one stream on all threads and for a stream per thread.
  private func measureStreams(_ model: Model, _ size: (height: Int, width: Int)) throws -> [(Int, Double)] {
    try Set([1, engine.streamCount(isLive: false)]).sorted().map { streams in
      let plans = try (0..<streams).map { _ in
        try engine.network.plan(model, height: size.height, width: size.width, threads: engine.threadCount / streams)
      }
      for plan in plans { plan.run() }
      let start = Clock.now()
      DispatchQueue.concurrentPerform(iterations: streams) { stream in
        for _ in 0..<runs { plans[stream].run() }
      }
      return (streams, Double(runs * streams) / (Double(Clock.now() - start) / 1e9))
    }
  }

  private func measureCrowd(_ plan: Plan) -> [(name: String, times: [Double])] {
    let maps = CrowdMaps.scene(people: people, width: plan.outputWidth, height: plan.outputHeight)
    var assembler = PoseAssembler()
    var tracker = PoseTracker()
    var poses = assembler.assemble(maps)
    _ = tracker.update(poses, at: 0)
    let parse = Self.times(runs) { poses = assembler.assemble(maps) }
    var now = 0.0
    let track = Self.times(runs) {
      now += 1.0 / 30
      _ = tracker.update(poses, at: now)
    }
    return [("parse", parse), ("track", track)]
  }

  // MARK: - Printing

  private static func summary(_ times: [Double]) -> (median: Double, minimum: Double, p95: Double) {
    let sorted = times.sorted()
    guard let minimum = sorted.first else { return (0, 0, 0) }
    return (sorted[sorted.count / 2], minimum, sorted[(sorted.count * 95 - 1) / 100])
  }

  private static var peakMemory: Int {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    return usage.ru_maxrss * 1024
  }

  private func printJSON(
    _ stages: [(name: String, times: [Double])], _ plan: Plan, _ rates: [(streams: Int, rate: Double)], model: Model
  ) throws {
    var object: [String: Any] = [:]
    for (name, times) in stages {
      let summary = Self.summary(times)
      object[name] = ["median_ms": summary.median, "minimum_ms": summary.minimum, "p95_ms": summary.p95]
    }
    let report: [String: Any] = [
      "model": model.name, "input": [plan.height, plan.width],
      "stages": object, "multiply_adds": plan.multiplyAdds, "threads": plan.threads,
      "precision": plan.precision.rawValue,
      "throughput": rates.map { ["streams": $0.streams, "pictures_per_second": $0.rate] }, "cpu_level": "\(plan.level)",
      "openblas_core": OpenBLAS.coreName, "peak_memory_bytes": Self.peakMemory,
    ]
    let data = try JSONSerialization.data(withJSONObject: report, options: [.sortedKeys])
    print(String(decoding: data, as: UTF8.self))
  }

  private func printTable(
    _ stages: [(name: String, times: [Double])], _ plan: Plan, giga: Double, peak: Double, model: Model
  ) {
    print(
      "model \(model.name), input \(plan.height)x\(plan.width), \(plan.threads) threads, \(plan.precision) at \(plan.level), "
        + "OpenBLAS core \(OpenBLAS.coreName)")
    print("stage          median    minimum        p95   (ms)")
    for (name, times) in stages {
      let summary = Self.summary(times)
      let label = name.padding(toLength: 10, withPad: " ", startingAt: 0)
      print(label + String(format: "%11.3f%11.3f%11.3f", summary.median, summary.minimum, summary.p95))
    }
    print(
      String(
        format:
          "network: %.3f G multiply-adds, %.0f GFLOP/s, %.0f %% of the measured peak (%.0f GFLOP/s on %d threads)",
        Double(plan.multiplyAdds) / 1e9, 2 * giga, 100 * giga / peak, 2 * peak, plan.threads))
    print("parse and track: \(people) people")
    print(String(format: "peak memory: %.0f MB", Double(Self.peakMemory) / 1e6))
  }

  /// The fastest of several runs, layer by layer.
  private func fastestLayers(_ plan: Plan) -> [Plan.LayerTime] {
    var fastest = plan.profile()
    for _ in 1..<max(2, runs) {
      for (index, layer) in plan.profile().enumerated() {
        fastest[index].nanoseconds = min(fastest[index].nanoseconds, layer.nanoseconds)
      }
    }
    return fastest
  }

  private func printLayers(_ layers: [Plan.LayerTime]) {
    for layer in layers {
      let milliseconds = Double(layer.nanoseconds) / 1e6
      print(
        String(
          format: "%9.3f ms %7.1f GFLOP/s  ", milliseconds, 2 * Double(layer.multiplyAdds) / Double(layer.nanoseconds))
          + layer.name)
    }
  }

  private func printKernels(_ layers: [Plan.LayerTime], peak: Double) {
    let total = (time: layers.reduce(0) { $0 + $1.nanoseconds }, work: layers.reduce(0) { $0 + $1.multiplyAdds })
    print("layers      ms   of the work  of the time  of the peak  kernel")
    let groups = Dictionary(grouping: layers, by: \.kernel).sorted {
      $0.value.reduce(0) { $0 + $1.nanoseconds } > $1.value.reduce(0) { $0 + $1.nanoseconds }
    }
    for (kernel, layers) in groups {
      let (time, work) = (layers.reduce(0) { $0 + $1.nanoseconds }, layers.reduce(0) { $0 + $1.multiplyAdds })
      print(
        String(
          format: "%6d %8.3f %10.1f %% %10.1f %% %10.1f %%  %@", layers.count, Double(time) / 1e6,
          100 * Double(work) / Double(total.work), 100 * Double(time) / Double(total.time),
          100 * Double(work) / Double(time) / peak, kernel))
    }
  }
}
