import Foundation

/// Paints one person of the demo scene: body parts from the farthest to the nearest, round and lit from above left.
enum DemoPainter {
  private static let light: SIMD3<Float> = {
    let direction = SIMD3<Float>(-0.45, -0.65, 0.62)
    return direction / (direction * direction).sum().squareRoot()
  }()

  /// What falls on the floor under a person.
  static func shadow(of pose: DemoBody.Pose, _ camera: DemoCamera, _ canvas: inout DemoCanvas) {
    let scale = camera.scale(at: pose.pelvis.z)
    for foot in [pose.toes.right, pose.toes.left, pose.pelvis] {
      let ground = camera.project(Vector(foot.x + 0.08, 0, foot.z))
      canvas.darken(at: ground, radii: (0.34 * scale, 0.10 * scale), by: 0.42)
    }
  }

  static func paint(_ body: DemoBody, _ pose: DemoBody.Pose, _ camera: DemoCamera, _ canvas: inout DemoCanvas) {
    var parts: [(depth: Double, paint: (inout DemoCanvas) -> Void)] = []
    let (height, girth, clothes) = (body.height, body.girth, body.clothes)

    /// Radii in body heights.
    func limb(
      _ from: Vector, _ to: Vector, _ radii: [Double], _ color: SIMD3<Float>, folds: Float = 0, nearer: Double = 0
    ) {
      let middle = (from + to) / 2
      let scale = camera.scale(at: middle.z) * height
      let part = DemoCanvas.Part(
        from: camera.project(from), to: camera.project(to), radii: radii.map { Float($0 * girth * scale) },
        owner: body.id)
      parts.append(
        (middle.z - nearer, { $0.paint(part) { along, normal, _, _ in cloth(color, folds, along, normal) } }))
    }

    let joints = pose.joints
    let sleeve = clothes.hasLongSleeves ? clothes.shirt : clothes.skin
    for (hip, knee, ankle, toe) in [(8, 9, 10, pose.toes.right), (11, 12, 13, pose.toes.left)] {
      limb(joints[ankle], toe, [0.026, 0.030, 0.022], clothes.shoes, nearer: -0.02)
      limb(joints[knee], joints[ankle], [0.040, 0.041, 0.034, 0.030], clothes.trousers, folds: 0.5)
      limb(joints[hip], joints[knee], [0.056, 0.054, 0.047, 0.041], clothes.trousers, folds: 0.4)
    }
    for (shoulder, elbow, wrist, hand) in [(2, 3, 4, pose.hands.right), (5, 6, 7, pose.hands.left)] {
      limb(joints[wrist], hand, [0.017, 0.024, 0.018], clothes.skin)
      limb(joints[elbow], joints[wrist], [0.027, 0.027, 0.021, 0.018], sleeve, folds: clothes.hasLongSleeves ? 0.5 : 0)
      limb(joints[shoulder], joints[elbow], [0.036, 0.034, 0.031, 0.028], clothes.shirt, folds: 0.4)
    }
    torso(body, pose, camera, &parts)
    let neckTop = joints[1] + (pose.head - joints[1]) * 0.55
    limb(joints[1] - Vector(0, 0.005 * height, 0), neckTop, [0.033, 0.030], clothes.skin * 0.92)
    head(body, pose, camera, &parts)

    for part in parts.sorted(by: { $0.depth > $1.depth }) { part.paint(&canvas) }
  }

  private static func torso(
    _ body: DemoBody, _ pose: DemoBody.Pose, _ camera: DemoCamera,
    _ parts: inout [(depth: Double, paint: (inout DemoCanvas) -> Void)]
  ) {
    let scale = camera.scale(at: pose.pelvis.z) * body.height * (0.75 + 0.25 * body.girth)
    // A trunk is wider than deep: its outline depends on where it faces.
    func outline(_ halfWidth: Double, _ halfDepth: Double) -> Float {
      let (side, front) = (halfWidth * pose.right.x, halfDepth * pose.forward.x)
      return Float((side * side + front * front).squareRoot() * scale)
    }
    let up = Vector(0, body.height, 0)
    let shirt = body.clothes.shirt
    let hips = DemoCanvas.Part(
      from: camera.project(pose.pelvis + up * 0.05), to: camera.project(pose.pelvis - up * 0.035),
      radii: [outline(0.088, 0.062), outline(0.098, 0.070), outline(0.090, 0.066)], owner: body.id)
    let chest = DemoCanvas.Part(
      from: camera.project(pose.joints[1] - up * 0.045), to: camera.project(pose.pelvis + up * 0.055),
      radii: [
        outline(0.100, 0.060), outline(0.118, 0.072), outline(0.108, 0.072), outline(0.092, 0.066),
        outline(0.090, 0.064),
      ], owner: body.id)
    let (legs, hasStripes) = (body.clothes.trousers, body.clothes.hasStripes)
    parts.append((pose.pelvis.z + 0.01, { $0.paint(hips) { along, normal, _, _ in cloth(legs, 0.2, along, normal) } }))
    parts.append(
      (
        pose.pelvis.z,
        {
          $0.paint(chest) { along, normal, _, _ in
            let isStripe = hasStripes && Int(along * 14) % 2 == 0
            return cloth(isStripe ? shirt * 0.45 : shirt, 0.35, along, normal)
          }
        }
      ))
  }

