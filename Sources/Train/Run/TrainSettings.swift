import Foundation
import Infer
import Yams

/// Everything that decides how a run goes: saved with the run, read from YAML.
public struct TrainSettings: Codable, Equatable, Sendable {
  // Data.
  /// Annotation file.
  public var data = ""
  /// Folder of the pictures; "" for that of the annotation file.
  public var images = ""
  /// Annotation file of the pictures for validation; "" for none.
  public var validation = ""
  public var validationImages = ""
  /// Height of the network's input in validation.
  public var validationSize = 256

  public var augmentation = Augmentation()

  /// Model file of a teacher; "" for none.
  public var teacher = ""
  /// Folder of a teacher's maps, or a file of people whom it found, in the teacher's place; "" for none.
  public var teacherCache = ""
  public var pseudoLabels = ""
  /// Folder of pictures that only the teacher knows; "" for none.
  public var unlabeled = ""
  /// The teacher's share in the loss of labelled pictures.
  public var teacherShare = 0.5
  public var formula = DistillationFormula.everywhere

  // The network.
  public var backboneWidth = 1.0
  public var channels = 128
  public var headChannels = 512
  public var refinementStages = 1

  // Batches.
  public var batch = 16
  /// Pixels of a side of the input, a multiple of 8.
  public var size = 256
  /// Batches whose gradients are averaged into one step.
  public var accumulate = 1
  /// Of several processes that train together: whether batch norm takes its statistics over the pictures of all of them.
  public var syncBatchNorm = true
  public var seed: UInt64 = 1
  public var precision = TrainingPrecision.f32

  // The optimiser.
  public var optimiser = "adam"
  public var groups = ParameterGroups.reference
  public var learningRate = 4e-5
  public var weightDecay = 5e-4
  public var schedule = LearningRateSchedule.steps
  /// Steps of the whole run.
  public var steps = 100_000
  /// Steps of linear growth of the learning rate at the start.
  public var warmUp = 0
  /// Largest norm of all gradients together; 0 for no limit.
  public var clip = 0.0
  /// How much of the moving average of weights stays at every step; 0 for none.
  public var average = 0.999

  // What is kept.
  /// Steps between lines of the log, checkpoints and validations.
  public var logEvery = 100
  public var saveEvery = 500
  public var validateEvery = 5000
  /// Steps between pictures and histograms in the event file; 0 for none.
  public var recordEvery = 1000

  enum CodingKeys: String, CodingKey, CaseIterable {
    case data, images, validation, augmentation
    case validationImages = "validation_images"
    case validationSize = "validation_size"
    case teacher, unlabeled
    case teacherCache = "teacher_cache"
    case pseudoLabels = "pseudo_labels"
    case teacherShare = "teacher_share"
    case formula
    case backboneWidth = "backbone_width"
    case channels
    case headChannels = "head_channels"
    case refinementStages = "refinement_stages"
    case batch, size, accumulate, precision
    case syncBatchNorm = "sync_batch_norm"
    case seed, optimiser, groups
    case learningRate = "learning_rate"
    case weightDecay = "weight_decay"
    case schedule, steps
    case warmUp = "warm_up"
    case clip, average
    case logEvery = "log_every"
    case saveEvery = "save_every"
    case validateEvery = "validate_every"
    case recordEvery = "record_every"
  }

  public init() {}

  /// Reads a settings file: TOML where its name ends so, else YAML. What it does not name keeps its default.
  /// - Parameter changes: "key=value" or "key.key=value", which win over the file.
  public init(contentsOf path: String, changes: [String] = []) throws(TrainError) {
    try self.init(Self.given(contentsOf: path), changes: changes, name: path)
  }

