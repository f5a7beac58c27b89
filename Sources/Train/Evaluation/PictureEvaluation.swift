import Dispatch
import Foundation
import Infer
import Synchronization
import Tracker

/// One thread's part of an evaluation; keeps its plans and memory from picture to picture.
struct PictureEvaluation {
  enum Outcome<Found: Sendable>: Sendable {
    case found(Found)
    case unreadable(String)
    case failed(TrainError)

    func map<Other>(_ transform: (Found) -> Other) -> Outcome<Other> {
      switch self {
      case .found(let found): .found(transform(found))
      case .unreadable(let reason): .unreadable(reason)
      case .failed(let error): .failed(error)
      }
    }
  }

  /// Who is in a picture, in its pixels, counted from its corner as COCO does.
  struct Poses: Sendable {
    var width: Int
    var height: Int
    var poses: [Pose]
  }

  /// Looks at pictures on several threads, each with an evaluation of its own.
  /// - Parameters:
  ///   - look: at the picture of that number.
  ///   - take: gets what came of every picture, one after the other, in any order.
  /// - Throws: the first failure; nothing is looked at after it.
  static func onAll<Found: Sendable>(
    _ count: Int, _ model: Model, _ settings: PoseEvaluator.Settings,
    shouldStop: @Sendable () -> Bool = { false },
    _ look: @Sendable (inout PictureEvaluation, Int) -> Outcome<Found>,
    take: @Sendable (Int, Outcome<Found>) throws(TrainError) -> Void
  ) throws(TrainError) {
    let state = Mutex((next: 0, failure: TrainError?.none))
    DispatchQueue.concurrentPerform(iterations: max(1, min(settings.threads, count))) { _ in
      var worker = PictureEvaluation(model, settings)
      while let index = state.withLock({ state -> Int? in
        guard state.next < count, state.failure == nil, !shouldStop() else { return nil }
        defer { state.next += 1 }
        return state.next
      }) {
        let outcome = look(&worker, index)
        state.withLock { state in
          do throws(TrainError) {
            if case .failed(let error) = outcome { throw error }
            try take(index, outcome)
          } catch {
            if state.failure == nil { state.failure = error }
          }
        }
      }
    }
    if let failure = state.withLock({ $0.failure }) { throw failure }
  }

  private let model: Model
  private let settings: PoseEvaluator.Settings
  private let reader = PictureReader()
  private var plans: [Plan] = []
  private var assembler: PoseAssembler
  private var maps = FieldMaps(width: 0, height: 0)
  private var input: [Float] = []
  private var planes: [Float] = []
  private var scratch: [Float] = []

  private static let stride = 8
  /// Larger maps are kept smaller than their picture: 57 of them must fit into memory.
  private static let mostPixels = 1 << 20
  /// What `Plan` takes as input, in pixels.
  private static let (widest, largest) = (8192.0, Double(1 << 25))

  init(_ model: Model, _ settings: PoseEvaluator.Settings) {
    self.model = model
    self.settings = settings
    var options = PoseAssembler.Options()
    options.isCompatible = true
    options.upsample = 1
    assembler = PoseAssembler(options: options)
  }

  mutating func results(for picture: AnnotatedPicture, path: String) -> Outcome<[KeypointResult]> {
    people(at: path, labelled: (picture.width, picture.height)).map { seen in
      seen.people.map { KeypointResult(pictureID: picture.id, $0) }
    }
  }

  /// Who is in a picture of any size.
  mutating func poses(at path: String) -> Outcome<Poses> {
    people(at: path, labelled: nil).map { Poses(width: $0.width, height: $0.height, poses: $0.people.map(\.pose)) }
  }

  /// - Parameter size: in pixels, that the picture must have.
  private mutating func people(
    at path: String, labelled size: (width: Int, height: Int)?
  ) -> Outcome<(width: Int, height: Int, people: [Found])> {
    let image: PixelImage
    do throws(TrainError) {
      image = try reader.read(path)
    } catch {
      return .unreadable(error.description)
    }
    if let size, size != (image.width, image.height) {
      return .unreadable(
        "\(path): \(image.width)x\(image.height) pixels, labelled as \(size.width)x\(size.height)")
    }
    let parts = settings.tiles?.parts(width: image.width, height: image.height) ?? []
    let sizes = [(image.width, image.height)] + parts.map { ($0.width, $0.height) }
    guard sizes.allSatisfy(isInRange) else {
      return .unreadable(
        "\(path): \(image.width)x\(image.height) pixels are too wide for a height of \(settings.height)")
    }
    do throws(InferError) {
      return .found((image.width, image.height, try people(in: image)))
    } catch {
      return .failed(TrainError("\(path): \(error)"))
    }
  }

