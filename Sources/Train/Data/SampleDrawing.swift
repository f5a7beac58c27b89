import Tracker

/// A sample while its pictures are drawn into it: pixels, mask, people, and what a teacher says.
struct SampleDrawing {
  let canvas: SampleComposer.Canvas
  private let augmentation: Augmentation
  private let distillation: Distillation?
  /// Labelled people, 18 key points each, in pixels of the sample; and those whom the teacher sees.
  private var people: [[LabelPoint]] = []
  private var teacherPeople: [[LabelPoint]] = []
  /// The teacher's maps; empty without a teacher.
  private var teacher: (heatmaps: [Float], fields: [Float]) = ([], [])

  /// Labels count from the corner of the picture, pixels from their centres, as the results of `eval` do.
  static let labelOffset = 0.5

  init(_ canvas: SampleComposer.Canvas, _ augmentation: Augmentation, _ distillation: Distillation?) {
    (self.canvas, self.augmentation, self.distillation) = (canvas, augmentation, distillation)
    guard distillation != nil else { return }
    teacher.heatmaps = [Float](repeating: 0, count: canvas.heatmaps.count)
    teacher.fields = [Float](repeating: 0, count: canvas.fields.count)
    // Where no picture reaches, there is nobody.
    for cell in teacher.heatmaps.count - canvas.mask.count..<teacher.heatmaps.count { teacher.heatmaps[cell] = 1 }
  }

  func paint(_ image: PixelImage, in tile: Tile, _ transform: Affine, _ random: inout SeededRandom) {
    guard let planes = canvas.image.baseAddress else { return }
    image.draw(
      into: planes, width: canvas.width, height: canvas.height, tile: tile, transform: transform,
      colour: ColourChange(strength: augmentation.colour, &random))
  }

  /// Adds the people of a picture and masks out what is not labelled.
  /// - Parameters:
  ///   - first: the person who is drawn before, and so partly below, the others.
  ///   - clips: whether key points outside the tile are hidden by what lies beside it.
  mutating func label(_ picture: AnnotatedPicture, first: Int, in tile: Tile, _ transform: Affine, clips: Bool) {
    mask(picture, in: tile, transform)
    let order = [first] + picture.people.indices.filter { $0 != first }
    for index in order where isLearnt(picture.people[index]) {
      people.append(
        points(of: picture.people[index], picture.width, picture.height, in: tile, transform, clips: clips))
    }
  }

  /// Draws what the teacher says of a picture as the picture was drawn.
  mutating func ask(
    _ picture: AnnotatedPicture, _ image: PixelImage, in tile: Tile, _ transform: Affine, clips: Bool = false
  ) throws(TrainError) {
    switch distillation?.teacher {
    case nil: return
    case .cache(let cache):
      guard let maps = try cache.maps(picture.fileName) else { return }
      guard maps.areOf(image) else {
        throw TrainError(
          "\(cache.folder): what the teacher says of \(picture.fileName) is of another picture of that name: "
            + "run posecam cache-teacher on this one")
      }
      teacher.heatmaps.withUnsafeMutableBufferPointer { heatmaps in
        teacher.fields.withUnsafeMutableBufferPointer { fields in
          maps.draw(
            into: heatmaps, fields, columns: canvas.width / Targets.stride, tile: tile, transform: transform)
        }
      }
    case .people(let labels):
      for person in try labels.people(of: picture, image) ?? [] where !person.isCrowd && person.keypointCount > 0 {
        teacherPeople.append(points(of: person, image.width, image.height, in: tile, transform, clips: clips))
      }
    }
  }

