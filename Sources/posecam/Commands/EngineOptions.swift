import ArgumentParser
import CModel
import Foundation
import Infer

/// Size of the network's input, in pixels.
enum NetworkSize: Sendable, Equatable, ExpressibleByArgument {
  case height(Int)
  case whole(height: Int, width: Int)

  var height: Int {
    switch self {
    case .height(let height), .whole(let height, _): height
    }
  }

  /// Height and width; those of a picture of 16 to 9 where only the height is given.
  var pixels: (height: Int, width: Int) {
    switch self {
    case .whole(let height, let width): (height, width)
    case .height(let height): (height, (height * 16 / 9 + 7) / 8 * 8)
    }
  }

  var defaultValueDescription: String {
    switch self {
    case .height(let side): "\(side)"
    case .whole(let height, let width): "\(height)x\(width)"
    }
  }

  /// "256" or "256x456" (height x width).
  init?(argument: String) {
    let numbers = argument.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
    guard numbers.allSatisfy({ $0.map { (32...4096).contains($0) } ?? false }) else { return nil }
    switch numbers.count {
    case 1: self = .height(numbers[0] ?? 0)
    case 2: self = .whole(height: numbers[0] ?? 0, width: numbers[1] ?? 0)
    default: return nil
    }
  }
}

/// Arithmetic of the network.
enum PrecisionChoice: String, CaseIterable, ExpressibleByArgument {
  /// The fastest of bytes whose results are within the limit that the model file records, bfloat16, and floats.
  case auto
  case f32
  case bf16
  case int8

  /// - Parameter isExact: results are compared with those of others.
  func precision(for model: Model, level: CPULevel, isExact: Bool = false) -> Precision {
    switch self {
    case .auto: isExact ? .f32 : model.bestPrecision(at: level)
    case .f32: .f32
    case .bf16: .bf16
    case .int8: .int8
    }
  }
}

extension CPULevel: ExpressibleByArgument {
  public init?(argument: String) {
    guard let level = CPULevel.allCases.first(where: { "\($0)" == argument }) else { return nil }
    self = level
  }

  public var defaultValueDescription: String { "\(self)" }
  public static var allValueStrings: [String] { allCases.map { "\($0)" } }
  public static var allValueDescriptions: [String: String] { [:] }
}

/// How frames go through the network.
@dynamicMemberLookup
struct EngineOptions: ParsableArguments {
  @OptionGroup var network: NetworkOptions

  @Option(
    name: .customLong("size"),
    help: ArgumentHelp(
      "Network input: pixels of height, or height x width (default: 256).", valueName: "256|256x456"))
  var chosenSize: NetworkSize?

  @Option(
    help: ArgumentHelp(
      "Frames worked on at once, sharing the threads: 1 answers soonest, as many as threads does most "
        + "(default: 1 for cameras and streams, else all).",
      valueName: "n"))
  var streams: Int?

  func validate() throws {
    if let streams, !(1...256).contains(streams) { throw ValidationError("--streams takes 1 to 256, not \(streams).") }
    if let streams, streams > network.threadCount {
      StandardError.line("posecam: \(streams) streams need a thread each: \(network.threadCount) are used")
    }
  }

  subscript<Value>(dynamicMember path: WritableKeyPath<NetworkOptions, Value>) -> Value {
    get { network[keyPath: path] }
    set { network[keyPath: path] = newValue }
  }

  subscript<Value>(dynamicMember path: KeyPath<NetworkOptions, Value>) -> Value { network[keyPath: path] }

  /// How many frames are worked on at once: a live source needs each result soon, a file many results. Streams of one
  /// thread never wait for each other.
  func streamCount(isLive: Bool) -> Int { min(streams ?? (isLive ? 1 : network.threadCount), network.threadCount) }

  var size: NetworkSize { chosenSize ?? .height(256) }
}

/// The network and what computes it.
struct NetworkOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Model file (safetensors, PyTorch checkpoint or ONNX) or its address, https://…#sha256=…; the built-in one if absent.",
      valueName: "file"),
    completion: .models
  )
  var model: String?

  @Option(help: ArgumentHelp("Threads for the network (default: all cores).", valueName: "n"))
  var threads: Int?

  @Option(
    name: .customLong("precision"),
    help: ArgumentHelp(
      "Arithmetic of the network (default: auto; in forward f32).",
      valueName: "precision"))
  var chosenPrecision: PrecisionChoice?

  @Option(
    help: "Use a lower instruction set than the processor has."
  )
  var cpuLevel: CPULevel?

  @Flag(
    inversion: .prefixedNo,
    help: "Measure once how the network's work is best divided on this machine, and remember it in ~/.cache/posecam.")
  var autotune = true

  func validate() throws {
    if let threads, !(1...256).contains(threads) { throw ValidationError("--threads takes 1 to 256, not \(threads).") }
    let cores = Processors.usable
    if let threads, threads > cores {
      StandardError.line("posecam: \(threads) threads on \(cores) cores: they will wait for each other")
    }
  }

  var level: CPULevel { cpuLevel ?? .detected }

  var precision: PrecisionChoice { chosenPrecision ?? .auto }

  /// What a preset is measured for.
  func subject(_ model: Model) -> NetworkTimes.Subject {
    NetworkTimes.Subject(
      model: model, level: level, precision: precision.precision(for: model, level: level), threads: threadCount)
  }

  var threadCount: Int { threads ?? min(256, Processors.usable) }

  /// - Parameters:
  ///   - threads: fewer than asked for, for one of several streams.
  ///   - isExact: results are compared with those of others, which compute with floats.
  func plan(
    _ model: Model, height: Int, width: Int, threads: Int? = nil, isExact: Bool = false
  ) throws(InferError) -> Plan {
    try Plan(
      model, height: height, width: width, threads: threads ?? threadCount, level: level,
      precision: precision.precision(for: model, level: level, isExact: isExact), autotuning: autotuning)
  }

  var autotuning: Autotuning? { autotune ? Self.autotuning : nil }

  private static let autotuning = Autotuning(path: CacheFolder.path(of: "tuning.json"))

  func loadModel() throws(InferError) -> Model { try Self.loadModel(model) }

  /// - Parameter path: a file or an address; `nil` for the model that is built in.
  static func loadModel(_ path: String?) throws(InferError) -> Model {
    if let path { return try Model(contentsOf: RemoteModel(path)?.file() ?? path) }
    let bytes = UnsafeRawBufferPointer(start: posecam_student_bytes(), count: posecam_student_size)
    return try Model(WeightFile(bytes, name: "built-in model"), name: "built in")
  }
}
