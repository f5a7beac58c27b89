import Infer
import Synchronization
import Tracker
import Video

/// Where the one person of a source is: the network looks there, at a square around where the person was in the frame before,
/// as single-person networks do (MoveNet's crop region), and at the whole frame while it knows of nobody.
final class PersonFocus: Sendable {
  private struct State {
    var pose: Pose?
    var part: PictureTiles.Part?
    /// Pixels of the frame before.
    var size = (width: 0, height: 0)
    /// Frames since the whole one was looked at.
    var age = 0
  }

  private let state = Mutex(State())

  /// Sides of the square by those of the person's box.
  private static let margin: Float = 1.5
  /// Of the longer side of the frame; smaller ones would be enlarged.
  private static let leastShare: Float = 0.15
  private static let leastKeypoints = 4
  private static let leastSimilarity = 0.2
  /// Frames after which somebody else may have come to the fore, and by how much more.
  private static let lookUp = 30
  private static let advantage: Float = 1.5

  /// How a part lies in the network's input: a square of the usual height.
  static func letterbox(_ size: NetworkSize, width: Int, height: Int, pixelAspect: Double = 1) -> Letterbox {
    let (inputHeight, inputWidth) =
      switch size {
      case .height(let side): (side, side)
      case .whole(let height, let width): (height, width)
      }
    return Letterbox(
      frameWidth: width, frameHeight: height, pixelAspect: pixelAspect, inputWidth: inputWidth, inputHeight: inputHeight
    )
  }

  /// Finds the person.
  /// - Parameter look: who is in a part of the frame, or in the whole.
  func follow(in frame: Frame, _ look: (PictureTiles.Part?) throws -> Estimate) rethrows -> Estimate {
    var state = state.withLock { $0 }
    defer { self.state.withLock { $0 = state } }
    // Who was in another picture is not looked for in this one.
    if frame.path != nil || state.size != (frame.width, frame.height) { state = State() }
    state.size = (frame.width, frame.height)
    state.age += 1
    if let part = state.part, let last = state.pose, state.age < Self.lookUp {
      var estimate = try look(part)
      if let pose = Self.same(as: last, in: estimate.poses) {
        state.pose = pose
        state.part = Self.part(around: pose, before: part, of: frame)
        estimate.poses = [pose]
        return estimate
      }
    }
    var estimate = try look(nil)
    let foremost = estimate.poses.max { Self.prominence($0) < Self.prominence($1) }
    var chosen = foremost
    if let last = state.pose, let foremost, let same = Self.same(as: last, in: estimate.poses),
      Self.prominence(foremost) < Self.advantage * Self.prominence(same)
    {
      chosen = same
    }
    (state.pose, state.age) = (chosen, 0)
    let isWhole = (chosen?.count ?? 0) >= Self.leastKeypoints
    state.part = isWhole ? chosen.flatMap { Self.part(around: $0, before: state.part, of: frame) } : nil
    estimate.poses = chosen.map { [$0] } ?? []
    return estimate
  }

  /// Large and clearly seen.
  private static func prominence(_ pose: Pose) -> Float {
    pose.score * (pose.box.width * pose.box.height).squareRoot() * Float(pose.count)
  }

  private static func same(as last: Pose, in poses: [Pose]) -> Pose? {
    let alike = poses.filter { $0.count >= leastKeypoints }.map {
      (pose: $0, similarity: PoseMerging.similarity(of: $0, to: last))
    }
    guard let best = alike.max(by: { $0.similarity < $1.similarity }), best.similarity >= leastSimilarity else {
      return nil
    }
    return best.pose
  }

  /// A square around a pose; the one before, as long as the pose lies well in it.
  private static func part(around pose: Pose, before: PictureTiles.Part?, of frame: Frame) -> PictureTiles.Part? {
    let box = pose.box
    let longer = Float(max(frame.width, frame.height))
    let side = min(max(margin * max(box.width, box.height), leastShare * longer), longer)
    let (centerX, centerY) = (box.x + box.width / 2, box.y + box.height / 2)
    if let before {
      let offset = max(
        abs(centerX - Float(before.x) - Float(before.width) / 2),
        abs(centerY - Float(before.y) - Float(before.height) / 2))
      let size = Float(max(before.width, before.height))
      if offset < 0.1 * side, (0.8...1.25).contains(size / side) { return before }
    }
    func span(_ center: Float, _ length: Int, grid: Int) -> (start: Int, length: Int) {
      let wanted = min(length, (Int(side) + grid - 1) / grid * grid)
      let start = max(0, min(length - wanted, Int((center - side / 2).rounded())))
      return (start / grid * grid, min(wanted, length - start / grid * grid))
    }
    let (x, y) = (span(centerX, frame.width, grid: 32), span(centerY, frame.height, grid: 2))
    return PictureTiles.Part(x: x.start, y: y.start, width: x.length, height: y.length)
  }
}
