import Testing

@testable import Video

@Suite struct DemoSceneTests {
  /// Pairs of joints with a bone of constant length between them, as parts of the 18 key points.
  private static let bones = [(2, 3), (3, 4), (5, 6), (6, 7), (8, 9), (9, 10), (11, 12), (12, 13)]

  @Test func sameSeedSamePixels() {
    let scenes = [UInt64(5), 5, 6].map { DemoScene(width: 96, height: 64, people: 3, seed: $0).render(at: 1.25) }
    #expect(scenes[0].bitmap.pixels == scenes[1].bitmap.pixels)
    #expect(scenes[0].figures == scenes[1].figures)
    #expect(scenes[0].bitmap.pixels != scenes[2].bitmap.pixels)
  }

  @Test func bonesKeepTheirLength() {
    let scene = DemoScene(width: 64, height: 48, people: 6, seed: 2)
    func lengths(at time: Double) -> [[Double]] {
      scene.bodies.map { body in
        let joints = body.pose(at: time, roomHalfWidth: 2).joints
        return Self.bones.map { a, b in
          let bone = joints[a] - joints[b]
          return (bone * bone).sum().squareRoot()
        }
      }
    }
    let first = lengths(at: 0)
    for time in stride(from: 0.1, to: 12, by: 0.37) {
      for (body, (now, then)) in zip(lengths(at: time), first).enumerated() {
        for (bone, (length, before)) in zip(now, then).enumerated() {
          #expect(abs(length - before) < 0.01 * before, "bone \(bone) of body \(body) at \(time) s")
        }
      }
    }
  }

  @Test func visiblePointsLieOnTheirFigure() {
    let scene = DemoScene(width: 320, height: 200, people: 4, seed: 3)
    let (bitmap, figures) = scene.render(at: 2)
    let empty = scene.backdrop.bitmap
    var (onFigure, visible) = (0, 0)
    for point in figures.flatMap(\.points) where point.isVisible {
      visible += 1
      let at = (Int(point.y.rounded()) * bitmap.width + Int(point.x.rounded())) * 3
      let change = (0..<3).map { abs(Int(bitmap.pixels[at + $0]) - Int(empty.pixels[at + $0])) }.max() ?? 0
      if change > 12 { onFigure += 1 }
    }
    #expect(visible > 30)
    #expect(onFigure * 10 >= visible * 9, "\(onFigure) of \(visible) visible points differ from the empty room")
  }

  @Test func walkersEnterAndLeave() {
    let scene = DemoScene(width: 160, height: 90, people: 5, seed: 1)
    let seen = stride(from: 0.0, to: 30, by: 1).map { Set(scene.figures(at: $0).map(\.id)) }
    #expect(Set(seen.map(\.count)).count > 1, "somebody comes or goes")
    #expect(seen.allSatisfy { $0.isSuperset(of: [1, 2]) }, "two stay")
    let everyone = seen.reduce(into: Set()) { $0.formUnion($1) }
    #expect(Set(everyone.map { ($0 - 1) % 5 }) == [0, 1, 2, 3, 4] && everyone.isSuperset(of: [3, 4]))
    for id in everyone {
      let times = seen.indices.filter { seen[$0].contains(id) }
      #expect(times == Array(times[0]...times[times.count - 1]), "who comes back is somebody new")
    }
  }

  @Test(arguments: [(16, 16), (17, 99), (99, 17)]) func oddSizes(width: Int, height: Int) {
    let bitmap = DemoScene(width: width, height: height, people: 50).render(at: 3.3).bitmap
    #expect(bitmap.width == width && bitmap.height == height && bitmap.pixels.count == 3 * width * height)
  }
}
