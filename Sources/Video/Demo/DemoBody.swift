import Foundation

/// A point or direction in the demo's room, in metres: x to the right, y up, z away from the camera.
typealias Vector = SIMD3<Double>

/// One person of the demo scene: proportions, clothes, and what they do.
struct DemoBody {
  enum Role {
    /// Walks across the room and leaves it, again and again; `direction` +1 to the right.
    case walk(direction: Double, speed: Double, start: Double)
    /// Stands, shifts the weight and waves.
    case wave
    /// Arms up and down, legs apart and together.
    case exercise
    /// Turns slowly on the spot, arms hanging.
    case turn
  }

  struct Clothes {
    var skin: SIMD3<Float>
    var hair: SIMD3<Float>
    var shirt: SIMD3<Float>
    var trousers: SIMD3<Float>
    var shoes: SIMD3<Float>
    var hasLongSleeves: Bool
    var hasLongHair: Bool
    var hasStripes: Bool
  }

  let id: Int
  let height: Double
  /// Width of trunk and limbs, 1 for an average person.
  let girth: Double
  let clothes: Clothes
  let role: Role
  /// Where they stand (or on what line they walk): x and distance.
  let place: (x: Double, z: Double)
  /// Own beat, so that nobody moves in step.
  let phase: Double

  /// Joints in the room, in the order of the 18 key points, and what else is drawn.
  struct Pose {
    var joints: [Vector]
    var head: Vector
    var pelvis: Vector
    var hands: (right: Vector, left: Vector)
    var toes: (right: Vector, left: Vector)
    var forward: Vector
    var right: Vector
  }

  /// How often a walker has left the room and come back.
  func passage(at time: Double, roomHalfWidth: Double) -> Int {
    guard case .walk(_, let speed, let start) = role else { return 0 }
    let reach = Self.reach(roomHalfWidth)
    return Int((start + time * speed) / reach) - Int(start / reach)
  }

  /// Metres from where a walker appears to where he vanishes, outside the picture on either side.
  private static func reach(_ roomHalfWidth: Double) -> Double { 2 * roomHalfWidth + 1.6 }

