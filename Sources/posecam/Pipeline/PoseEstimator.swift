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
    /// Pixels of height of the network's input, or its whole size.
    var size = NetworkSize.height(256)
    var threads = 1
    var level = CPULevel.detected
    var precision = Precision.f32
    /// `nil` where plans are divided by rule.
    var autotuning: Autotuning?
    var isCompatible = false
    var selection = PoseSelection()
    /// Sizes of frames that may take turns without a plan being made anew.
    var mostPlans = 3
    /// Parts of the frame that are looked at beside the whole.
    var tiles: PictureTiles?
    /// Only the most prominent person is wanted.
    var isSingle = false
  }

  /// What is asked for from the next frame on.
  private struct Change: Sendable {
    var settings: Settings?
    /// For the new settings, made while the old ones were in use.
    var plans: [Plan] = []
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

  private static func letterbox(_ settings: Settings, _ width: Int, _ height: Int, pixelAspect: Double = 1) -> Letterbox
  {
    switch settings.size {
    case .height(let side):
      settings.isCompatible
        ? .compatible(frameWidth: width, frameHeight: height, height: side)
        : Letterbox(frameWidth: width, frameHeight: height, pixelAspect: pixelAspect, height: side)
    case .whole(let inputHeight, let inputWidth):
      Letterbox(
        frameWidth: width, frameHeight: height, pixelAspect: pixelAspect, inputWidth: inputWidth,
        inputHeight: inputHeight)
    }
  }

  /// The plan for this frame's size with the frame as its input.
  func loaded(_ frame: Frame) throws -> Plan { try loaded(frame, letterbox(frame)) }

  private func loaded(_ frame: Frame, _ letterbox: Letterbox) throws -> Plan {
    let plan = try plan(height: letterbox.inputHeight, width: letterbox.inputWidth)
    try scaler.scale(frame, in: letterbox) { pixels, bytesPerRow in
      plan.setInput(
        bgr: pixels, bytesPerRow: bytesPerRow, width: letterbox.innerWidth, height: letterbox.innerHeight,
        left: letterbox.left, top: letterbox.top)
    }
    return plan
  }

  /// Plans for other settings and frames like this one; takes a while, and does not disturb frames under way. They are not
  /// measured, since those would disturb that.
  func plans(_ settings: Settings, for frame: (width: Int, height: Int)) throws(InferError) -> [Plan] {
    var boxes = [Self.letterbox(settings, frame.width, frame.height)]
    if let tile = settings.tiles?.parts(width: frame.width, height: frame.height).first {
      boxes.append(Self.letterbox(settings, tile.width, tile.height))
    }
    if settings.isSingle {
      boxes.append(PersonFocus.letterbox(settings.size, width: frame.width, height: frame.height))
    }
    var plans: [Plan] = []
    for box in boxes where !plans.contains(where: { ($0.height, $0.width) == (box.inputHeight, box.inputWidth) }) {
      plans.append(
        try Plan(
          model, height: box.inputHeight, width: box.inputWidth, threads: settings.threads, level: settings.level,
          precision: settings.precision))
    }
    return plans
  }

  /// Other settings from the next frame on; may be called from any thread.
  /// - Parameter plans: where size or precision differ, one for each size of frames.
  func adopt(_ settings: Settings, _ plans: [Plan] = []) {
    change.withLock {
      $0.settings = settings
      if !plans.isEmpty { $0.plans = plans }
    }
  }

  /// Whether estimates hold maps for the screen, from the next frame on; may be called from any thread.
  func showMaps(_ isWanted: Bool) { change.withLock { $0.showsMaps = isWanted } }

  func poses(in frame: Frame, measurements: Measurements) throws -> [Pose] {
    try estimate(frame, measurements: measurements).poses
  }

  /// - Parameter focus: where a single person was in the source's frame before.
  func estimate(
    _ frame: Frame, focus: PersonFocus = PersonFocus(), measurements: Measurements
  ) throws -> Estimate {
    let showsMaps = change.withLock { change in
      if let settings = change.settings.take() { self.settings = settings }
      if !change.plans.isEmpty { (plans, change.plans) = (change.plans, []) }
      return change.showsMaps
    }
    var times = StageTimes()
    defer { times.record(in: measurements) }
    if settings.isSingle {
      return try focus.follow(in: frame) { part in
        guard let part else { return try look(at: frame, letterbox(frame), showsMaps: showsMaps, &times) }
        let box = PersonFocus.letterbox(
          settings.size, width: part.width, height: part.height, pixelAspect: frame.pixelAspect)
        return try look(at: part, of: frame, box, showsMaps: showsMaps, &times)
      }
    }
    let parts = settings.tiles?.parts(width: frame.width, height: frame.height) ?? []
    var estimate = try look(at: frame, letterbox(frame), showsMaps: showsMaps, &times)
    if parts.count > 1 {
      for part in parts {
        let box = Self.letterbox(settings, part.width, part.height, pixelAspect: frame.pixelAspect)
        estimate.poses += try look(at: part, of: frame, box, showsMaps: false, &times).poses
      }
      estimate.poses = times.measure(\.parse) { PoseMerging.merge(estimate.poses).map(\.pose) }
    }
    if settings.tiles != nil { estimate.poses = settings.selection.kept(estimate.poses) }
    return estimate
  }

  private func letterbox(_ frame: Frame) -> Letterbox {
    Self.letterbox(settings, frame.width, frame.height, pixelAspect: frame.pixelAspect)
  }

  /// Who is in a part of a frame, in the whole frame's pixels.
  private func look(
    at part: PictureTiles.Part, of frame: Frame, _ letterbox: Letterbox, showsMaps: Bool, _ times: inout StageTimes
  ) throws -> Estimate {
    let cut = try frame.part(x: part.x, y: part.y, width: part.width, height: part.height)
    var estimate = try look(at: cut, letterbox, showsMaps: showsMaps, &times)
    estimate.poses = estimate.poses.map { $0.moved(x: Float(part.x), y: Float(part.y)) }
    estimate.maps?.move(to: part, of: (frame.width, frame.height))
    return estimate
  }

  private func look(
    at frame: Frame, _ letterbox: Letterbox, showsMaps: Bool, _ times: inout StageTimes
  ) throws -> Estimate {
    let plan = try times.measure(\.preprocess) { try loaded(frame, letterbox) }
    times.measure(\.network) { plan.run() }
    return try times.measure(\.parse) {
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
    (settings.tiles == nil ? settings.selection : settings.selection.ofParts).kept(poses).map { pose in
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
    if plans.count > settings.mostPlans { plans.removeLast() }
    return plan
  }
}
