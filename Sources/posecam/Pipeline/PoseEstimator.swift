import Infer
import Synchronization
import Tracker
import Video

/// What one frame came to.
struct Estimate: Sendable {
  /// In pixels of the frame.
  var poses: [Pose]
  var maps: ShownMaps?
}

/// From a frame to poses in the frame's pixels: scaling, network, parser. One per stream.
final class PoseEstimator: @unchecked Sendable {
  struct Settings: Sendable {
    /// Pixels of the short side of the network's input, or its whole size.
    var size = NetworkSize.shortSide(256)
    var threads = 1
    var level = CPULevel.detected
    var precision = Precision.f32
    /// `nil` where plans are divided by rule.
    var autotuning: Autotuning?
    var isCompatible = false
    var maximumPeople: Int?
    /// People below this score are left out.
    var leastScore: Float = 0
    /// Key points below this score are left out, and then people with fewer than so many.
    var leastKeypointScore: Float = 0
    var leastKeypoints = 0

    /// As many and as good poses as asked for.
    func kept(_ poses: [Pose]) -> [Pose] {
      var kept = poses.filter { $0.score >= leastScore }
      if leastKeypointScore > 0 { kept = kept.map { $0.keepingKeypoints(from: leastKeypointScore) } }
      kept.removeAll { $0.count < max(1, leastKeypoints) }
      if let maximumPeople, kept.count > maximumPeople {
        kept.sort { $0.totalScore > $1.totalScore }
        kept.removeLast(kept.count - maximumPeople)
      }
      return kept
    }
  }

  /// What is asked for from the next frame on.
  private struct Change: Sendable {
    var settings: Settings?
    /// For the new settings, made while the old ones were in use.
    var plan: Plan?
    var showsMaps = false
  }

  let model: Model
  private var settings: Settings
  private let change = Mutex(Change())
  private let scaler = Scaler(order: .bgr)
  private var assembler: PoseAssembler
  /// Pictures of a folder may alternate between a few sizes.
  private var plans: [Plan] = []
  private var maps = FieldMaps(width: 0, height: 0)
  private let lastStage: String

  init(_ model: Model, _ settings: Settings) {
    self.model = model
    self.settings = settings
    var options = PoseAssembler.Options()
    options.isCompatible = settings.isCompatible
    assembler = PoseAssembler(options: options)
    lastStage = "stage\(model.network.refinementStages)"
  }

  func letterbox(for frame: Frame) -> Letterbox { Self.letterbox(settings, frame.width, frame.height) }

  private static func letterbox(_ settings: Settings, _ width: Int, _ height: Int) -> Letterbox {
    switch settings.size {
    case .shortSide(let side):
      settings.isCompatible
        ? .compatible(frameWidth: width, frameHeight: height, height: side)
        : Letterbox(frameWidth: width, frameHeight: height, shortSide: side)
    case .whole(let inputHeight, let inputWidth):
      Letterbox(frameWidth: width, frameHeight: height, inputWidth: inputWidth, inputHeight: inputHeight)
    }
  }

  /// The plan for this frame's size with the frame as its input.
  func loaded(_ frame: Frame) throws -> Plan {
    let letterbox = letterbox(for: frame)
    let plan = try plan(height: letterbox.inputHeight, width: letterbox.inputWidth)
    try scaler.scale(frame, in: letterbox) { pixels, bytesPerRow in
      plan.setInput(
        bgr: pixels, bytesPerRow: bytesPerRow, width: letterbox.innerWidth, height: letterbox.innerHeight,
        left: letterbox.left, top: letterbox.top)
    }
    return plan
  }

  /// A plan for other settings and frames like this one; takes a while, and does not disturb frames under way. It is not
  /// measured, since they would disturb that.
  func plan(_ settings: Settings, for frame: (width: Int, height: Int)) throws(InferError) -> Plan {
    let letterbox = Self.letterbox(settings, frame.width, frame.height)
    return try Plan(
      model, height: letterbox.inputHeight, width: letterbox.inputWidth, threads: settings.threads,
      level: settings.level, precision: settings.precision)
  }

  /// Other settings from the next frame on; may be called from any thread.
  /// - Parameter plan: where size or precision differ.
  func adopt(_ settings: Settings, _ plan: Plan? = nil) {
    change.withLock {
      $0.settings = settings
      if let plan { $0.plan = plan }
    }
  }

  /// Whether estimates hold maps for the screen, from the next frame on; may be called from any thread.
  func showMaps(_ isWanted: Bool) { change.withLock { $0.showsMaps = isWanted } }

  func poses(in frame: Frame, measurements: Measurements) throws -> [Pose] {
    try estimate(frame, measurements: measurements).poses
  }

  func estimate(_ frame: Frame, measurements: Measurements) throws -> Estimate {
    let showsMaps = change.withLock { change in
      if let settings = change.settings.take() { self.settings = settings }
      if let plan = change.plan.take() { plans = [plan] }
      return change.showsMaps
    }
    let letterbox = letterbox(for: frame)
    let plan = try measurements.time(.preprocess) { try loaded(frame) }
    measurements.time(.network) { plan.run() }
    return try measurements.time(.parse) {
      if maps.width != plan.outputWidth || maps.height != plan.outputHeight {
        maps = FieldMaps(width: plan.outputWidth, height: plan.outputHeight)
      }
      try plan.copyOutput("\(lastStage)_heatmaps", into: &maps.heatmaps)
      try plan.copyOutput("\(lastStage)_pafs", into: &maps.fields)
      return Estimate(
        poses: select(assembler.assemble(maps), letterbox), maps: showsMaps ? ShownMaps(maps, letterbox) : nil)
    }
  }

  /// Poses in the frame's pixels, as many and as good as asked for.
  private func select(_ poses: [Pose], _ letterbox: Letterbox) -> [Pose] {
    settings.kept(poses).map { pose in
      var pose = pose
      for joint in pose.keypoints.indices {
        guard let point = pose.keypoints[joint] else { continue }
        let (x, y) = letterbox.frame(x: point.x, y: point.y)
        pose.keypoints[joint] = Keypoint(x: x, y: y, score: point.score)
      }
      return pose
    }
  }

  private func plan(height: Int, width: Int) throws(InferError) -> Plan {
    if let index = plans.firstIndex(where: { $0.height == height && $0.width == width }) {
      if index > 0 { plans.swapAt(index, 0) }
      return plans[0]
    }
    let plan = try Plan(
      model, height: height, width: width, threads: settings.threads, level: settings.level,
      precision: settings.precision, autotuning: settings.autotuning)
    plans.insert(plan, at: 0)
    if plans.count > 3 { plans.removeLast() }
    return plan
  }
}

extension Pose {
  /// The pose without the key points below a score; its own score stays.
  fileprivate func keepingKeypoints(from least: Float) -> Pose {
    let score = score
    var pose = self
    pose.keypoints = keypoints.map { $0.flatMap { $0.score >= least ? $0 : nil } }
    pose.totalScore = score * Float(max(1, 2 * pose.count - 1))
    return pose
  }
}
