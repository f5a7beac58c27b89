import Foundation
import Infer
import Tracker

/// What a teacher says of a whole picture that nobody has changed: 19 heat-maps and 38 fields in bytes.
struct TeacherMaps: Equatable {
  /// Of the picture, in pixels.
  let pictureWidth: Int
  let pictureHeight: Int
  /// Bytes of the picture's file: pictures of other folders have the same names, but hardly the same sizes.
  let fileSize: Int
  /// Of the maps, in cells, which divide the picture evenly.
  let width: Int
  let height: Int
  /// What a step of each channel's bytes is worth.
  let steps: [Float]
  /// 57 × height × width.
  let values: [Int8]

  static let channels = Skeleton.heatmapCount + Skeleton.fieldCount
  static let mostCells = 1 << 18

  /// - Parameters:
  ///   - heatmaps: 19 × height × width.
  ///   - fields: 38 × height × width.
  init(
    pictureWidth: Int, pictureHeight: Int, fileSize: Int, width: Int, height: Int, heatmaps: [Float], fields: [Float]
  ) {
    let cells = width * height
    precondition(heatmaps.count == Skeleton.heatmapCount * cells && fields.count == Skeleton.fieldCount * cells)
    (self.pictureWidth, self.pictureHeight, self.fileSize) = (pictureWidth, pictureHeight, fileSize)
    (self.width, self.height) = (width, height)
    var (steps, values) = ([Float](), [Int8]())
    values.reserveCapacity(Self.channels * cells)
    for plane in [heatmaps, fields] {
      for start in stride(from: 0, to: plane.count, by: cells) {
        let channel = plane[start..<start + cells]
        // Channels in which nothing is seen are not made louder.
        let step = max(1, channel.reduce(0) { max($0, abs($1)) }) / 127
        steps.append(step)
        for value in channel { values.append(Int8(max(-127, min(127, (value / step).rounded())))) }
      }
    }
    (self.steps, self.values) = (steps, values)
  }

  private init(sizes: [Int], steps: [Float], values: [Int8]) {
    (pictureWidth, pictureHeight, width, height, fileSize) = (sizes[0], sizes[1], sizes[2], sizes[3], sizes[4])
    (self.steps, self.values) = (steps, values)
  }

  /// Whether these can be the maps of a picture.
  func areOf(_ image: PixelImage) -> Bool {
    (pictureWidth, pictureHeight, fileSize) == (image.width, image.height, image.fileSize)
  }

  /// Where in the packed maps the file's size stands.
  static let fileSizePlace = 16

  // MARK: - As bytes

  /// Five sizes, the steps, and the values compressed.
  func packed() throws(TrainError) -> [UInt8] {
    var bytes: [UInt8] = []
    for size in [pictureWidth, pictureHeight, width, height, fileSize] {
      withUnsafeBytes(of: UInt32(truncatingIfNeeded: size).littleEndian) { bytes += $0 }
    }
    for step in steps { withUnsafeBytes(of: step.bitPattern.littleEndian) { bytes += $0 } }
    let packed = values.withUnsafeBytes { values in Result { () throws(TrainError) in try Zlib.compress(values) } }
    return bytes + (try packed.get())
  }