  /// Puts someone cut out of a picture before all that was drawn.
  mutating func paste(
    _ cutout: Cutout, _ person: PersonAnnotation, _ transform: Affine, _ random: inout SeededRandom
  ) {
    guard let planes = canvas.image.baseAddress else { return }
    cutout.draw(
      into: planes, width: canvas.width, height: canvas.height, transform,
      colour: ColourChange(strength: augmentation.colour, &random))
    let back = transform.inverse
    for index in people.indices { people[index].remove { cutout.covers(back($0.x, $0.y)) } }
    people.append(
      points(
        of: person, cutout.image.width, cutout.image.height,
        in: Tile(left: 0, top: 0, right: canvas.width, bottom: canvas.height), transform, clips: false))
    // What was not labelled is behind.
    let weight = augmentation.isWeighted ? Float(person.agreement.squareRoot()) : 1
    let columns = canvas.width / Targets.stride
    for cell in canvas.mask.indices {
      let middle = back(Double(cell % columns * Targets.stride) + 3.5, Double(cell / columns * Targets.stride) + 3.5)
      if cutout.covers(middle) { canvas.mask[cell] = weight }
    }
  }

  /// Puts things before some of the people who were added, and takes from the labels what cannot be told any more. A
  /// teacher's maps, of the pictures themselves, stay what they are.
  /// - Parameter thing: a picture to take a piece of.
  mutating func occlude(_ random: inout SeededRandom, thing: (inout SeededRandom) -> PixelImage?) {
    guard let planes = canvas.image.baseAddress else { return }
    var occluders: [Occluder] = []
    for person in people where random.chance(augmentation.occlusion) {
      guard let occluder = Occluder(before: person, &random), let image = thing(&random) else { continue }
      occluder.draw(
        image, into: planes, width: canvas.width, height: canvas.height,
        colour: ColourChange(strength: augmentation.colour, &random), &random)
      occluders.append(occluder)
    }
    func isHidden(_ point: LabelPoint) -> Bool { occluders.contains { $0.cover(point.x, point.y) >= 0.5 } }
    for person in people.indices { people[person].remove(hidden: isHidden) }
    for person in teacherPeople.indices { teacherPeople[person].remove(hidden: isHidden) }
  }

  /// Draws the targets of all that was added.
  mutating func finish() {
    let (columns, rows) = (canvas.width / Targets.stride, canvas.height / Targets.stride)
    Targets.draw(people, width: columns, height: rows, heatmaps: canvas.heatmaps, fields: canvas.fields)
    guard let distillation else { return }
    if case .people = distillation.teacher {
      teacher.heatmaps.withUnsafeMutableBufferPointer { heatmaps in
        teacher.fields.withUnsafeMutableBufferPointer { fields in
          Targets.draw(teacherPeople, width: columns, height: rows, heatmaps: heatmaps, fields: fields)
        }
      }
    }
    distillation.formula.mix(
      heatmaps: canvas.heatmaps, fields: canvas.fields, mask: canvas.mask, teacher: teacher,
      share: Float(distillation.share))
  }

  /// A person's 18 key points in pixels of the sample.
  private func points(
    of person: PersonAnnotation, _ width: Int, _ height: Int, in tile: Tile, _ transform: Affine, clips: Bool
  ) -> [LabelPoint] {
    var points = KeypointLayout.internalPoints(of: person.keypoints, width: width, height: height)
    if transform.isMirrored { points = KeypointLayout.mirrored.map { points[$0] } }
    for joint in points.indices {
      let moved = transform(points[joint].x - Self.labelOffset, points[joint].y - Self.labelOffset)
      (points[joint].x, points[joint].y) = moved
      if clips && !tile.contains(moved) { points[joint].visibility = .absent }
    }
    return points
  }

  private func isLearnt(_ person: PersonAnnotation) -> Bool {
    !person.isCrowd && person.keypointCount > 0 && person.agreement >= augmentation.leastAgreement
  }

  // MARK: - Mask

  /// Takes out of the loss what is not labelled, and weighs what is.
  private func mask(_ picture: AnnotatedPicture, in tile: Tile, _ transform: Affine) {
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
        for cell in cells(around: person.box, tile, transform) {
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
    around box: (x: Double, y: Double, width: Double, height: Double), _ tile: Tile, _ transform: Affine
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
