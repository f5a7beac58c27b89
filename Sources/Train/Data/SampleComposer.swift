import Foundation
import Synchronization
import Tracker

/// Makes training samples: pictures drawn from a data set, changed at random, with their targets.
///
/// Sample k is the same whatever was made before it and on whichever thread: all chance comes from the seed and k.
/// People are chosen as Lightweight OpenPose's label preparation does (Osokin 2018): at least 5 key points, an area of 32²,
/// and not too close to one chosen before.
final class SampleComposer: Sendable {
  /// A person in the middle of a sample, or a picture without labels.
  struct Sample: Sendable, Equatable {
    var picture: Int
    var person: Int?
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

  /// Labelled people first.
  let samples: [Sample]
  private let labelledCount: Int
  /// Pictures in which nobody is.
  let negatives: [Int]
  private let name: String
  private let pictures: [AnnotatedPicture]
  private let distillation: Distillation?
  private let store: PictureStore
  private let augmentation: Augmentation
  private let seed: UInt64
  private let state: Mutex<State>

  private struct State: Sendable {
    var problems = Problems()
    var broken: Set<Int> = []
    /// Pictures that nobody can be cut out of.
    var unplain: Set<Int> = []
    /// Orders of the samples, by epoch; the last few.
    var orders: [Int: [Int]] = [:]
  }

  /// - Parameters:
  ///   - folder: where the pictures are.
  ///   - cacheLimit: bytes of decoded pictures to keep in memory.
  ///   - distillation: the teacher, who must know every picture.
  init(
    _ annotations: KeypointAnnotations, folder: String, augmentation: Augmentation, seed: UInt64, cacheLimit: Int,
    distillation: Distillation? = nil, unlabelled: UnlabelledPictures? = nil
  ) throws(TrainError) {
    try augmentation.check()
    guard augmentation.copyPaste == 0 || distillation == nil else {
      throw TrainError(
        "augmentation 'copy_paste' puts people where the teacher saw none: leave it 0, or let the teacher run along")
    }
    guard distillation?.isOf(annotations.pictures) ?? true else {
      throw TrainError("\(annotations.name): the pseudo-labels are of other pictures: no image_id of theirs is listed")
    }
    name = annotations.name
    pictures = annotations.pictures + (unlabelled?.pictures ?? [])
    self.distillation = distillation
    self.augmentation = augmentation
    self.seed = seed
    store = PictureStore(pictures, folder: folder, unlabelled: unlabelled?.folder, limit: cacheLimit)
    var (samples, negatives, state) = ([Sample](), [Int](), State())
    var alone: [Sample] = []
    for (index, picture) in pictures.enumerated() {
      guard access(store.url(index).path, R_OK) == 0 else {
        state.problems.add("picture that is not there", picture.fileName)
        continue
      }
      if let distillation, !distillation.knows(picture) {
        state.problems.add("picture that the teacher did not see, left out", picture.fileName)
        continue
      }
      guard picture.isLabelled else {
        alone.append(Sample(picture: index, person: nil))
        continue
      }
      samples += Self.people(of: picture, augmentation).map { Sample(picture: index, person: $0) }
      if picture.people.isEmpty { negatives.append(index) }
    }
    guard !samples.isEmpty else {
      let reason = state.problems.isEmpty ? "nobody in it has 5 key points and 32x32 pixels" : state.problems.lines[0]
      throw TrainError("\(annotations.name): nothing to train on: \(reason); pictures are sought in \(folder)")
    }
    (self.samples, self.negatives, labelledCount) = (samples + alone, negatives, samples.count)
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
    var drawing = SampleDrawing(canvas, augmentation, distillation)
    let whole = Tile(left: 0, top: 0, right: canvas.width, bottom: canvas.height)
    var isLabelled = true
    if random.chance(augmentation.negatives), let index = negatives.randomElement(using: &random),
      let image = readable(index, reader)
    {
      try drawWhole(index, image, in: whole, &drawing, &random)
    } else {
      let first = place(number)
      isLabelled = first < labelledCount
      if random.chance(augmentation.backdrop), let index = negatives.randomElement(using: &random),
        let image = readable(index, reader)
      {
        try drawWhole(index, image, in: whole, &drawing, &random)
      }
      if !isLabelled {
        let (sample, image) = try readable(from: first, reader)
        try drawWhole(sample.picture, image, in: whole, &drawing, &random)
      } else if random.chance(augmentation.mosaic) {
        for (index, tile) in grid(canvas, &random).enumerated() {
          if index > 0, random.chance(augmentation.negatives), let empty = negatives.randomElement(using: &random),
            let image = readable(empty, reader)
          {
            try drawWhole(empty, image, in: tile, &drawing, &random)
            continue
          }
          let start = index == 0 ? first : Int.random(in: 0..<labelledCount, using: &random)
          let (sample, image) = try readable(from: start, reader)
          let view = view(of: sample, &random)
          let fit = min(Double(tile.width) / view.width, Double(tile.height) / view.height)
          try draw(
            sample, image, in: tile, view, scale: fit * random.uniform(0.6, 1.05), clips: true, &drawing, &random)
        }
      } else {
        let (sample, image) = try readable(from: first, reader)
        let view = view(of: sample, &random)
        let share = view.isCut ? random.uniform(0.4, 1.05) : augmentation.share(&random)
        // A person who lies is as large as one who stands.
        try draw(
          sample, image, in: whole, view, scale: Double(canvas.height) * share / max(view.width, view.height),
          clips: false, &drawing, &random)
      }
    }
    // On a picture that only the teacher knows, labels of some would make nobody of the others.
    if isLabelled, random.chance(augmentation.copyPaste) {
      for _ in 0..<Int.random(in: 1...3, using: &random) { paste(into: &drawing, reader, &random) }
    }
    drawing.occlude(&random) { random in negatives.randomElement(using: &random).flatMap { readable($0, reader) } }
    Degradation(augmentation, &random).apply(
      to: canvas.image, width: canvas.width, height: canvas.height, &random)
    drawing.finish()
  }

