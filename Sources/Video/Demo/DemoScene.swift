import Foundation

/// The exact truth of one person in one picture of the demo scene.
public struct DemoFigure: Sendable, Equatable {
  public struct Point: Sendable, Equatable {
    /// Pixels, centres at whole numbers; may lie outside the picture.
    public var x: Double
    public var y: Double
    /// Inside the picture and not hidden by another person or the own head.
    public var isVisible: Bool
  }

  /// Who leaves the picture and comes back is somebody new.
  public let id: Int
  /// 18 key points: nose, neck, right shoulder, elbow, wrist, left …, right hip, knee, ankle, left …, eyes, ears (right first).
  public let points: [Point]
}

/// A made-up room with people who walk, wave, cross, leave and hide each other, and the exact truth about them: a source for
/// machines without a camera, and for tests of the whole pipeline. The same seed gives the same pictures.
public struct DemoScene: Sendable {
  public let width: Int
  public let height: Int
  let bodies: [DemoBody]
  let backdrop: DemoBackdrop
  private let camera: DemoCamera
  private let seed: UInt64

  /// - Parameter people: 1...50; from the third on most of them walk.
  public init(width: Int, height: Int, people: Int = 4, seed: UInt64 = 1) {
    self.width = width
    self.height = height
    self.seed = seed
    camera = DemoCamera(width: width, height: height)
    backdrop = DemoBackdrop(width: width, height: height, camera: camera, seed: seed)
    var random = DemoRandom(state: seed &* 0x9E37_79B9 &+ 77)
    let roomHalfWidth = camera.halfWidth(at: 4.2)
    bodies = (0..<people).map { Self.makeBody($0, of: people, roomHalfWidth: roomHalfWidth, &random) }
  }

  private static func makeBody(
    _ index: Int, of people: Int, roomHalfWidth: Double, _ random: inout DemoRandom
  ) -> DemoBody {
    let skins: [SIMD3<Float>] = [
      [0.87, 0.67, 0.55], [0.78, 0.56, 0.43], [0.55, 0.37, 0.26], [0.93, 0.76, 0.66], [0.38, 0.25, 0.18],
    ]
    let hairs: [SIMD3<Float>] = [
      [0.12, 0.08, 0.06], [0.30, 0.19, 0.11], [0.55, 0.40, 0.22], [0.07, 0.06, 0.06], [0.45, 0.43, 0.42],
    ]
    let shirts: [SIMD3<Float>] = [
      [0.75, 0.20, 0.18], [0.20, 0.36, 0.62], [0.85, 0.83, 0.78], [0.22, 0.45, 0.30], [0.80, 0.62, 0.22],
      [0.25, 0.25, 0.28],
      [0.55, 0.30, 0.52],
    ]
    let trousers: [SIMD3<Float>] = [
      [0.16, 0.20, 0.32], [0.25, 0.24, 0.23], [0.42, 0.36, 0.27], [0.30, 0.38, 0.50], [0.10, 0.10, 0.12],
    ]
    let clothes = DemoBody.Clothes(
      skin: skins[index % skins.count], hair: hairs[(index * 3 + 1) % hairs.count], shirt: shirts[index % shirts.count],
      trousers: trousers[(index * 2) % trousers.count],
      shoes: index % 2 == 0 ? [0.12, 0.11, 0.11] : [0.75, 0.73, 0.70],
      hasLongSleeves: index % 3 != 0, hasLongHair: index % 2 == 1, hasStripes: index % 5 == 2)
    let fraction = random.unit()
    let role: DemoBody.Role
    let place: (x: Double, z: Double)
    switch index {
    case 0: (role, place) = (.wave, (-0.30 * roomHalfWidth, 3.3))
    case 1: (role, place) = (.exercise, (0.42 * roomHalfWidth, 3.7))
    case 4 where people <= 6: (role, place) = (.turn, (0.05 * roomHalfWidth, 4.9))
    default:
      let lane = 4.2 + 0.45 * Double((index * 2) % 7)
      role = .walk(
        direction: index % 2 == 0 ? 1 : -1, speed: 0.85 + 0.35 * random.unit(),
        start: 2 * roomHalfWidth * (fraction + Double(index) / Double(max(1, people))))
      place = (0, lane)
    }
    return DemoBody(
      id: index + 1, height: 1.58 + 0.28 * random.unit(), girth: 0.9 + 0.3 * random.unit(), clothes: clothes,
      role: role,
      place: place, phase: 2 * .pi * fraction)
  }