  init(packed bytes: ArraySlice<UInt8>) throws(TrainError) {
    let head = 4 * (5 + Self.channels)
    let damaged = TrainError("the teacher's maps are damaged")
    guard bytes.count > head else { throw damaged }
    func word(_ place: Int) -> UInt32 {
      bytes[(bytes.startIndex + 4 * place)...].prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
    let sizes = (0..<5).map { Int(word($0)) }
    let steps = (0..<Self.channels).map { Float(bitPattern: word(5 + $0)) }
    guard sizes.dropLast().allSatisfy({ (1...1 << 17).contains($0) }), sizes[2] * sizes[3] <= Self.mostCells,
      steps.allSatisfy({ $0.isFinite && $0 > 0 })
    else { throw damaged }
    let count = Self.channels * sizes[2] * sizes[3]
    let values = try Zlib.decompress(bytes.dropFirst(head), limit: count)
    guard values.count == count else { throw damaged }
    self.init(sizes: sizes, steps: steps, values: values.map { Int8(bitPattern: $0) })
  }

  // MARK: - In a sample

  /// Draws the maps into those of a sample as its picture was drawn; where the picture does not reach, nothing changes.
  /// - Parameters:
  ///   - tile: of the sample, in pixels.
  ///   - transform: from the picture's pixels to the sample's.
  ///   - columns: cells of a row of the sample.
  func draw(
    into heatmaps: UnsafeMutableBufferPointer<Float>, _ fields: UnsafeMutableBufferPointer<Float>, columns: Int,
    tile: Tile, transform: Affine
  ) {
    let back = transform.inverse
    let isMirrored = transform.isMirrored
    let scale = max(1e-9, transform.scale)
    let (a, b) = (Float(transform.a / scale), Float(transform.b / scale))
    let (d, e) = (Float(transform.d / scale), Float(transform.e / scale))
    let joints = isMirrored ? KeypointLayout.mirrored + [Skeleton.keypointCount] : Array(0..<Skeleton.heatmapCount)
    let limbs = Skeleton.limbs.map { (to: $0, from: isMirrored ? $0.mirrored : $0) }
    let (plane, cells) = (width * height, heatmaps.count / Skeleton.heatmapCount)
    let stride = Targets.stride
    values.withUnsafeBufferPointer { values in
      for row in tile.top / stride..<(tile.bottom + stride - 1) / stride {
        for column in tile.left / stride..<(tile.right + stride - 1) / stride {
          let center = (
            x: Double(stride * column) + Double(stride - 1) / 2, y: Double(stride * row) + Double(stride - 1) / 2
          )
          guard tile.contains(center) else { continue }
          let (x, y) = back(center.x, center.y)
          guard x > -0.5, y > -0.5, x < Double(pictureWidth) - 0.5, y < Double(pictureHeight) - 0.5 else { continue }
          let (u, v) = (
            (x + 0.5) * Double(width) / Double(pictureWidth) - 0.5,
            (y + 0.5) * Double(height) / Double(pictureHeight) - 0.5
          )
          let (left, top) = (Int(u.rounded(.down)), Int(v.rounded(.down)))
          let (shareX, shareY) = (Float(u) - Float(left), Float(v) - Float(top))
          let (x0, x1) = (max(0, left), min(width - 1, left + 1))
          let (y0, y1) = (max(0, top) * width, min(height - 1, top + 1) * width)
          func value(_ channel: Int) -> Float {
            let from = channel * plane
            let above = Float(values[from + y0 + x0]) * (1 - shareX) + Float(values[from + y0 + x1]) * shareX
            let below = Float(values[from + y1 + x0]) * (1 - shareX) + Float(values[from + y1 + x1]) * shareX
            return (above * (1 - shareY) + below * shareY) * steps[channel]
          }
          let cell = row * columns + column
          for (to, from) in joints.enumerated() { heatmaps[to * cells + cell] = value(from) }
          for (to, from) in limbs {
            let (fieldX, fieldY) = (value(Skeleton.heatmapCount + from.x), value(Skeleton.heatmapCount + from.y))
            fields[to.x * cells + cell] = a * fieldX + b * fieldY
            fields[to.y * cells + cell] = d * fieldX + e * fieldY
          }
        }
      }
    }
  }
}

extension Skeleton.Limb {
  /// The limb that a mirror makes of this one.
  var mirrored: Skeleton.Limb {
    let (a, b) = (KeypointLayout.mirrored[a], KeypointLayout.mirrored[b])
    return Skeleton.limbs.first { $0.a == a && $0.b == b } ?? self
  }
}

/// A network that looks at whole pictures, one after the other.
struct Teacher {
  private let model: Model
  private let height: Int
  private let threads: Int
  private let outputs: (heatmaps: String, fields: String)
  private var plan: Plan?
  private var planes: [Float] = []
  private var heatmaps: [Float] = []
  private var fields: [Float] = []

  /// - Parameter height: of the network's input, in pixels; the width follows from the picture.
  init(_ model: Model, height: Int, threads: Int) {
    (self.model, self.height, self.threads) = (model, height, threads)
    let last = model.network.refinementStages
    outputs = ("stage\(last)_heatmaps", "stage\(last)_pafs")
  }

  /// The size of the input for a picture; pictures of one size after the other are fastest.
  func inputSize(width: Int, height: Int) -> (width: Int, height: Int) {
    func rounded(_ side: Double) -> Int { max(32, min(4096, Int((side / 8).rounded()) * 8)) }
    let ratio = Double(self.height) / Double(height)
    // A very long picture is made smaller.
    let shrink = min(1, 4096 / (Double(width) * ratio))
    return (rounded(Double(width) * ratio * shrink), rounded(Double(self.height) * shrink))
  }

  mutating func maps(of image: PixelImage) throws(TrainError) -> TeacherMaps {
    let (width, height) = inputSize(width: image.width, height: image.height)
    if plan?.width != width || plan?.height != height { plan = nil }
    do throws(InferError) {
      let plan: Plan
      if let known = self.plan {
        plan = known
      } else {
        plan = try Plan(model, height: height, width: width, threads: threads)
      }
      self.plan = plan
      var transform = Affine(
        center: (0, 0), scale: 1, degrees: 0, isMirrored: false, target: (0, 0))
      (transform.a, transform.e) = (Double(width) / Double(image.width), Double(height) / Double(image.height))
      (transform.c, transform.f) = (0.5 * transform.a - 0.5, 0.5 * transform.e - 0.5)
      planes = [Float](repeating: 0, count: 3 * width * height)
      planes.withUnsafeMutableBufferPointer { planes in
        guard let planes = planes.baseAddress else { return }
        image.draw(
          into: planes, width: width, height: height, tile: Tile(left: 0, top: 0, right: width, bottom: height),
          transform: transform, colour: .none)
      }
      planes.withUnsafeBufferPointer { plan.setInput(planes: $0) }
      plan.run()
      try plan.copyOutput(outputs.heatmaps, into: &heatmaps)
      try plan.copyOutput(outputs.fields, into: &fields)
      guard heatmaps.allSatisfy(\.isFinite), fields.allSatisfy(\.isFinite) else {
        throw InferError("its maps hold values that are no numbers")
      }
      return TeacherMaps(
        pictureWidth: image.width, pictureHeight: image.height, fileSize: image.fileSize, width: plan.outputWidth,
        height: plan.outputHeight, heatmaps: heatmaps, fields: fields)
    } catch {
      throw TrainError("the teacher \(model.name): \(error)")
    }
  }
}