  /// Whether the network can look at a picture of that size.
  private func isInRange(_ pictureWidth: Int, _ pictureHeight: Int) -> Bool {
    let height = Double(settings.height) * (settings.scales.max() ?? 1)
    let width = height * max(1, Double(pictureWidth) / Double(pictureHeight))
    return width + 8 <= Self.widest && (width + 8) * (height + 8) <= Self.largest
  }

  /// A pose in pixels of the picture, and what COCO's metric ranks it by.
  private typealias Found = (pose: Pose, score: Double)

  /// Who is in the picture: in the whole, or in the whole and all tiles.
  private mutating func people(in image: PixelImage) throws(InferError) -> [Found] {
    var found = try poses(in: image)
    guard let parts = settings.tiles?.parts(width: image.width, height: image.height), parts.count > 1 else {
      return found
    }
    for part in parts {
      for (pose, score) in try poses(in: image.cut(part)) {
        found.append((pose.moved(x: Float(part.x), y: Float(part.y)), score))
      }
    }
    return PoseMerging.merge(found.map(\.pose)).map { ($0.pose, found[$0.index].score) }
  }

  private mutating func poses(in image: PixelImage) throws(InferError) -> [Found] {
    let shrink = min(1, (Double(Self.mostPixels) / Double(image.width * image.height)).squareRoot())
    let width = max(1, Int((Double(image.width) * shrink).rounded()))
    let height = max(1, Int((Double(image.height) * shrink).rounded()))
    maps = FieldMaps(width: width, height: height)
    let share = 1 / Float(settings.scales.count * (settings.usesMirror ? 2 : 1))
    for scale in settings.scales {
      try addMaps(of: image, scale: scale, isMirrored: false, share: share)
      if settings.usesMirror { try addMaps(of: image, scale: scale, isMirrored: true, share: share) }
    }
    let (scaleX, scaleY) = (Float(image.width) / Float(width), Float(image.height) / Float(height))
    let grouping = assembler.group(maps)
    let candidates = grouping.keypoints.flatMap { $0 }
    return grouping.entries.map { entry in
      let keypoints = entry.ids.map { id -> Keypoint? in
        guard id >= 0 else { return nil }
        let found = candidates[id]
        return Keypoint(x: (found.x + 0.5) * scaleX, y: (found.y + 0.5) * scaleY, score: found.score)
      }
      return (
        Pose(keypoints: keypoints, totalScore: entry.totalScore),
        Double(entry.totalScore) * Double(max(0, entry.count - 1))
      )
    }
  }

  /// Runs the network at one scale and adds its maps, enlarged, to `maps`.
  private mutating func addMaps(
    of image: PixelImage, scale: Double, isMirrored: Bool, share: Float
  ) throws(InferError) {
    let base = settings.height
    let ratio = scale * Double(base) / Double(image.height)
    let innerWidth = max(1, Int((Double(image.width) * ratio).rounded(.toNearestOrEven)))
    let innerHeight = max(1, Int((Double(image.height) * ratio).rounded(.toNearestOrEven)))
    func padded(_ side: Int) -> Int { (max(side, base) + Self.stride - 1) / Self.stride * Self.stride }
    // Larger scales are not padded to more than a multiple of the stride.
    let (width, height) = (padded(innerWidth), padded(innerHeight))
    let (left, top) = ((width - innerWidth) / 2, (height - innerHeight) / 2)

    input.removeAll(keepingCapacity: true)
    input.append(contentsOf: repeatElement(0, count: 3 * width * height))
    fill(
      image, AxisResize(from: image.width, to: innerWidth, step: 1 / ratio),
      AxisResize(from: image.height, to: innerHeight, step: 1 / ratio), left, top, width, height, isMirrored)
    let plan = try plan(height: height, width: width)
    input.withUnsafeBufferPointer { plan.setInput(planes: $0) }
    plan.run()

    let stage = "stage\(model.network.refinementStages)"
    let (columns, rows) = (plan.outputWidth, plan.outputHeight)
    let across = AxisResize(from: columns, to: columns * Self.stride)
      .then(
        AxisResize(from: innerWidth, to: maps.width), skipping: isMirrored ? width - innerWidth - left : left)
    let down = AxisResize(from: rows, to: rows * Self.stride)
      .then(AxisResize(from: innerHeight, to: maps.height), skipping: top)
    let (cells, pixels) = (columns * rows, maps.width * maps.height)
    try plan.copyOutput("\(stage)_heatmaps", into: &planes)
    if isMirrored { mirror(columns: columns) }
    for joint in 0..<Skeleton.keypointCount {
      let source = isMirrored ? KeypointLayout.mirrored[joint] : joint
      add(source * cells, across, down, share, to: \.heatmaps, at: joint * pixels)
    }
    try plan.copyOutput("\(stage)_pafs", into: &planes)
    if isMirrored { mirror(columns: columns) }
    for limb in Skeleton.limbs {
      let source = isMirrored ? limb.mirrored : limb
      add(source.x * cells, across, down, isMirrored ? -share : share, to: \.fields, at: limb.x * pixels)
      add(source.y * cells, across, down, share, to: \.fields, at: limb.y * pixels)
    }
  }

