import Foundation
import Synchronization
import Tracker

/// Makes training samples: pictures drawn from a data set, changed at random, with their targets.
///
/// Sample k is the same whatever was made before it and on whichever thread: all chance comes from the seed and k.
/// People are chosen as Lightweight OpenPose's label preparation does (Osokin 2018): at least 5 key points, an area of 32²,
/// and not too close to one chosen before.
final class SampleComposer: Sendable {
  /// A person in the middle of a sample.
  struct Sample: Sendable, Equatable {
    var picture: Int
    var person: Int
  }

  /// Where a sample is written: one picture's part of a batch.
  struct Canvas {
    /// 3 × height × width.
    var image: UnsafeMutableBufferPointer<Float>
    /// 19, 38 and 1 × (height / 8) × (width / 8).
    var heatmaps: UnsafeMutableBufferPointer<Float>
    var fields: UnsafeMutableBufferPointer<Float>
    var mask: UnsafeMutableBufferPointer<Float>
    var height: Int
    var width: Int
  }

  let samples: [Sample]
  /// Pictures in which nobody is.
  let negatives: [Int]
  private let annotations: KeypointAnnotations
  private let store: PictureStore
  private let augmentation: Augmentation
  private let seed: UInt64
  private let state: Mutex<State>

  private struct State: Sendable {
    var problems = Problems()
    var broken: Set<Int> = []
    /// Orders of the samples, by epoch; the last few.
    var orders: [Int: [Int]] = [:]
  }

  /// - Parameters:
  ///   - folder: where the pictures are.
  ///   - cacheLimit: bytes of decoded pictures to keep in memory.
  init(
    _ annotations: KeypointAnnotations, folder: String, augmentation: Augmentation, seed: UInt64, cacheLimit: Int
  ) throws(TrainError) {
    try augmentation.check()
    self.annotations = annotations
    self.augmentation = augmentation
    self.seed = seed
    store = PictureStore(annotations.pictures, folder: folder, limit: cacheLimit)
    var (samples, negatives, state) = ([Sample](), [Int](), State())
    for (index, picture) in annotations.pictures.enumerated() {
      guard access(store.url(index).path, R_OK) == 0 else {
        state.problems.add("picture that is not there", picture.fileName)
        continue
      }
      samples += Self.people(of: picture, augmentation).map { Sample(picture: index, person: $0) }
      if picture.people.isEmpty { negatives.append(index) }
    }
    guard !samples.isEmpty else {
      let reason = state.problems.isEmpty ? "nobody in it has 5 key points and 32x32 pixels" : state.problems.lines[0]
      throw TrainError("\(annotations.name): nothing to train on: \(reason); pictures are sought in \(folder)")
    }
    (self.samples, self.negatives) = (samples, negatives)
    self.state = Mutex(state)
  }

  /// What was left out so far.
  var problems: Problems { state.withLock(\.problems) }

  private static func people(of picture: AnnotatedPicture, _ augmentation: Augmentation) -> [Int] {
    var chosen: [(x: Double, y: Double, width: Double)] = []
    return picture.people.indices.filter { index in
      let person = picture.people[index]
      guard !person.isCrowd, person.keypointCount >= 5, person.area >= 32 * 32,
        person.agreement >= augmentation.leastAgreement
      else { return false }
      let (x, y) = person.center
      guard chosen.allSatisfy({ hypot($0.x - x, $0.y - y) >= 0.3 * $0.width }) else { return false }
      chosen.append((x, y, person.box.width))
      return true
    }
  }

  // MARK: - One sample

  /// Writes sample `number` of the run; the samples come in a new random order every epoch.
  /// - Throws: when no picture at all can be read.
  func compose(_ number: Int, into canvas: Canvas, reader: PictureReader) throws(TrainError) {
    var random = SeededRandom(seed: seed, stream: 1, number)
    canvas.mask.update(repeating: 1)
    canvas.image.update(repeating: 0)
    var people: [[LabelPoint]] = []
    let whole = Tile(left: 0, top: 0, right: canvas.width, bottom: canvas.height)
    if random.chance(augmentation.negatives), let index = negatives.randomElement(using: &random),
      let image = readable(index, reader)
    {
      drawNegative(image, in: whole, canvas, &random)
    } else {
      let first = place(number)
      if random.chance(augmentation.backdrop), let index = negatives.randomElement(using: &random),
        let image = readable(index, reader)
      {
        drawNegative(image, in: whole, canvas, &random)
      }
      if random.chance(augmentation.mosaic) {
        for (index, tile) in grid(canvas, &random).enumerated() {
          if index > 0, random.chance(augmentation.negatives), let empty = negatives.randomElement(using: &random),
            let image = readable(empty, reader)
          {
            drawNegative(image, in: tile, canvas, &random)
            continue
          }
          let start = index == 0 ? first : Int.random(in: 0..<samples.count, using: &random)
          let (sample, image) = try readable(from: start, reader)
          let box = annotations.pictures[sample.picture].people[sample.person].box
          let fit = min(
            Double(tile.right - tile.left) / max(1, box.width), Double(tile.bottom - tile.top) / max(1, box.height))
          draw(
            sample, image, in: tile, scale: fit * random.uniform(0.6, 1.05), clips: true, canvas, &people, &random)
        }
      } else {
        let (sample, image) = try readable(from: first, reader)
        let box = annotations.pictures[sample.picture].people[sample.person].box
        // A person who lies is as large as one who stands.
        let size = max(1, max(box.width, box.height))
        draw(
          sample, image, in: whole, scale: Double(canvas.height) * augmentation.share(&random) / size, clips: false,
          canvas, &people, &random)
      }
    }
    Degradation(augmentation, &random).apply(
      to: canvas.image, width: canvas.width, height: canvas.height, &random)
    Targets.draw(
      people, width: canvas.width / Targets.stride, height: canvas.height / Targets.stride, heatmaps: canvas.heatmaps,
      fields: canvas.fields)
  }

