import Foundation

/// What a run wrote down of itself: curves over steps.
public struct RunLog: Sendable {
  public struct Point: Sendable, Equatable {
    public var step: Int
    public var value: Double

    public init(step: Int, value: Double) { (self.step, self.value) = (step, value) }
  }

  public let name: String
  /// By name: "loss", the network's outputs, "learning_rate", "images_per_second", "seconds", and what validation measured,
  /// "AP" first of all. Steps rise.
  public private(set) var curves: [String: [Point]] = [:]
  /// Lines that are no entry, such as the last one of a run that was killed while it wrote.
  public private(set) var damagedLines = 0

  /// - Parameter path: a run's folder, or its `log.jsonl`.
  public init(contentsOf path: String) throws(TrainError) {
    var isFolder: ObjCBool = false
    guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder) else {
      throw TrainError("\(path): no such run")
    }
    let file = isFolder.boolValue ? "\(path)/log.jsonl" : path
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: file), options: .mappedIfSafe)
    } catch {
      throw TrainError("\(file): cannot be read; a run's folder holds its log.jsonl")
    }
    self.init(data, name: URL(fileURLWithPath: path).standardizedFileURL.lastPathComponent)
    guard !curves.isEmpty else { throw TrainError("\(file): holds no entry of a run yet") }
  }

  /// - Parameter text: one JSON object per line.
  init(_ text: Data, name: String) {
    self.name = name
    for line in text.split(separator: UInt8(ascii: "\n")) {
      guard let entry = try? JSONSerialization.jsonObject(with: line) as? [String: Any],
        let step = entry["step"] as? Int, step >= 0
      else {
        damagedLines += 1
        continue
      }
      add(entry, step)
      if let validation = entry["validation"] as? [String: Any] { add(validation, step) }
    }
    // Two processes at once, or a log put together by hand.
    for (name, points) in curves where !zip(points, points.dropFirst()).allSatisfy({ $0.step < $1.step }) {
      let last = Dictionary(points.map { ($0.step, $0.value) }) { _, later in later }
      curves[name] = last.sorted { $0.key < $1.key }.map { Point(step: $0.key, value: $0.value) }
    }
  }

  private mutating func add(_ values: [String: Any], _ step: Int) {
    for (name, value) in values where name != "step" {
      guard let value = value as? Double, value.isFinite else { continue }
      curves[name, default: []].append(Point(step: step, value: value))
    }
  }

  /// The names of the network's outputs in the order of its stages.
  public var outputs: [String] { curves.keys.filter { $0.hasPrefix("stage") }.sorted() }
}

extension [RunLog.Point] {
  /// An exponential moving average that is not drawn towards 0 at its beginning.
  /// - Parameter weight: what of the average stays at every point, 0..<1; 0 leaves the curve as it is.
  public func smoothed(_ weight: Double) -> [RunLog.Point] {
    var (average, share) = (0.0, 0.0)
    return map { point in
      average = weight * average + (1 - weight) * point.value
      share = weight * share + (1 - weight)
      return RunLog.Point(step: point.step, value: average / share)
    }
  }
}