  private static func given(contentsOf path: String) throws(TrainError) -> [String: Any] {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
      throw TrainError("\(path): cannot be read; is it a text file?")
    }
    guard URL(fileURLWithPath: path).pathExtension.lowercased() == "toml" else {
      return try given(yaml: text, name: path)
    }
    return try TOMLTable(text, name: path).values
  }

  private static func given(yaml: String, name: String) throws(TrainError) -> [String: Any] {
    guard let given = (try load(yaml, name: name) ?? [String: Any]()) as? [String: Any] else {
      throw TrainError("\(name): not a list of settings, one 'name: value' per line")
    }
    return given
  }

  /// Whether a settings file, or changes, say what network it shall be.
  public static func nameNetwork(contentsOf path: String?, changes: [String]) throws(TrainError) -> Bool {
    var given: [String: Any] = [:]
    if let path { given = try Self.given(contentsOf: path) }
    try make(changes, in: &given)
    let proportions: [CodingKeys] = [.backboneWidth, .channels, .headChannels, .refinementStages]
    return proportions.contains { given[$0.rawValue] != nil }
  }

  /// - Parameters:
  ///   - yaml: a mapping of any of the keys; the others keep their defaults.
  ///   - changes: "key=value" or "key.key=value", which win over the mapping.
  ///   - name: what messages call it.
  public init(yaml: String, changes: [String] = [], name: String) throws(TrainError) {
    try self.init(Self.given(yaml: yaml, name: name), changes: changes, name: name)
  }

  /// Settings lie no deeper; a file of more and deeper ones is none of ours.
  private static let deepest = 4
  private static let longest = 1 << 16

  private static func load(_ yaml: String, name: String) throws(TrainError) -> Any? {
    // The parser goes as deep as its text: brackets, and dashes and blanks before a line's first word.
    let text = Array(yaml.utf8)
    let brackets = text.count { "[{".utf8.contains($0) }
    let indents = text.split(separator: UInt8(ascii: "\n")).map { line in
      line.firstIndex { !" -?:".utf8.contains($0) }.map { $0 - line.startIndex } ?? line.count
    }
    guard text.count <= longest, brackets <= 100, (indents.max() ?? 0) <= 100 else {
      throw TrainError("\(name): no settings of ours: too long or too deep")
    }
    do {
      guard let node = try Yams.compose(yaml: yaml) else { return nil }
      // Names for parts of a file can stand for parts that hold such names, and grow without end.
      var left = longest
      guard isSmall(node, deepest, &left) else {
        throw TrainError("\(name): no settings of ours: too deep or too many")
      }
      return node.any
    } catch let error as TrainError {
      throw error
    } catch {
      throw TrainError("\(name): not valid YAML: \(error)")
    }
  }

  private static func isSmall(_ node: Node, _ depth: Int, _ left: inout Int) -> Bool {
    left -= 1
    guard depth >= 0, left > 0 else { return false }
    switch node {
    case .mapping(let mapping): return mapping.allSatisfy { isSmall($0.value, depth - 1, &left) }
    case .sequence(let sequence): return sequence.allSatisfy { isSmall($0, depth - 1, &left) }
    default: return true
    }
  }

  private init(_ given: [String: Any], changes: [String], name: String) throws(TrainError) {
    var given = given
    try Self.make(changes, in: &given)
    guard let settings = try Self.decode(given, name: name) else {
      for (key, value) in given.sorted(by: { $0.key < $1.key }) where try Self.decode([key: value], name: name) == nil {
        for (inner, value) in (value as? [String: Any] ?? [:]).sorted(by: { $0.key < $1.key })
        where try Self.decode([key: [inner: value]], name: name) == nil {
          throw TrainError("\(name): setting '\(key).\(inner)' takes no such value: \(Self.text(value))")
        }
        throw TrainError("\(name): setting '\(key)' takes no such value: \(Self.text(value))")
      }
      throw TrainError("\(name): a setting has a value of the wrong kind")
    }
    self = settings
  }

  private static func make(_ changes: [String], in given: inout [String: Any]) throws(TrainError) {
    for change in changes {
      let parts = change.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let path = parts[0].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
      guard parts.count == 2, !path.contains(""), path.count <= deepest else {
        throw TrainError("'\(change)': settings are changed as name=value or name.name=value")
      }
      set(try load(parts[1], name: "'\(change)'") ?? "", at: path[...], in: &given)
    }
  }

  private static func text(_ value: Any) -> String {
    (try? Yams.dump(object: value, width: -1))?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "\(value)"
  }

  /// The defaults with what was given in their place; `nil` where a value has the wrong type.
  private static func decode(_ given: [String: Any], name: String) throws(TrainError) -> TrainSettings? {
    // JSON keeps all digits of a number, which Yams' encoder does not.
    guard let json = try? JSONEncoder().encode(TrainSettings()),
      let defaults = try? JSONSerialization.jsonObject(with: json) as? [String: Any]
    else { return nil }
    let all = try merge(given, into: defaults, name: name)
    guard JSONSerialization.isValidJSONObject(all), let json = try? JSONSerialization.data(withJSONObject: all) else {
      return nil
    }
    return try? JSONDecoder().decode(TrainSettings.self, from: json)
  }

  private static func set(_ value: Any, at path: ArraySlice<String>, in settings: inout [String: Any]) {
    guard let first = path.first else { return }
    guard path.count > 1 else {
      settings[first] = value
      return
    }
    var inner = settings[first] as? [String: Any] ?? [:]
    set(value, at: path.dropFirst(), in: &inner)
    settings[first] = inner
  }

  private static func merge(
    _ given: [String: Any], into defaults: [String: Any], name: String
  ) throws(TrainError) -> [String: Any] {
    var all = defaults
    for (key, value) in given {
      guard let old = defaults[key] else {
        throw TrainError(
          "\(name): there is no setting '\(key)'; there are \(defaults.keys.sorted().joined(separator: ", "))")
      }
      if let old = old as? [String: Any], let value = value as? [String: Any] {
        all[key] = try merge(value, into: old, name: "\(name): \(key)")
      } else {
        all[key] = value
      }
    }
    return all
  }

  /// One setting per line, with all digits.
  public var yaml: String {
    get throws(TrainError) {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
      guard let json = try? encoder.encode(self) else {
        throw TrainError("settings cannot be written: a number is none")
      }
      // JSON's lines of names and values without braces, commas and quotes around the names.
      return String(decoding: json, as: UTF8.self).split(separator: "\n").compactMap { line in
        guard let colon = line.range(of: "\" : ") else { return nil }
        let name = line[..<colon.lowerBound].dropFirst(2).filter { $0 != "\"" }
        let value = line[colon.upperBound...]
        return value == "{" ? "\(name):\n" : "\(name): \(value.hasSuffix(",") ? value.dropLast() : value)\n"
      }.joined()
    }
  }

  /// Those named; one is enough.
  private var teachers: [String] { [teacher, teacherCache, pseudoLabels].filter { !$0.isEmpty } }

  public var hasTeacher: Bool { !teachers.isEmpty }

  /// What models are measured by.
  var judges: [String] { [validation, validationImages, "\(validationSize)"] }

  /// With paths that hold wherever the run is continued from.
  var anywhere: TrainSettings {
    var settings = self
    for path in Self.paths where !self[keyPath: path].isEmpty {
      settings[keyPath: path] = URL(fileURLWithPath: self[keyPath: path]).standardizedFileURL.path
    }
    return settings
  }

  public var network: LightweightOpenPose {
    get {
      var network = LightweightOpenPose()
      (network.backboneWidth, network.channels) = (backboneWidth, channels)
      (network.headChannels, network.refinementStages) = (headChannels, refinementStages)
      return network
    }
    set {
      (backboneWidth, channels) = (newValue.backboneWidth, newValue.channels)
      (headChannels, refinementStages) = (newValue.headChannels, newValue.refinementStages)
    }
  }

  /// Refuses what no run can be made of.
  public func check() throws(TrainError) {
    try augmentation.check()
    if let wrong { throw TrainError("setting '\(wrong.setting)' takes \(wrong.takes)") }
  }

  /// The first setting, those of augmentation aside, that has no such value, and which ones it takes.
  public var wrong: (setting: String, takes: String)? {
    var first: (setting: String, takes: String)?
    func check(_ isRight: Bool, _ key: CodingKeys, _ takes: String) {
      if !isRight && first == nil { first = (key.rawValue, takes) }
    }
    check((32...2048).contains(validationSize), .validationSize, "32 to 2048")
    check((0...1).contains(teacherShare), .teacherShare, "0 to 1")
    let teachers = teachers
    check(
      teachers.count <= 1, .teacher, "no value beside 'teacher_cache' or 'pseudo_labels': one teacher is enough")
    check(unlabeled.isEmpty || teachers.count == 1, .unlabeled, "a folder only where there is a teacher")
    check((0.05...4).contains(backboneWidth), .backboneWidth, "0.05 to 4")
    check((8...1024).contains(channels), .channels, "8 to 1024")
    check((8...4096).contains(headChannels), .headChannels, "8 to 4096")
    check((0...8).contains(refinementStages), .refinementStages, "0 to 8")
    check((1...1024).contains(batch), .batch, "1 to 1024")
    check((32...2048).contains(size) && size.isMultiple(of: 8), .size, "a multiple of 8 from 32 to 2048")
    check((1...1024).contains(accumulate), .accumulate, "1 to 1024")
    check(
      Adam.Kind(rawValue: optimiser) != nil, .optimiser, Adam.Kind.allCases.map(\.rawValue).joined(separator: " or "))
    check(seed <= UInt64(Int64.max), .seed, "0 to \(Int64.max)")
    check(learningRate > 0 && learningRate <= 1, .learningRate, "a number above 0, at most 1")
    check((0...1).contains(weightDecay), .weightDecay, "0 to 1")
    check((1...1_000_000_000).contains(steps), .steps, "1 to 10⁹")
    check(warmUp >= 0 && warmUp <= steps, .warmUp, "0 to the number of steps")
    check(clip >= 0 && clip.isFinite, .clip, "0 (no limit) or a positive number")
    check((0..<1).contains(average), .average, "0 (none) to below 1")
    check(logEvery >= 1, .logEvery, "at least 1")
    check(saveEvery >= 1, .saveEvery, "at least 1")
    check(validateEvery >= 1, .validateEvery, "at least 1")
    check(recordEvery >= 0, .recordEvery, "0 (never) or a number of steps")
    return first
  }
}