  private func place(_ number: Int) -> Int {
    let (epoch, place) = number.quotientAndRemainder(dividingBy: samples.count)
    return state.withLock { state in
      if let order = state.orders[epoch] { return order[place] }
      var random = SeededRandom(seed: seed, stream: 0, epoch)
      let order = samples.indices.shuffled(using: &random)
      // Threads may still be at the end of the epoch before.
      state.orders = state.orders.filter { $0.key == epoch - 1 }
      state.orders[epoch] = order
      return order[place]
    }
  }

  /// The picture, unless it is known or found to be unreadable.
  private func readable(_ index: Int, _ reader: PictureReader) -> PixelImage? {
    guard !state.withLock({ $0.broken.contains(index) }) else { return nil }
    do throws(TrainError) {
      return try store.image(index, reader)
    } catch {
      state.withLock { state in
        guard state.broken.insert(index).inserted else { return }
        state.problems.add("picture that cannot be read, another one is taken", "\(error)")
      }
      return nil
    }
  }

  /// The first readable sample from one on.
  private func readable(from first: Int, _ reader: PictureReader) throws(TrainError) -> (Sample, PixelImage) {
    for step in samples.indices {
      let sample = samples[(first + step) % samples.count]
      if let image = readable(sample.picture, reader) { return (sample, image) }
    }
    throw TrainError("\(annotations.name): none of its pictures can be read; \(problems.lines.joined(separator: "; "))")
  }

  /// Rows and columns of unequal size that fill the canvas.
  private func grid(_ canvas: Canvas, _ random: inout SeededRandom) -> [Tile] {
    func edges(_ parts: Int, _ length: Int) -> [Int] {
      (0...parts).map { index in
        guard index > 0, index < parts else { return index * length / parts }
        return Int(Double(length) * (Double(index) + random.uniform(-0.2, 0.2)) / Double(parts))
      }
    }
    let columns = Int.random(in: 1...augmentation.mosaicSide, using: &random)
    let rows = Int.random(
      in: (columns == 1 ? min(2, augmentation.mosaicSide) : 1)...augmentation.mosaicSide, using: &random)
    let (xs, ys) = (edges(columns, canvas.width), edges(rows, canvas.height))
    return (0..<rows).flatMap { row in
      (0..<columns).map { Tile(left: xs[$0], top: ys[row], right: xs[$0 + 1], bottom: ys[row + 1]) }
    }
  }

  private func drawNegative(_ image: PixelImage, in tile: Tile, _ canvas: Canvas, _ random: inout SeededRandom) {
    let fit = max(
      Double(tile.right - tile.left) / Double(image.width), Double(tile.bottom - tile.top) / Double(image.height))
    let transform = Affine(
      center: (Double(image.width) * random.uniform(0.4, 0.6), Double(image.height) * random.uniform(0.4, 0.6)),
      scale: fit * random.uniform(0.8, 1.6), degrees: random.uniform(-augmentation.rotation, augmentation.rotation),
      isMirrored: random.chance(augmentation.mirror), target: tile.center)
    paint(image, in: tile, transform, canvas, &random)
  }