  private static func head(
    _ body: DemoBody, _ pose: DemoBody.Pose, _ camera: DemoCamera,
    _ parts: inout [(depth: Double, paint: (inout DemoCanvas) -> Void)]
  ) {
    let scale = camera.scale(at: pose.head.z) * body.height
    let up = Vector(0, body.height, 0)
    let clothes = body.clothes
    let right = SIMD3<Float>(Float(pose.right.x), 0, Float(-pose.right.z))
    let forward = SIMD3<Float>(Float(pose.forward.x), 0, Float(-pose.forward.z))

    func round(_ from: Vector, _ to: Vector, _ radii: [Double]) -> DemoCanvas.Part {
      DemoCanvas.Part(
        from: camera.project(from), to: camera.project(to), radii: radii.map { Float($0 * scale) }, owner: body.id)
    }
    for ear in [pose.joints[16], pose.joints[17]] {
      let part = round(ear + up * 0.008, ear - up * 0.010, [0.010, 0.008])
      parts.append((ear.z, { $0.paint(part) { along, normal, _, _ in cloth(clothes.skin * 0.9, 0, along, normal) } }))
    }
    if clothes.hasLongHair {
      let back = pose.head - pose.forward * (0.022 * body.height)
      let part = round(back + up * 0.02, back - up * 0.085, [0.054, 0.056, 0.050])
      parts.append(
        (back.z + 0.02, { $0.paint(part) { along, normal, _, _ in cloth(clothes.hair, 0.6, along, normal) } }))
    }
    let skull = round(pose.head + up * 0.022, pose.head - up * 0.030, [0.048, 0.049, 0.044, 0.034])
    parts.append(
      (
        pose.head.z - 0.05,
        {
          $0.paint(skull) { along, normal, _, _ in
            // The surface seen in the head's own directions: to its right, up, and to the front.
            let (r, f) = ((normal * right).sum(), (normal * forward).sum())
            let u = 0.55 - 1.1 * along + -normal.y * 0.25
            return face(clothes, r, u, f, normal)
          }
        }
      ))
  }

  /// Colour of the head at a direction: hair above and behind, else skin with eyes, brows, nose and mouth.
  private static func face(
    _ clothes: DemoBody.Clothes, _ r: Float, _ u: Float, _ f: Float, _ normal: SIMD3<Float>
  ) -> SIMD3<Float> {
    if u > 0.42 - 0.15 * (1 - f) || f < -0.05 - 0.25 * min(0, u) { return cloth(clothes.hair, 0.5, u, normal) }
    var skin = cloth(clothes.skin, 0, 0, normal)
    guard f > 0 else { return skin }
    func spot(_ x: Float, _ y: Float, _ width: Float, _ height: Float) -> Float {
      let (dx, dy) = ((r - x) / width, (u - y) / height)
      return max(0, 1 - dx * dx - dy * dy)
    }
    for side: Float in [-1, 1] {
      skin += (SIMD3(0.92, 0.92, 0.90) - skin) * min(1, 1.5 * spot(0.36 * side, 0.13, 0.17, 0.075))
      skin += (SIMD3(0.10, 0.07, 0.05) - skin) * min(1, 2.0 * spot(0.36 * side, 0.13, 0.085, 0.085))
      skin += (clothes.hair * 0.8 - skin) * min(0.9, 1.6 * spot(0.37 * side, 0.27, 0.22, 0.045))
    }
    skin *= 1 + 0.16 * spot(-0.04, 0, 0.10, 0.22) - 0.22 * spot(0.11, -0.06, 0.09, 0.14)
    skin *= 1 - 0.35 * spot(0, -0.16, 0.16, 0.05)
    skin += (SIMD3(0.58, 0.25, 0.24) - skin) * min(0.85, 1.5 * spot(0, -0.34, 0.26, 0.065))
    return skin
  }

  /// Lit from above left, dark towards the edges, with folds across where cloth is loose.
  private static func cloth(
    _ color: SIMD3<Float>, _ folds: Float, _ along: Float, _ normal: SIMD3<Float>
  ) -> SIMD3<Float> {
    let diffuse = max(0, (normal * light).sum())
    var brightness = 0.42 + 0.68 * diffuse
    brightness *= 0.72 + 0.28 * normal.z
    if folds > 0 {
      let wave = sin(along * 23 + normal.x * 5) * sin(along * 9 - normal.x * 7 + 1.3)
      brightness *= 1 + 0.16 * folds * wave
    }
    return color * brightness
  }
}
