import Foundation
import Infer

/// The processes that train one network together, as one of them sees the others.
///
/// All of them make the same calls in the same order. Once one was lost, calls return at once and leave what they were given as
/// it is; `failure` says why, and whoever goes on from the result looks there first.
public protocol Communicator: AnyObject {
  /// Which of the processes this is, 0 ..< count. The first one writes files and speaks for all.
  var rank: Int { get }
  var count: Int { get }
  /// Why the others cannot be reached any more.
  var failure: TrainError? { get }

  /// Begins to add up the values of all processes, in place: they belong to the communicator until `finishSums`.
  func beginSum(_ values: UnsafeMutableBufferPointer<Float>)
  /// Waits for all sums that were begun.
  func finishSums()
  /// Adds up the values of all processes, in place.
  /// - Parameter isPatient: whether the others may take their time, since one of them does something long.
  func sum(_ values: UnsafeMutableBufferPointer<Double>, isPatient: Bool)
  /// Gives all processes the bytes of one of them.
  func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int)
}

/// A process that trains alone.
public final class SingleProcess: Communicator {
  public let rank = 0
  public let count = 1
  public let failure: TrainError? = nil

  public init() {}

  public func beginSum(_ values: UnsafeMutableBufferPointer<Float>) {}
  public func finishSums() {}
  public func sum(_ values: UnsafeMutableBufferPointer<Double>, isPatient: Bool) {}
  public func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) {}
}

extension Communicator {
  public var isFirst: Bool { rank == 0 }

  func check() throws(TrainError) {
    if let failure { throw failure }
  }

  /// The sums over all processes of each number.
  func sums(_ values: [Double], isPatient: Bool = false) throws(TrainError) -> [Double] {
    var values = values
    values.withUnsafeMutableBufferPointer { sum($0, isPatient: isPatient) }
    try check()
    return values
  }

  /// Whether it is so for any of the processes.
  func any(_ isSo: Bool) throws(TrainError) -> Bool { try sums([isSo ? 1 : 0], isPatient: true)[0] > 0 }

  /// The numbers of one process, for all.
  func shared<Number: Numeric & BitwiseCopyable>(_ own: [Number], from root: Int = 0) throws(TrainError) -> [Number] {
    guard count > 1 else { return own }
    let length = Int(try sums([rank == root ? Double(own.count) : 0], isPatient: true)[0])
    var all = rank == root ? own : [Number](repeating: 0, count: length)
    all.withUnsafeMutableBytes { broadcast($0, from: root) }
    try check()
    return all
  }

  /// The tensors in a file that only the first process needs to have.
  public func weights(of path: String) throws(TrainError) -> WeightFile {
    func read(_ body: () throws -> WeightFile) throws(TrainError) -> WeightFile {
      do { return try body() } catch { throw TrainError("\(error)") }
    }
    guard count > 1 else { return try read { try WeightFile(contentsOf: path) } }
    let own = isFirst ? FileManager.default.contents(atPath: path).map { Array($0) } : nil
    let bytes = try shared(own ?? [])
    return try agree(
      Result { () throws(TrainError) in
        try read {
          // Where there is nothing, the first process knows the reason.
          if bytes.isEmpty {
            return try isFirst ? WeightFile(contentsOf: path) : WeightFile(tensors: [:], metadata: [:])
          }
          return try bytes.withUnsafeBytes { try WeightFile($0, name: path) }
        }
      })
  }

  /// Throws on all processes if one of them has other settings than the first; paths may differ.
  public func compare(_ settings: TrainSettings) throws(TrainError) {
    var settings = settings
    for path in TrainSettings.paths { settings[keyPath: path] = "" }
    try compare(settings.yaml.split(separator: "\n").map(String.init), what: "settings differ")
  }

  /// Throws on all processes if one of them was given something else than the first.
  /// - Parameter lines: what they compare.
  public func compare(_ lines: [String], what: String) throws(TrainError) {
    if count == 1 { return }
    let first = String(decoding: try shared(Array(lines.joined(separator: "\n").utf8)), as: UTF8.self).split(
      separator: "\n"
    ).map(String.init)
    try agree(
      Result { () throws(TrainError) in
        guard lines != first else { return }
        let place = zip(lines, first).prefix { $0 == $1 }.count
        func line(_ lines: [String]) -> String { place < lines.count ? "'\(lines[place])'" : "nothing" }
        throw TrainError("\(what): \(line(lines)) here, \(line(first)) on rank 0")
      })
  }

  /// Does what may fail on some of the processes: then it fails on all of them, with the reasons of all.
  public func agree<Value>(_ body: () throws -> Value) throws -> Value {
    let result = Result(catching: body)
    if case .failure(let error) = result { try fail("\(error)") } else { try fail("") }
    return try result.get()
  }

  func agree<Value>(_ result: Result<Value, TrainError>) throws(TrainError) -> Value {
    if case .failure(let error) = result { try fail(error.description) } else { try fail("") }
    return try result.get()
  }

  /// Throws on all processes if one of them has a reason to.
  private func fail(_ reason: String) throws(TrainError) {
    guard count > 1, try any(!reason.isEmpty) else { return }
    var failures: [(reason: String, ranks: [String])] = []
    for rank in 0..<count {
      let reason = String(decoding: try shared(Array(reason.utf8), from: rank), as: UTF8.self)
      if reason.isEmpty { continue }
      if let place = failures.firstIndex(where: { $0.reason == reason }) {
        failures[place].ranks.append("\(rank)")
      } else {
        failures.append((reason, ["\(rank)"]))
      }
    }
    let lines = failures.map { reason, ranks in
      ranks.count == count ? reason : "rank \(ranks.joined(separator: ", ")): \(reason)"
    }
    throw TrainError(lines.joined(separator: "; "), isShared: true)
  }
}

extension TrainSettings {
  /// Where things lie, which may be elsewhere on another machine.
  static var paths: [WritableKeyPath<TrainSettings, String>] {
    [\.data, \.images, \.validation, \.validationImages, \.teacher, \.teacherCache, \.pseudoLabels, \.unlabeled]
  }
}
