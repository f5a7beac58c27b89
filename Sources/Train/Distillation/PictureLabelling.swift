import Foundation
import Infer
import Synchronization
import Tracker
import Video

/// Labels pictures by what a model finds in them, for students to learn from (pseudo-labels: Lee 2013).
///
/// Whom the model is sure of is labelled; where it sees somebody less surely, nothing is to be learnt.
public struct PictureLabelling: Sendable {
  public struct Rules: Sendable, Equatable {
    /// Of a person's mean score, 0...1, and key points, from which it is labelled.
    public var leastScore = 0.4
    public var leastKeypoints = 6
    /// Of the longer side of the box around its key points, in pixels.
    public var leastSide = 24.0
    /// Whether a picture in which nobody is found at all is taken as one without people. Models miss people.
    public var trustsEmptiness = false

    public init() {}
  }

  public struct Progress: Sendable {
    /// Pictures looked at, of all, and how many of them before this run.
    public var done = 0
    public var total = 0
    public var known = 0
    /// Of those looked at: written with labels, and as pictures without people.
    public var labelled = 0
    public var empty = 0
    public var people = 0
    /// Pictures that could not be read.
    public var problems = Problems()
  }

  private let model: Model
  private let settings: PoseEvaluator.Settings
  private let rules: Rules

  public init(_ model: Model, _ settings: PoseEvaluator.Settings, rules: Rules = Rules()) {
    (self.model, self.settings, self.rules) = (model, settings, rules)
  }

  /// Writes annotations of the pictures, with their names within the folder: once a minute, at the end, and when it is stopped.
  /// Pictures that a file of the same folder, model and rules knows by name are not looked at again; those that have gone from
  /// the folder leave the file.
  /// - Parameters:
  ///   - shouldStop: asked on any thread.
  ///   - report: called on any thread, one at a time.
  /// - Throws: also where the file is there and was made otherwise; it stays as it is.
  public func run(
    _ pictures: UnlabelledPictures, to path: String, shouldStop: @escaping @Sendable () -> Bool = { false },
    report: @escaping @Sendable (Progress) -> Void = { _ in }
  ) throws(TrainError) -> Progress {
    struct State {
      var file: Labels
      var progress = Progress()
      var saved = Clock.now()
    }
    let isDevice = PartialFile.isDevice(path)
    let file = try Labels(path, model: model.name, maker: maker(of: pictures.folder), names: pictures.names)
    let asked = pictures.names.filter { !file.isKnown($0) }
    let state = Mutex(State(file: file))
    state.withLock {
      ($0.progress.total, $0.progress.known) = (pictures.count, pictures.count - asked.count)
      $0.progress.done = $0.progress.known
    }
    let folder = URL(fileURLWithPath: pictures.folder, isDirectory: true)
    try PictureEvaluation.onAll(asked.count, model, settings, shouldStop: shouldStop) { worker, index in
      worker.poses(at: folder.appendingPathComponent(asked[index]).path)
    } take: { index, outcome throws(TrainError) in
      let progress = try state.withLock { state throws(TrainError) in
        switch outcome {
        case .found(let seen): state.file.add(rules.labels(of: seen), as: asked[index])
        case .unreadable(let reason): state.progress.problems.add("picture that cannot be read", reason)
        case .failed: break
        }
        state.progress.done += 1
        if !isDevice, Clock.now() - state.saved > Self.betweenSaves {
          try state.file.write()
          state.saved = Clock.now()
        }
        return state.progress
      }
      report(progress)
    }
    return try state.withLock { state throws(TrainError) in
      try state.file.write()
      (state.progress.labelled, state.progress.empty, state.progress.people) = state.file.counts
      return state.progress
    }
  }

  private static let betweenSaves: UInt64 = 60_000_000_000

  /// What a file's labels depend on.
  private func maker(of folder: String) -> String {
    let tiles = settings.tiles.map { "\($0.columns)x\($0.rows)" } ?? "none"
    let scales = settings.scales.map { "\($0)" }.joined(separator: " ")
    return """
      posecam data label, weights \(model.checksum), height \(settings.height), \
      scales \(scales), mirror \(settings.usesMirror), tiles \(tiles), \(settings.precision), score \(rules.leastScore), \
      key points \(rules.leastKeypoints), side \(rules.leastSide), trusts emptiness \(rules.trustsEmptiness), pictures in \(URL(fileURLWithPath: folder).resolvingSymlinksInPath().path)
      """
  }
}

extension Model {
  /// Of all weights, so that a model is known whatever its file is called.
  fileprivate var checksum: UInt32 {
    var bytes: [UInt8] = []
    for (name, _) in graph.tensorShapes {
      tensors[name]?.values.withUnsafeBytes { bytes += $0 }
    }
    return RecordFraming.checksum(bytes)
  }
}

extension PictureLabelling.Rules {
  /// - Returns: `nil` where nothing can be learnt from the picture.
  func labels(of seen: PictureEvaluation.Poses) -> AnnotatedPicture? {
    var picture = AnnotatedPicture(id: 0, fileName: "", width: seen.width, height: seen.height)
    guard !seen.poses.isEmpty else { return trustsEmptiness ? picture : nil }
    picture.people = seen.poses.filter { $0.count > 0 }.map { pose in
      isSure(pose)
        ? PersonAnnotation(sure: pose, width: seen.width, height: seen.height)
        : PersonAnnotation(unsure: pose, width: seen.width, height: seen.height)
    }
    return picture.people.contains { !$0.isCrowd } ? picture : nil
  }