  /// - Parameter clips: whether key points outside the tile are hidden by what lies beside it.
  private func draw(
    _ sample: Sample, _ image: PixelImage, in tile: Tile, scale: Double, clips: Bool, _ canvas: Canvas,
    _ people: inout [[LabelPoint]], _ random: inout SeededRandom
  ) {
    let picture = annotations.pictures[sample.picture]
    let reach = augmentation.shift
    let target = (
      x: tile.center.x + random.uniform(-reach, reach) * Double(tile.right - tile.left),
      y: tile.center.y + random.uniform(-reach, reach) * Double(tile.bottom - tile.top)
    )
    let isMirrored = random.chance(augmentation.mirror)
    let center = picture.people[sample.person].center
    let transform = Affine(
      center: (center.x - Self.labelOffset, center.y - Self.labelOffset), scale: min(scale, augmentation.magnification),
      degrees: random.uniform(-augmentation.rotation, augmentation.rotation), isMirrored: isMirrored, target: target)
    paint(image, in: tile, transform, canvas, &random)
    mask(picture, in: tile, transform, canvas)

    let order = [sample.person] + picture.people.indices.filter { $0 != sample.person }
    for index in order where isLearnt(picture.people[index]) {
      let person = picture.people[index]
      var points = KeypointLayout.internalPoints(of: person.keypoints, width: picture.width, height: picture.height)
      if isMirrored { points = KeypointLayout.mirrored.map { points[$0] } }
      for joint in points.indices {
        let moved = transform(points[joint].x - Self.labelOffset, points[joint].y - Self.labelOffset)
        (points[joint].x, points[joint].y) = moved
        if clips && !tile.contains(moved) { points[joint].visibility = .absent }
      }
      people.append(points)
    }
  }

  /// Labels count from the corner of the picture, pixels from their centres, as the results of `eval` do.
  private static let labelOffset = 0.5

  private func isLearnt(_ person: PersonAnnotation) -> Bool {
    !person.isCrowd && person.keypointCount > 0 && person.agreement >= augmentation.leastAgreement
  }

  private func paint(
    _ image: PixelImage, in tile: Tile, _ transform: Affine, _ canvas: Canvas, _ random: inout SeededRandom
  ) {
    guard let planes = canvas.image.baseAddress else { return }
    image.draw(
      into: planes, width: canvas.width, height: canvas.height, tile: tile, transform: transform,
      colour: ColourChange(strength: augmentation.colour, &random))
  }

  // MARK: - Mask

  /// Takes out of the loss what is not labelled, and weighs what is.
  private func mask(_ picture: AnnotatedPicture, in tile: Tile, _ transform: Affine, _ canvas: Canvas) {
    var bitmap: [UInt8] = []
    for person in picture.people where !isLearnt(person) {
      guard person.isCrowd || person.keypointCount > 0 || augmentation.masksUnlabelled else { continue }
      if bitmap.isEmpty { bitmap = [UInt8](repeating: 0, count: picture.width * picture.height) }
      let box = Region(x: person.box.x, y: person.box.y, width: person.box.width, height: person.box.height)
      (person.region ?? box).fill(&bitmap, width: picture.width, height: picture.height)
    }
    let columns = canvas.width / Targets.stride
    if augmentation.isWeighted {
      for person in picture.people where isLearnt(person) && person.agreement < 1 {
        // The loss squares what it is multiplied by.
        let weight = Float(person.agreement.squareRoot())
        for cell in cells(around: person.box, tile, transform, canvas) {
          canvas.mask[cell] = min(canvas.mask[cell], weight)
        }
      }
    }
    guard !bitmap.isEmpty else { return }
    let back = transform.inverse
    for y in tile.top / 2..<tile.bottom / 2 {
      for x in tile.left / 2..<tile.right / 2 {
        // Every other pixel tells enough of a cell of eight.
        let (fromX, fromY) = back(Double(2 * x), Double(2 * y))
        guard fromX > -0.5, fromY > -0.5, fromX < Double(picture.width) - 0.5, fromY < Double(picture.height) - 0.5,
          bitmap[Int(fromY + 0.5) * picture.width + Int(fromX + 0.5)] != 0
        else { continue }
        canvas.mask[y / 4 * columns + x / 4] = 0
      }
    }
  }

  /// Cells that a person's box covers once it is turned.
  private func cells(
    around box: (x: Double, y: Double, width: Double, height: Double), _ tile: Tile, _ transform: Affine,
    _ canvas: Canvas
  ) -> [Int] {
    let corners = [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0)].map { corner in
      transform(box.x + corner.0 * box.width, box.y + corner.1 * box.height)
    }
    func range(_ values: [Double], _ from: Int, _ to: Int) -> Range<Int> {
      let first = max(Double(from), (values.min() ?? 0) - 8) / 8
      let last = min(Double(to), (values.max() ?? 0) + 8) / 8
      return Int(first)..<max(Int(first), Int(last.rounded(.up)))
    }
    let rows = range(corners.map(\.y), tile.top, tile.bottom)
    let columns = range(corners.map(\.x), tile.left, tile.right)
    return rows.flatMap { row in columns.map { row * (canvas.width / Targets.stride) + $0 } }
  }
}

extension Tile {
  var center: (x: Double, y: Double) { (Double(left + right - 1) / 2, Double(top + bottom - 1) / 2) }
}

extension PersonAnnotation {
  var center: (x: Double, y: Double) { (box.x + box.width / 2, box.y + box.height / 2) }
}