  func pose(at time: Double, roomHalfWidth: Double) -> Pose {
    var yaw = 0.0
    var x = place.x
    var (rightLeg, leftLeg) = ((swing: 0.0, bend: 0.04), (swing: 0.0, bend: 0.04))
    var spread = 0.05
    // Shoulder: forward swing and sideways lift; elbow bend.
    var rightArm = (swing: 0.05, lift: 0.12, bend: 0.25)
    var leftArm = rightArm
    var sink = 0.0
    let beat = time * 2 * .pi + phase

    switch role {
    case .walk(let direction, let speed, let start):
      let reach = Self.reach(roomHalfWidth)
      x = direction * ((start + time * speed).truncatingRemainder(dividingBy: reach) - reach / 2)
      yaw = direction * (.pi / 2 - 0.45)
      let step = time * speed / (0.42 * height) * .pi + phase
      rightLeg = (0.48 * sin(step), 0.12 + 0.75 * max(0, cos(step)) * max(0, 0.6 + sin(step - 0.6)) * 0.6)
      leftLeg = (-0.48 * sin(step), 0.12 + 0.75 * max(0, -cos(step)) * max(0, 0.6 - sin(step - 0.6)) * 0.6)
      rightArm = (-0.5 * sin(step), 0.1, 0.35 + 0.15 * sin(step))
      leftArm = (0.5 * sin(step), 0.1, 0.35 - 0.15 * sin(step))
      sink = 0.018 * (1 - cos(2 * step))
    case .wave:
      yaw = 0.25 * sin(beat * 0.08)
      x += 0.04 * sin(beat * 0.11)
      let lift = 0.5 + 0.5 * sin(beat * 0.07)
      rightArm = (0.1, 0.15 + 2.0 * min(1, lift * 1.6), 0.3 + (0.9 + 0.5 * sin(beat * 0.9)) * min(1, lift * 1.6))
      leftArm.swing = 0.08 * sin(beat * 0.13)
    case .exercise:
      let lift = 0.5 - 0.5 * cos(beat * 0.35)
      rightArm = (0.05, 0.15 + 2.5 * lift, 0.2)
      leftArm = rightArm
      spread = 0.05 + 0.28 * lift
      rightLeg.bend = 0.05 + 0.1 * lift
      leftLeg.bend = rightLeg.bend
    case .turn:
      yaw = beat * 0.06
      leftArm.bend = 0.6 + 0.5 * sin(beat * 0.12)
      rightArm.swing = 0.3 * sin(beat * 0.1)
    }

    let forward = Vector(sin(yaw), 0, -cos(yaw))
    let right = Vector(-cos(yaw), 0, -sin(yaw))
    let up = Vector(0, 1, 0)
    func leg(_ side: Double, _ leg: (swing: Double, bend: Double), _ hip: Vector) -> [Vector] {
      func down(_ angle: Double) -> Vector {
        forward * sin(angle) - up * (cos(angle) * cos(spread)) + right * (side * sin(spread))
      }
      let knee = hip + down(leg.swing) * (0.245 * height)
      return [knee, knee + down(leg.swing - leg.bend) * (0.245 * height)]
    }
    func arm(_ side: Double, _ arm: (swing: Double, lift: Double, bend: Double), _ shoulder: Vector) -> [Vector] {
      func direction(_ lift: Double, _ swing: Double) -> Vector {
        right * (side * sin(lift)) + (forward * sin(swing) - up * cos(swing)) * cos(lift)
      }
      let elbow = shoulder + direction(arm.lift, arm.swing) * (0.172 * height)
      // A lifted arm bends inwards and up, a hanging one forwards.
      let isLifted = min(1, max(0, (arm.lift - 0.6) / 0.6))
      let wrist =
        elbow + direction(arm.lift + isLifted * arm.bend, arm.swing + (1 - isLifted) * arm.bend) * (0.148 * height)
      return [elbow, wrist, wrist + (wrist - elbow) * 0.38]
    }

    let pelvis = Vector(x, 0.53 * height - sink * height, place.z)
    let (rightHip, leftHip) = (pelvis + right * (0.052 * height), pelvis - right * (0.052 * height))
    let neck = pelvis + up * (0.295 * height) + forward * (0.005 * height)
    let shoulders = neck - up * (0.008 * height)
    let halfShoulder = 0.105 * height * (0.85 + 0.15 * girth)
    let (rightShoulder, leftShoulder) = (shoulders + right * halfShoulder, shoulders - right * halfShoulder)
    let head = neck + up * (0.095 * height) + forward * (0.018 * height)
    let (legR, legL) = (leg(1, rightLeg, rightHip), leg(-1, leftLeg, leftHip))
    let (armR, armL) = (arm(1, rightArm, rightShoulder), arm(-1, leftArm, leftShoulder))
    func face(_ toRight: Double, _ toUp: Double, _ toFront: Double) -> Vector {
      head + (right * toRight + up * toUp + forward * toFront) * height
    }
    return Pose(
      joints: [
        face(0, -0.005, 0.062), neck, rightShoulder, armR[0], armR[1], leftShoulder, armL[0], armL[1], rightHip,
        legR[0],
        legR[1], leftHip, legL[0], legL[1], face(0.019, 0.012, 0.05), face(-0.019, 0.012, 0.05), face(0.045, 0, 0),
        face(-0.045, 0, 0),
      ], head: head, pelvis: pelvis, hands: (armR[2], armL[2]),
      toes: (
        legR[1] + forward * (0.1 * height) - up * (0.025 * height),
        legL[1] + forward * (0.1 * height) - up * (0.025 * height)
      ),
      forward: forward, right: right)
  }
}