  /// Puts someone from another picture before what was drawn. Where few pictures are plain, sometimes nobody.
  private func paste(
    into drawing: inout SampleDrawing, _ reader: PictureReader, _ random: inout SeededRandom
  ) {
    let (width, height) = (Double(drawing.canvas.width), Double(drawing.canvas.height))
    let share = min(1, augmentation.share(&random))
    let target = (x: width * random.uniform(0.05, 0.95), y: height * random.uniform(0.2, 0.9))
    let degrees = random.uniform(-augmentation.rotation, augmentation.rotation)
    let isMirrored = random.chance(augmentation.mirror)
    for _ in 0..<100 {
      guard let sample = samples[..<labelledCount].randomElement(using: &random), let index = sample.person else {
        return
      }
      let picture = pictures[sample.picture]
      let person = picture.people[index]
      guard picture.people.count == 1, !state.withLock({ $0.unplain.contains(sample.picture) }),
        let image = readable(sample.picture, reader)
      else { continue }
      guard let cutout = Cutout(of: person, in: image) else {
        state.withLock { _ = $0.unplain.insert(sample.picture) }
        continue
      }
      let scale = min(augmentation.magnification, height * share / max(1, person.box.width, person.box.height))
      drawing.paste(
        cutout, person,
        Affine(
          center: (person.center.x - SampleDrawing.labelOffset, person.center.y - SampleDrawing.labelOffset),
          scale: scale, degrees: degrees, isMirrored: isMirrored, target: target), &random)
      return
    }
  }

  /// What of the person to show.
  private func view(of sample: Sample, _ random: inout SeededRandom) -> PersonView {
    guard let index = sample.person else { return PersonView(x: 0, y: 0, width: 1, height: 1) }
    let person = pictures[sample.picture].people[index]
    if augmentation.upperBody > 0, random.chance(augmentation.upperBody),
      let view = PersonView(upperBodyOf: person, downTo: Int.random(in: 0...3, using: &random))
    {
      return view
    }
    let box = person.box
    return PersonView(x: box.x, y: box.y, width: max(1, box.width), height: max(1, box.height))
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
    // Labelled ones and others stay apart.
    let kind = first < labelledCount ? 0..<labelledCount : labelledCount..<samples.count
    for step in 0..<kind.count {
      let sample = samples[kind.lowerBound + (first - kind.lowerBound + step) % kind.count]
      if let image = readable(sample.picture, reader) { return (sample, image) }
    }
    throw TrainError("\(name): none of its pictures can be read; \(problems.lines.joined(separator: "; "))")
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

  /// A picture with nobody to put in the middle: one in which nobody is, which fills the tile, or most of one that only the
  /// teacher knows.
  private func drawWhole(
    _ index: Int, _ image: PixelImage, in tile: Tile, _ drawing: inout SampleDrawing, _ random: inout SeededRandom
  ) throws(TrainError) {
    let picture = pictures[index]
    let across = Double(tile.width) / Double(image.width)
    let down = Double(tile.height) / Double(image.height)
    let (fit, range) = picture.isLabelled ? (max(across, down), (0.8, 1.6)) : (min(across, down), (0.7, 1.4))
    let transform = Affine(
      center: (Double(image.width) * random.uniform(0.4, 0.6), Double(image.height) * random.uniform(0.4, 0.6)),
      scale: fit * random.uniform(range.0, range.1),
      degrees: random.uniform(-augmentation.rotation, augmentation.rotation),
      isMirrored: random.chance(augmentation.mirror), target: tile.center)
    drawing.paint(image, in: tile, transform, &random)
    if !picture.isLabelled { drawing.canvas.mask.update(repeating: 0) }
    try drawing.ask(picture, image, in: tile, transform)
  }

  /// - Parameter clips: whether key points outside the tile are hidden by what lies beside it.
  private func draw(
    _ sample: Sample, _ image: PixelImage, in tile: Tile, _ view: PersonView, scale: Double, clips: Bool,
    _ drawing: inout SampleDrawing, _ random: inout SeededRandom
  ) throws(TrainError) {
    guard let middle = sample.person else { return }
    let picture = pictures[sample.picture]
    let scale = min(scale, augmentation.magnification)
    let reach = augmentation.shift
    let (width, height) = (Double(tile.width), Double(tile.height))
    var target = (
      x: tile.center.x + random.uniform(-reach, reach) * width,
      y: tile.center.y + random.uniform(-reach, reach) * height
    )
    if view.isCut {
      // The tile ends about where the view does.
      target.y = Double(tile.bottom) + random.uniform(-0.1, 0.15) * height - view.height * scale / 2
    }
    let isMirrored = random.chance(augmentation.mirror)
    let transform = Affine(
      center: (view.center.x - SampleDrawing.labelOffset, view.center.y - SampleDrawing.labelOffset), scale: scale,
      degrees: random.uniform(-augmentation.rotation, augmentation.rotation), isMirrored: isMirrored, target: target)
    drawing.paint(image, in: tile, transform, &random)
    drawing.label(picture, first: middle, in: tile, transform, clips: clips)
    try drawing.ask(picture, image, in: tile, transform, clips: clips)
  }
}

extension Tile {
  var center: (x: Double, y: Double) { (Double(left + right - 1) / 2, Double(top + bottom - 1) / 2) }
}

extension PersonAnnotation {
  var center: (x: Double, y: Double) { (box.x + box.width / 2, box.y + box.height / 2) }
}