  /// Draws the scene at a time in seconds and tells the truth about everyone who is at least partly in the picture.
  public func render(at time: Double) -> (bitmap: Bitmap, figures: [DemoFigure]) {
    var (canvas, figures) = paint(at: time)
    canvas.addNoise(seed: seed &+ UInt64(bitPattern: Int64(time * 1000)))
    return (canvas.bitmap, figures)
  }

  /// The truth alone.
  public func figures(at time: Double) -> [DemoFigure] { paint(at: time).figures }

  private func paint(at time: Double) -> (canvas: DemoCanvas, figures: [DemoFigure]) {
    var canvas = DemoCanvas(backdrop.bitmap)
    // Walkers go on until the picture's edge at their own distance is behind them.
    let poses = bodies.map { ($0, $0.pose(at: time, roomHalfWidth: camera.halfWidth(at: $0.place.z))) }.sorted {
      $0.1.pelvis.z > $1.1.pelvis.z
    }
    for (_, pose) in poses { DemoPainter.shadow(of: pose, camera, &canvas) }
    for (body, pose) in poses { DemoPainter.paint(body, pose, camera, &canvas) }
    let figures = poses.map { truth($0, $1, canvas, at: time) }.filter { figure in
      figure.points.contains { $0.x > -0.5 && $0.y > -0.5 && $0.x < Double(width) - 0.5 && $0.y < Double(height) - 0.5 }
    }
    return (canvas, figures.sorted { $0.id < $1.id })
  }

  private func truth(_ body: DemoBody, _ pose: DemoBody.Pose, _ canvas: DemoCanvas, at time: Double) -> DemoFigure {
    let toCamera = -pose.head / (pose.head * pose.head).sum().squareRoot()
    let points = pose.joints.enumerated().map { joint, position in
      let point = camera.project(position)
      let (column, row) = (Int(point.x.rounded()), Int(point.y.rounded()))
      var isVisible = column >= 0 && row >= 0 && column < width && row < height && canvas.owner(column, row) == body.id
      // Parts of the face are hidden behind the own head when it looks away.
      if joint == 0 || joint >= 14 {
        let outward = position - pose.head
        isVisible = isVisible && (outward * toCamera).sum() > -0.012 * body.height
      }
      return DemoFigure.Point(x: point.x, y: point.y, isVisible: isVisible)
    }
    let passage = body.passage(at: time, roomHalfWidth: camera.halfWidth(at: body.place.z))
    return DemoFigure(id: body.id + passage * bodies.count, points: points)
  }
}

/// A small generator with a seed (SplitMix64).
struct DemoRandom {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ mixed >> 30) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ mixed >> 27) &* 0x94D0_49BB_1331_11EB
    return mixed ^ mixed >> 31
  }

  /// 0 ..< 1
  mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
}

/// A camera at eye height that looks into the room, slightly down.
struct DemoCamera: Sendable {
  let width: Int
  let height: Int
  private let focal: Double
  private let horizon: Double
  private static let eyeHeight = 1.35

  init(width: Int, height: Int) {
    self.width = width
    self.height = height
    focal = 1.55 * Double(min(height, width * 9 / 16 + 1))
    horizon = 0.44 * Double(height)
  }

  /// Pixels per metre at a distance.
  func scale(at z: Double) -> Double { focal / max(0.2, z) }

  func project(_ point: Vector) -> (x: Double, y: Double) {
    let scale = scale(at: point.z)
    return (Double(width - 1) / 2 + point.x * scale, horizon + (Self.eyeHeight - point.y) * scale)
  }

  /// Metres from the middle to the edge of the picture at a distance.
  func halfWidth(at z: Double) -> Double { Double(width) / 2 / scale(at: z) }

  /// The floor's distance and x at a pixel; `nil` above the horizon.
  func floor(x: Double, y: Double) -> (x: Double, z: Double)? {
    guard y > horizon + 1 else { return nil }
    let z = focal * Self.eyeHeight / (y - horizon)
    return ((x - Double(width - 1) / 2) / scale(at: z), z)
  }
}
