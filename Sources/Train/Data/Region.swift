/// An area of a picture, as COCO writes segmentations: polygons, or runs of pixels (RLE), compressed or not.
public struct Region: Sendable {
  private enum Shape: Sendable {
    /// x and y in turn.
    case polygons([[Double]])
    /// Lengths of runs outside and inside in turn, down the columns.
    case runs([Int])
  }

  private let shape: Shape
  /// Of the picture that runs are for.
  private let size: (width: Int, height: Int)

  /// A rectangle in pixels.
  public init(x: Double, y: Double, width: Double, height: Double) {
    size = (0, 0)
    shape = .polygons([[x, y, x + width, y, x + width, y + height, x, y + height]])
  }

  /// - Throws: where it is neither form, or made for another picture size.
  init(_ json: JSONValue, width: Int, height: Int) throws(TrainError) {
    size = (width, height)
    if let list = json.array {
      var polygons: [[Double]] = []
      for element in list {
        guard let polygon = element.numbers, polygon.count.isMultiple(of: 2),
          polygon.allSatisfy({ $0.isFinite && abs($0) < 1e6 })
        else { throw TrainError("a polygon is not a list of x, y in turn") }
        if polygon.count >= 6 { polygons.append(polygon) }
      }
      shape = .polygons(polygons)
      return
    }
    guard let size = json["size"]?.numbers, let counts = json["counts"] else {
      throw TrainError("neither polygons nor runs")
    }
    guard size == [Double(height), Double(width)] else {
      throw TrainError("runs for a picture of another size than \(width)x\(height)")
    }
    var runs: [Int] = []
    if let text = counts.string {
      runs = try Self.decompress(text)
    } else if let numbers = counts.numbers, numbers.allSatisfy({ $0 >= 0 && $0 <= Double(width * height) }) {
      runs = numbers.map { Int($0) }
    } else {
      throw TrainError("runs are neither a text nor a list of lengths")
    }
    var total = 0
    for run in runs {
      guard run >= 0, run <= width * height - total else { throw TrainError("runs lead out of the picture") }
      total += run
    }
    shape = .runs(runs)
  }

  /// COCO's compressed form: five bits per character, each length as the difference to the one before the last.
  private static func decompress(_ text: String) throws(TrainError) -> [Int] {
    var runs: [Int] = []
    var (value, shift) = (0, 0)
    for byte in text.utf8 {
      guard (48..<112).contains(byte), shift <= 50 else { throw TrainError("compressed runs are malformed") }
      let bits = Int(byte) - 48
      value |= (bits & 0x1F) << shift
      shift += 5
      guard bits & 0x20 == 0 else { continue }
      if bits & 0x10 != 0 { value |= -1 << shift }
      if runs.count > 2 { value += runs[runs.count - 2] }
      guard abs(value) < 1 << 55 else { throw TrainError("compressed runs are malformed") }
      runs.append(value)
      (value, shift) = (0, 0)
    }
    guard shift == 0 else { throw TrainError("compressed runs end early") }
    return runs
  }

  /// As COCO writes it, runs uncompressed.
  var json: JSONValue {
    switch shape {
    case .polygons(let polygons): .array(polygons.map { .numbers($0) })
    case .runs(let runs):
      .object([
        "size": .numbers([Double(size.height), Double(size.width)]), "counts": .numbers(runs.map { Double($0) }),
      ])
    }
  }

  /// The same area of a picture made smaller or larger.
  func scaled(x: Double, y: Double, width: Int, height: Int) -> Region {
    switch shape {
    case .polygons(let polygons):
      return Region(
        shape: .polygons(
          polygons.map { polygon in polygon.enumerated().map { $0.element * ($0.offset % 2 == 0 ? x : y) } }),
        size: (width, height))
    case .runs:
      var bitmap = [UInt8](repeating: 0, count: size.width * size.height)
      fill(&bitmap, width: size.width, height: size.height)
      var (runs, last) = ([0], UInt8(0))
      for column in 0..<width {
        for row in 0..<height {
          let (fromX, fromY) = (Int((Double(column) + 0.5) / x), Int((Double(row) + 0.5) / y))
          let value = bitmap[min(fromY, size.height - 1) * size.width + min(fromX, size.width - 1)]
          if value != last {
            runs.append(0)
            last = value
          }
          runs[runs.count - 1] += 1
        }
      }
      return Region(shape: .runs(runs), size: (width, height))
    }
  }

  private init(shape: Shape, size: (width: Int, height: Int)) { (self.shape, self.size) = (shape, size) }

  /// Sets the pixels inside to 1.
  /// - Parameter bitmap: height × width, row-major.
  func fill(_ bitmap: inout [UInt8], width: Int, height: Int) {
    precondition(bitmap.count == width * height)
    switch shape {
    case .runs(let runs):
      var pixel = 0
      for (index, run) in runs.enumerated() {
        if index % 2 == 1 {
          for inside in pixel..<pixel + run { bitmap[inside % height * width + inside / height] = 1 }
        }
        pixel += run
      }
    case .polygons(let polygons):
      for polygon in polygons { Self.fill(polygon, &bitmap, width: width, height: height) }
    }
  }

  /// Even-odd, by the centres of the pixels.
  private static func fill(_ polygon: [Double], _ bitmap: inout [UInt8], width: Int, height: Int) {
    let count = polygon.count / 2
    for row in 0..<height {
      let y = Double(row) + 0.5
      var crossings: [Double] = []
      for corner in 0..<count {
        let next = (corner + 1) % count
        let (ax, ay, bx, by) = (
          polygon[2 * corner], polygon[2 * corner + 1], polygon[2 * next], polygon[2 * next + 1]
        )
        if (ay <= y) != (by <= y) { crossings.append(ax + (y - ay) / (by - ay) * (bx - ax)) }
      }
      crossings.sort()
      for pair in stride(from: 0, to: crossings.count - 1, by: 2) {
        let first = min(width, max(0, Int((crossings[pair] - 0.5).rounded(.up))))
        let last = min(width, max(first, Int((crossings[pair + 1] - 0.5).rounded(.down)) + 1))
        for column in first..<last { bitmap[row * width + column] = 1 }
      }
    }
  }
}