  private mutating func add(
    _ plane: Int, _ across: AxisResize, _ down: AxisResize, _ share: Float,
    to maps: WritableKeyPath<FieldMaps, [Float]>, at place: Int
  ) {
    planes.withUnsafeBufferPointer { planes in
      self.maps[keyPath: maps].withUnsafeMutableBufferPointer { sum in
        guard let from = planes.baseAddress, let to = sum.baseAddress else { return }
        AxisResize.add(from + plane, columns: across, rows: down, share: share, to: to + place, scratch: &scratch)
      }
    }
  }

  private mutating func mirror(columns: Int) {
    planes.withUnsafeMutableBufferPointer { planes in
      for row in Swift.stride(from: 0, to: planes.count, by: columns) {
        planes[row..<row + columns].reverse()
      }
    }
  }

  /// The resized picture, normalised, in the middle of the input.
  private mutating func fill(
    _ image: PixelImage, _ across: AxisResize, _ down: AxisResize, _ left: Int, _ top: Int, _ width: Int, _ height: Int,
    _ isMirrored: Bool
  ) {
    let count = image.width * image.height
    var plane = [Float](repeating: 0, count: count)
    var resized = [Float](repeating: 0, count: across.count * down.count)
    for channel in 0..<3 {
      image.bytes.withUnsafeBufferPointer { bytes in
        for pixel in 0..<count { plane[pixel] = (Float(bytes[3 * pixel + channel]) - 128) / 256 }
      }
      resized.withUnsafeMutableBufferPointer { resized in
        resized.update(repeating: 0)
        guard let sum = resized.baseAddress else { return }
        plane.withUnsafeBufferPointer { plane in
          guard let plane = plane.baseAddress else { return }
          AxisResize.add(plane, columns: across, rows: down, share: 1, to: sum, scratch: &scratch)
        }
        for y in 0..<down.count {
          let row = (channel * height + top + y) * width + left
          for x in 0..<across.count {
            input[row + (isMirrored ? across.count - 1 - x : x)] = resized[y * across.count + x]
          }
        }
      }
    }
  }

  private mutating func plan(height: Int, width: Int) throws(InferError) -> Plan {
    if let index = plans.firstIndex(where: { $0.height == height && $0.width == width }) {
      plans.append(plans.remove(at: index))
    } else {
      plans.append(
        try Plan(model, height: height, width: width, level: settings.level, precision: settings.precision))
      if plans.count > 6 { plans.removeFirst() }
    }
    return plans[plans.count - 1]
  }
}

extension KeypointResult {
  fileprivate init(pictureID: Int, _ found: (pose: Pose, score: Double)) {
    var keypoints = [(x: Double, y: Double)](repeating: (0, 0), count: 17)
    for (joint, coco) in KeypointLayout.cocoIndex.enumerated() where coco >= 0 {
      if let point = found.pose.keypoints[joint] { keypoints[coco] = (Double(point.x), Double(point.y)) }
    }
    self.init(pictureID: pictureID, keypoints: keypoints, score: found.score)
  }
}

extension PixelImage {
  fileprivate func cut(_ part: PictureTiles.Part) -> PixelImage {
    var cut = PixelImage(width: part.width, height: part.height, bytes: [])
    cut.bytes.reserveCapacity(3 * part.width * part.height)
    for row in part.y..<part.y + part.height {
      let start = 3 * (row * width + part.x)
      cut.bytes.append(contentsOf: bytes[start..<start + 3 * part.width])
    }
    return cut
  }
}
