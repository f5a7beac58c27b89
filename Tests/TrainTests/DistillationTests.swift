import Foundation
import Testing
import Tracker
import Video

@testable import Train

@Suite struct DistillationTests {
  /// The labels of a data set as results, as if a teacher had found just them.
  private func results(_ annotations: KeypointAnnotations) -> [UInt8] {
    let people = annotations.pictures.flatMap { picture in
      picture.people.map { person in
        let points = person.keypoints.map { "\($0.x), \($0.y), 1" }.joined(separator: ", ")
        return "{\"image_id\": \(picture.id), \"score\": 1, \"keypoints\": [\(points)]}"
      }
    }
    return Array("[\(people.joined(separator: ","))]".utf8)
  }

  private func fileSize(_ path: String) -> Int {
    (try? Data(contentsOf: URL(fileURLWithPath: path)))?.count ?? 0
  }

  @Test(arguments: DistillationFormula.allCases, [0.5, 1])
  func aTeacherWhoSaysTheLabelsChangesNothing(formula: DistillationFormula, share: Double) throws {
    let data = try MadeUp()
    var options = everything
    options.augmentation.copyPaste = 0
    let plain = try data.batches([0, 1, 2], options)
    options.distillation = Distillation(
      .people(try PseudoLabels(results(data.annotations), name: "test")), share: share, formula: formula)
    let mixed = try data.batches([0, 1, 2], options)
    for (a, b) in zip(plain, mixed) { #expect(areEqual(a, b)) }
    #expect(plain[0].heatmaps.contains { $0 > 0.5 })
  }

  @Test func aTeacherWhoSeesNobodyMixesNobodyIn() throws {
    let data = try MadeUp()
    var options = BatchLoader.Options()
    let plain = try data.batches([0], options)[0]
    options.distillation = Distillation(
      .people(try PseudoLabels(Array("[]".utf8), name: "test")), share: 0.25, formula: .everywhere)
    let mixed = try data.batches([0], options)[0]
    let cells = plain.mask.count / 4
    for joint in 0..<18 {
      for cell in 0..<cells {
        #expect(abs(mixed.heatmaps[joint * cells + cell] - 0.75 * plain.heatmaps[joint * cells + cell]) < 1e-6)
      }
    }
  }

  /// Maps that are turned, scaled and mirrored with their picture lie where the labels do, and point where they point.
  @Test func mapsFollowTheirPicture() throws {
    let data = try MadeUp()
    let folder = NSTemporaryDirectory() + "maps-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    // A teacher that looks at the pictures of 64 x 96 pixels enlarged four times.
    let writer = try TeacherCache.Writer(folder, origin: .init(teacher: "t", checksum: 0, height: 384))
    let (columns, rows) = (32, 48)
    for picture in data.annotations.pictures {
      let people = picture.people.map { person in
        KeypointLayout.internalPoints(of: person.keypoints, width: 64, height: 96).map {
          LabelPoint(x: 4 * $0.x - 0.5, y: 4 * $0.y - 0.5, visibility: $0.visibility)
        }
      }
      var heatmaps = [Float](repeating: 0, count: 19 * columns * rows)
      var fields = [Float](repeating: 0, count: 38 * columns * rows)
      heatmaps.withUnsafeMutableBufferPointer { heatmaps in
        fields.withUnsafeMutableBufferPointer { fields in
          Targets.draw(people, width: columns, height: rows, heatmaps: heatmaps, fields: fields)
        }
      }
      try writer.add(
        TeacherMaps(
          pictureWidth: 64, pictureHeight: 96, fileSize: fileSize("\(data.folder)/\(picture.fileName)"), width: columns,
          height: rows, heatmaps: heatmaps, fields: fields), name: picture.fileName)
    }
    func batch(_ distillation: Distillation?) throws -> Batch {
      var options = BatchLoader.Options()
      (options.augmentation.smallest, options.augmentation.largest) = (0.8, 1.2)
      options.distillation = distillation
      let loader = try BatchLoader(data.annotations, images: data.folder, options: options)
      var batch = Batch(empty: 12, height: 256, width: 256)
      try loader.read(0, into: &batch)
      return batch
    }
    let labels = try batch(nil)
    let teacher = try batch(
      Distillation(.cache(try TeacherCache(contentsOf: folder)), share: 1, formula: .masked))
    #expect(teacher.images == labels.images)
    let cells = 32 * 32
    var (compared, aligned, limbs) = (0, 0, 0)
    for sample in 0..<12 {
      for joint in 0..<18 {
        func peak(_ maps: [Float]) -> (cell: Int, value: Float) {
          let start = (sample * 19 + joint) * cells
          let cell = (0..<cells).max { maps[start + $0] < maps[start + $1] } ?? 0
          return (cell, maps[start + cell])
        }
        let (label, said) = (peak(labels.heatmaps), peak(teacher.heatmaps))
        guard label.value > 0.7 else { continue }
        compared += 1
        let (dx, dy) = (label.cell % 32 - said.cell % 32, label.cell / 32 - said.cell / 32)
        #expect(abs(dx) <= 1 && abs(dy) <= 1 && said.value > 0.5)
      }
      for limb in Skeleton.limbs {
        let (x, y) = ((sample * 38 + limb.x) * cells, (sample * 38 + limb.y) * cells)
        for cell in 0..<cells {
          let dot =
            labels.fields[x + cell] * teacher.fields[x + cell] + labels.fields[y + cell] * teacher.fields[y + cell]
          let length =
            (teacher.fields[x + cell] * teacher.fields[x + cell]
            + teacher.fields[y + cell] * teacher.fields[y + cell]).squareRoot()
          guard length > 0.5, labels.fields[x + cell] != 0 || labels.fields[y + cell] != 0 else { continue }
          limbs += 1
          if dot / length > 0.98 { aligned += 1 }
        }
      }
    }
    #expect(compared > 100 && limbs > 100 && Double(aligned) > 0.97 * Double(limbs), "\(aligned) of \(limbs)")
  }

  @Test func unlabelledPicturesLearnFromTheTeacherAlone() throws {
    let (data, more) = (try MadeUp(people: 1), try MadeUp(people: 2))
    let folder = NSTemporaryDirectory() + "maps-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: folder) }
    let others = try UnlabelledPictures(more.folder)
    #expect(others.count == 4)
    let writer = try TeacherCache.Writer(folder, origin: .init(teacher: "t", checksum: 0, height: 96))
    for (index, picture) in (data.annotations.pictures + others.pictures).enumerated().dropLast() {
      var heatmaps = [Float](repeating: 0, count: 19 * 8 * 12)
      for cell in 0..<18 * 8 * 12 { heatmaps[cell] = index < 3 ? 1 : 0.5 }
      try writer.add(
        TeacherMaps(
          pictureWidth: 64, pictureHeight: 96,
          fileSize: fileSize("\(picture.isLabelled ? data.folder : more.folder)/\(picture.name)"), width: 8, height: 12,
          heatmaps: heatmaps, fields: .init(repeating: 0, count: 38 * 8 * 12)), name: picture.fileName)
    }
    var options = BatchLoader.Options()
    options.unlabelled = others
    options.distillation = Distillation(
      .cache(try TeacherCache(contentsOf: folder)), share: 0, formula: .masked)
    let loader = try BatchLoader(data.annotations, images: data.folder, options: options)
    // One labelled person, and the three further pictures that the teacher saw.
    #expect(loader.sampleCount == 4)
    #expect(loader.problems.lines.contains { $0.contains("the teacher did not see") && $0.contains("unlabeled/3.jpg") })
    var batch = Batch(empty: 8, height: 64, width: 64)
    try loader.read(0, into: &batch)
    #expect(batch.mask.allSatisfy { $0 == 1 })
    let middles: [Float] = (0..<8).map { (sample: Int) in batch.heatmaps[(sample * 19 + 3) * 64 + 36] }
    let halves = middles.filter { abs($0 - 0.5) < 0.01 }
    #expect(halves.count == 6, "\(middles)")

    #expect(throws: TrainError.self) { try UnlabelledPictures("/nowhere") }
    #expect(throws: TrainError.self) { try UnlabelledPictures(folder) }
  }

  @Test func badPseudoLabelsAreNamed() throws {
    for text in ["", "{}", "[{}]", "[{\"image_id\": 1, \"score\": 1, \"keypoints\": [1]}]", "nonsense"] {
      #expect {
        try PseudoLabels(Array(text.utf8), name: "said.json")
      } throws: { error in
        "\(error)".contains("said.json")
      }
    }
    #expect(throws: TrainError.self) { try PseudoLabels(contentsOf: "/nowhere") }
    // Results of other pictures would teach that nobody is anywhere.
    let points = [String](repeating: "1", count: 51).joined(separator: ",")
    let others = "[{\"image_id\": 12345, \"score\": 1, \"keypoints\": [\(points)]}]"
    var options = BatchLoader.Options()
    options.distillation = Distillation(
      .people(try PseudoLabels(Array(others.utf8), name: "said.json")), share: 0.5, formula: .everywhere)
    #expect {
      try MadeUp().batches([0], options)
    } throws: { "\($0)".contains("of other pictures") }
    // Annotations know the pictures that they list.
    let data = try MadeUp()
    let one =
      "{\"images\": [{\"id\": 9, \"file_name\": \"0.jpg\", \"width\": 64, \"height\": 96}], \"annotations\": []}"
    let labels = try PseudoLabels(Array(one.utf8), name: "said.json")
    let pictures = data.annotations.pictures
    #expect(labels.knows(pictures[0]) && !labels.knows(pictures[1]))
    let image = PixelImage(width: 64, height: 96, bytes: [])
    #expect(try labels.people(of: pictures[0], image)?.isEmpty == true)
    #expect(try labels.people(of: pictures[1], image) == nil)
    #expect {
      try labels.people(of: pictures[0], PixelImage(width: 96, height: 64, bytes: []))
    } throws: { "\($0)".contains("said.json: 0.jpg is 64x96 there, 96x64 here") }
  }
}
