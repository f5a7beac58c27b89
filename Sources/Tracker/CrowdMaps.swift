#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Maps of a crowd as a well-trained network would give them: the scene on which the parser is timed and tested.
///
/// Heat-maps are Gaussians (sigma 7 input pixels) summed and clamped, fields are unit vectors within one cell of a limb, as
/// the network's targets are (Osokin 2019, section 3; Cao et al. 2017, section 2.2-2.3).
public enum CrowdMaps {
  /// A standing person, in body heights from the top of the head, facing us.
  private static let body: [(x: Float, y: Float)] = [
    (0, 0.07), (0, 0.17), (-0.10, 0.18), (-0.14, 0.34), (-0.15, 0.48), (0.10, 0.18), (0.14, 0.34), (0.15, 0.48),
    (-0.06, 0.50), (-0.07, 0.72), (-0.07, 0.95), (0.06, 0.50), (0.07, 0.72), (0.07, 0.95), (-0.02, 0.055),
    (0.02, 0.055), (-0.045, 0.065), (0.045, 0.065),
  ]

  /// Key points of `people` people in rows, in pixels of a network input of 8 · width × 8 · height.
  public static func keypoints(people: Int, width: Int, height: Int) -> [[(x: Float, y: Float)]] {
    let (inputWidth, inputHeight) = (Float(8 * width), Float(8 * height))
    let columns = max(1, Int((Float(people) * inputWidth / inputHeight / 0.55).squareRoot().rounded(.up)))
    let rows = (people + columns - 1) / columns
    return (0..<people).map { person in
      let (column, row) = (Float(person % columns), Float(person / columns))
      let size = 0.9 * inputHeight / Float(rows)
      // A little disorder, the same every time.
      let lean = sin(Float(person) * 2.4) * 0.03
      let left = (column + 0.5 + 0.15 * sin(Float(person) * 1.7)) * inputWidth / Float(columns)
      let top = (row + 0.05) * inputHeight / Float(rows)
      return body.map { (left + ($0.x + lean * $0.y) * size, top + $0.y * size) }
    }
  }

  /// The maps of that crowd, of width × height cells.
  public static func scene(people: Int, width: Int, height: Int) -> FieldMaps {
    maps(of: keypoints(people: people, width: width, height: height), width: width, height: height)
  }

  /// The targets for given key points in input pixels.
  public static func maps(of people: [[(x: Float, y: Float)]], width: Int, height: Int) -> FieldMaps {
    var maps = FieldMaps(width: width, height: height)
    let cells = width * height
    for person in people {
      for (joint, point) in person.enumerated() {
        for y in 0..<height {
          for x in 0..<width {
            let (dx, dy) = (Float(8 * x) + 3.5 - point.x, Float(8 * y) + 3.5 - point.y)
            let exponent = (dx * dx + dy * dy) / (2 * 49)
            guard exponent <= 4.6052 else { continue }
            let cell = joint * cells + y * width + x
            maps.heatmaps[cell] = min(1, maps.heatmaps[cell] + exp(-exponent))
          }
        }
      }
      for limb in Skeleton.limbs { draw(limb, of: person, into: &maps) }
    }
    for cell in 0..<cells {
      let highest = (0..<Skeleton.keypointCount).reduce(Float(0)) { max($0, maps.heatmaps[$1 * cells + cell]) }
      maps.heatmaps[Skeleton.keypointCount * cells + cell] = 1 - highest
    }
    return maps
  }

  private static func draw(_ limb: Skeleton.Limb, of person: [(x: Float, y: Float)], into maps: inout FieldMaps) {
    let cells = maps.width * maps.height
    let (start, end) = (person[limb.a], person[limb.b])
    let (ax, ay, bx, by) = (start.x / 8, start.y / 8, end.x / 8, end.y / 8)
    let length = ((bx - ax) * (bx - ax) + (by - ay) * (by - ay)).squareRoot()
    guard length > 1e-7 else { return }
    let (unitX, unitY) = ((bx - ax) / length, (by - ay) / length)
    let columns = span(from: min(ax, bx), to: max(ax, bx), below: maps.width)
    let rows = span(from: min(ay, by), to: max(ay, by), below: maps.height)
    for y in rows where !columns.isEmpty {
      for x in columns where abs((Float(x) - ax) * unitY - (Float(y) - ay) * unitX) <= 1 {
        maps.fields[limb.x * cells + y * maps.width + x] = unitX
        maps.fields[limb.y * cells + y * maps.width + x] = unitY
      }
    }
  }

  /// The cells within one of a stretch; none where that lies beside the picture.
  private static func span(from first: Float, to last: Float, below count: Int) -> Range<Int> {
    let start = min(max(0, Int(first - 1)), count)
    return start..<max(start, min(count, Int(last + 1) + 1))
  }
}