  private func isSure(_ pose: Pose) -> Bool {
    // A face alone says too little of where a person is.
    let body = pose.keypoints[2..<14].count { $0 != nil }
    return Double(pose.score) >= leastScore && pose.count >= leastKeypoints && body >= 2
      && Double(max(pose.box.width, pose.box.height)) >= leastSide
  }
}

extension PersonAnnotation {
  /// - Parameter width, height: of the picture, in pixels.
  fileprivate init(sure pose: Pose, width: Int, height: Int) {
    var points = [Point](repeating: Point(x: 0, y: 0, visibility: 0), count: 17)
    for (joint, coco) in KeypointLayout.cocoIndex.enumerated() where coco >= 0 {
      if let found = pose.keypoints[joint] {
        points[coco] = Point(x: Double(found.x), y: Double(found.y), visibility: 2)
      }
    }
    let box = Self.box(around: pose, margin: 0.12, width, height)
    let scores = pose.keypoints.compactMap { $0?.score }
    self.init(
      id: 0, keypoints: points, keypointCount: points.count { $0.visibility > 0 }, box: box,
      // People fill about so much of their boxes.
      area: 0.6 * box.width * box.height, isCrowd: false, region: nil,
      agreement: Double(min(1, max(0, scores.reduce(0, +) / Float(scores.count)))), headSize: nil)
  }

  /// What is there may reach farther than what was found of it.
  fileprivate init(unsure pose: Pose, width: Int, height: Int) {
    let box = Self.box(around: pose, margin: 0.35, width, height)
    self.init(
      id: 0, keypoints: [Point](repeating: Point(x: 0, y: 0, visibility: 0), count: 17), keypointCount: 0, box: box,
      area: box.width * box.height, isCrowd: true,
      region: Region(x: box.x, y: box.y, width: box.width, height: box.height), agreement: 1, headSize: nil)
  }

  /// - Parameter margin: as a share of the longer side.
  private static func box(
    around pose: Pose, margin: Double, _ width: Int, _ height: Int
  ) -> (x: Double, y: Double, width: Double, height: Double) {
    let box = pose.box
    let side = margin * Double(max(box.width, box.height, 12))
    let (left, top) = (max(0, Double(box.x) - side), max(0, Double(box.y) - side))
    let right = min(Double(width), Double(box.x + box.width) + side)
    let bottom = min(Double(height), Double(box.y + box.height) + side)
    return (left, top, right - left, bottom - top)
  }
}

/// The annotation file as it grows, which also tells what was looked at in vain.
private struct Labels: Sendable {
  private let path: String
  private let model: String
  private let maker: String
  private var pictures: [String: AnnotatedPicture] = [:]
  private var leftOut: Set<String> = []

  /// - Parameter names: of the pictures that are there.
  /// - Throws: where the file is there and by another maker.
  init(_ path: String, model: String, maker: String, names: [String]) throws(TrainError) {
    (self.path, self.model, self.maker) = (path, model, maker)
    guard FileManager.default.fileExists(atPath: path), !PartialFile.isDevice(path) else { return }
    let bytes: [UInt8]
    do {
      bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped))
    } catch {
      throw TrainError("\(path): is there and cannot be read; choose another name")
    }
    let info = (try? JSONValue(bytes, name: path))?["info"]
    guard info?["description"]?.string == maker else {
      throw TrainError(
        "\(path): is there and was not written for these pictures by this model with these options; choose another name, "
          + "or remove it")
    }
    let there = Set(names)
    for picture in try KeypointAnnotations(bytes, name: path).pictures where there.contains(picture.fileName) {
      pictures[picture.fileName] = picture
    }
    leftOut = there.intersection((info?["left_out"]?.array ?? []).compactMap(\.string))
  }

  func isKnown(_ name: String) -> Bool { pictures[name] != nil || leftOut.contains(name) }

  mutating func add(_ picture: AnnotatedPicture?, as name: String) {
    guard var picture else {
      leftOut.insert(name)
      return
    }
    picture.fileName = name
    pictures[name] = picture
  }

  var counts: (labelled: Int, empty: Int, people: Int) {
    let empty = pictures.values.count { $0.people.isEmpty }
    return (pictures.count - empty, empty, pictures.values.reduce(0) { $0 + $1.people.count { !$0.isCrowd } })
  }

  /// In the order of the names, whatever order they came in.
  func write() throws(TrainError) {
    var (ordered, people) = ([AnnotatedPicture](), 0)
    for (index, name) in pictures.keys.sorted().enumerated() {
      guard var picture = pictures[name] else { continue }
      picture.id = index + 1
      for person in picture.people.indices {
        people += 1
        picture.people[person].id = people
      }
      ordered.append(picture)
    }
    guard case .object(var members) = KeypointAnnotations(name: path, pictures: ordered).json else { return }
    members["info"] = .object([
      "description": .string(maker), "model": .string(model),
      "left_out": .array(leftOut.sorted().map { .string($0) }),
    ])
    try JSONValue.object(members).write(to: path)
  }
}
