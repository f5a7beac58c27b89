import Foundation
import Testing
import Video

@testable import Train

/// A data set of painted pictures in a folder of its own, gone when the test is.
final class MadeUp {
  let folder: String
  let annotations: KeypointAnnotations

  /// - Parameters:
  ///   - people: pictures with a person each; after them come two without.
  ///   - isPainted: whether the people are to be seen: white before a plain background.
  init(people: Int = 5, region: String? = nil, agreement: Double = 1, isPainted: Bool = false) throws {
    folder = NSTemporaryDirectory() + "batches-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    var (images, labels) = ([String](), [String]())
    for index in 0..<people + 2 {
      var bitmap = Bitmap(width: 64, height: 96)
      for pixel in 0..<64 * 96 {
        bitmap.pixels[3 * pixel] = UInt8(pixel % 64 * 4)
        bitmap.pixels[3 * pixel + 1] = UInt8(pixel / 64 * 2)
        bitmap.pixels[3 * pixel + 2] = UInt8(40 * index)
        guard isPainted, index < people, (16..<42).contains(pixel % 64), (6..<80).contains(pixel / 64) else { continue }
        for channel in 0..<3 { bitmap.pixels[3 * pixel + channel] = 255 }
      }
      let frame = try Frame(
        bitmap: bitmap, index: 0, timestamp: Timestamp(ticks: 0, numerator: 1, denominator: 1))
      try PictureWriter.write(frame, to: "\(folder)/\(index).jpg")
      images.append("{\"id\": \(index), \"file_name\": \"\(index).jpg\", \"width\": 64, \"height\": 96}")
      guard index < people else { continue }
      let points = (0..<17).map { "\(20 + $0), \(10 + 4 * $0), 2" }.joined(separator: ", ")
      labels.append(
        """
        {"id": \(index), "image_id": \(index), "num_keypoints": 17, "area": 3000, "bbox": [15, 5, 30, 80], \
        "keypoints": [\(points)], "agreement": \(agreement)}
        """)
      if let region {
        labels.append(
          "{\"id\": \(100 + index), \"image_id\": \(index), \"iscrowd\": 1, \"bbox\": [0, 0, 9, 9], \"segmentation\": \(region)}"
        )
      }
    }
    annotations = try KeypointAnnotations(
      Array(
        "{\"images\": [\(images.joined(separator: ","))], \"annotations\": [\(labels.joined(separator: ","))]}".utf8),
      name: "made up")
  }

  deinit { try? FileManager.default.removeItem(atPath: folder) }

  func batches(_ numbers: [Int], _ options: BatchLoader.Options = .init(), count: Int = 4) throws -> [Batch] {
    let loader = try BatchLoader(annotations, images: folder, options: options)
    var batch = Batch(empty: count, height: 64, width: 80)
    return try numbers.map { number in
      try loader.read(number, into: &batch)
      return batch
    }
  }
}

func areEqual(_ a: Batch, _ b: Batch) -> Bool {
  a.images == b.images && a.heatmaps == b.heatmaps && a.fields == b.fields && a.mask == b.mask
}

/// Everything that is random, on.
var everything: BatchLoader.Options {
  var options = BatchLoader.Options()
  options.augmentation.upperBody = 0.5
  options.augmentation.copyPaste = 0.5
  options.augmentation.occlusion = 0.5
  options.augmentation.mosaic = 0.5
  options.augmentation.negatives = 0.2
  options.augmentation.backdrop = 0.3
  options.augmentation.colour = 0.5
  options.augmentation.blur = 0.5
  options.augmentation.noise = 0.5
  options.augmentation.compression = 0.5
  return options
}

/// Nothing is changed: the person has the size of the picture's height in the crop's.
private var nothing: BatchLoader.Options {
  var options = BatchLoader.Options()
  options.augmentation.smallest = 1
  options.augmentation.largest = 1
  options.augmentation.rotation = 0
  options.augmentation.shift = 0
  options.augmentation.mirror = 0
  return options
}

struct BatchLoaderTests {
  @Test func batchesDependOnTheirNumberAlone() throws {
    let data = try MadeUp()
    var options = everything
    let straight = try data.batches(Array(0..<6), options)
    options.threads = 3
    options.cacheLimit = 0
    let resumed = try data.batches([3, 4, 5, 1], options)
    #expect(areEqual(resumed[0], straight[3]) && areEqual(resumed[1], straight[4]) && areEqual(resumed[2], straight[5]))
    #expect(areEqual(resumed[3], straight[1]))
    #expect(!areEqual(straight[0], straight[1]))
    options.seed = 2
    let other = try data.batches([0], options)[0]
    #expect(!areEqual(other, straight[0]))
    #expect(straight.allSatisfy { $0.images.allSatisfy { (-0.5...0.5).contains($0) } })
  }

  @Test func processesShareAGlobalBatch() throws {
    let data = try MadeUp()
    let whole = try data.batches([1], everything, count: 4)[0]
    for rank in 0..<3 {
      var options = everything
      let share = try BatchShare(of: 4, rank: rank, count: 3)
      options.share = share
      let part = try data.batches([1], options, count: share.range.count)[0]
      let size = whole.images.count / 4
      #expect(part.images.elementsEqual(whole.images[share.range.lowerBound * size..<share.range.upperBound * size]))
    }
  }

  @Test func everyoneComesOncePerEpoch() throws {
    // Blue tells the pictures apart.
    let data = try MadeUp(people: 4)
    let blues = try data.batches([0, 1], nothing).map { batch in
      (0..<4).map { (sample: Int) -> Int in
        let value = batch.images[3 * sample * 64 * 80 + 32 * 80 + 40] * 256 + 128
        return Int((value / 40).rounded())
      }
    }
    #expect(blues.allSatisfy { $0.sorted() == [0, 1, 2, 3] }, "\(blues)")
  }

  @Test func targetsLieWhereThePersonIs() throws {
    let batch = try MadeUp().batches([0], nothing)[0]
    // The box's centre (30, 45) is at the crop's; a box of 80 fills its height of 64.
    let (scale, nose) = (0.8, (x: 20.0 - 0.5, y: 10.0 - 0.5))
    let place = (x: 39.5 + (nose.x - 29.5) * scale, y: 31.5 + (nose.y - 44.5) * scale)
    for cell in 0..<80 {
      let (dx, dy) = (Double(cell % 10) * 8 + 3.5 - place.x, Double(cell / 10) * 8 + 3.5 - place.y)
      let value = exp(-(dx * dx + dy * dy) / 98)
      #expect(abs(Double(batch.heatmaps[cell]) - (value < 0.01 ? 0 : value)) < 1e-5)
    }
  }

  @Test func legsAreOutOfViewWhereUpperBodiesAreAskedFor() throws {
    var options = nothing
    options.augmentation.upperBody = 1
    let data = try MadeUp()
    func largest(_ joint: Int, _ batch: Batch, _ sample: Int, rows: Range<Int>) -> Float {
      let start = (sample * 19 + joint) * 80
      return batch.heatmaps[start + 10 * rows.lowerBound..<start + 10 * rows.upperBound].max() ?? 0
    }
    let (nose, ankle) = (0, 10)
    for batch in try data.batches(Array(0..<8), options) {
      for sample in 0..<4 {
        #expect(largest(nose, batch, sample, rows: 0..<8) > 0.5)
        #expect(largest(ankle, batch, sample, rows: 0..<6) < 0.3)
      }
    }
    let whole = try data.batches([0], nothing)[0]
    #expect(largest(ankle, whole, 0, rows: 0..<8) > 0.5)
  }

  @Test func regionsToIgnoreAreMasked() throws {
    let free = try MadeUp().batches([0], nothing)[0]
    #expect(free.mask.allSatisfy { $0 == 1 })
    let half = try MadeUp(region: "[[0, 0, 64, 0, 64, 45, 0, 45]]").batches([0], nothing)[0]
    // The picture is 51 pixels wide in the crop's 80, from 16 on; its row 45 is the crop's 32.
    #expect((0..<8).allSatisfy { row in half.mask[10 * row] == 1 && half.mask[10 * row + 5] == (row < 4 ? 0 : 1) })
  }

  @Test func uncertainLabelsWeighLess() throws {
    let batch = try MadeUp(agreement: 0.25).batches([0], nothing)[0]
    #expect(batch.mask[4 * 10 + 5] == 0.5)
    var options = nothing
    options.augmentation.isWeighted = false
    let unweighted = try MadeUp(agreement: 0.25).batches([0], options)[0]
    #expect(unweighted.mask.allSatisfy { $0 == 1 })
    options.augmentation.leastAgreement = 0.3
    #expect(throws: TrainError.self) { try MadeUp(agreement: 0.25).batches([0], options) }
  }

  @Test func aMirroredPersonHasTheSidesSwapped() throws {
    var options = nothing
    options.augmentation.mirror = 1
    let (plain, mirrored) = (try MadeUp().batches([0], nothing)[0], try MadeUp().batches([0], options)[0])
    for row in 0..<8 {
      for column in 0..<10 {
        // The right shoulder in one is the left one in the other.
        let (a, b) = (plain.heatmaps[2 * 80 + row * 10 + column], mirrored.heatmaps[5 * 80 + row * 10 + 9 - column])
        #expect(abs(a - b) < 1e-4)
      }
    }
  }

  @Test func unreadablePicturesAreReplacedCountedAndNamed() throws {
    let data = try MadeUp(people: 3)
    let whole = try Data(contentsOf: URL(fileURLWithPath: "\(data.folder)/0.jpg"))
    try whole.prefix(whole.count / 2).write(to: URL(fileURLWithPath: "\(data.folder)/0.jpg"))
    try FileManager.default.removeItem(atPath: "\(data.folder)/1.jpg")
    let loader = try BatchLoader(data.annotations, images: data.folder, options: nothing)
    var batch = Batch(empty: 4, height: 64, width: 80)
    try loader.read(0, into: &batch)
    #expect(loader.sampleCount == 2)
    let lines = loader.problems.lines
    #expect(lines.count == 2, "\(lines)")
    #expect(lines[0] == "1 × picture that is not there: 1.jpg")
    #expect(lines[1].contains("0.jpg: the picture is cut off"))
  }

  @Test func noReadablePictureAtAllIsAnError() throws {
    let data = try MadeUp(people: 2)
    for index in 0..<2 { try Data("no picture".utf8).write(to: URL(fileURLWithPath: "\(data.folder)/\(index).jpg")) }
    let error = #expect(throws: TrainError.self) { try data.batches([0]) }
    #expect(error?.description.contains("none of its pictures can be read") == true)
    let elsewhere = #expect(throws: TrainError.self) { try BatchLoader(data.annotations, images: "/nowhere") }
    #expect(elsewhere?.description.contains("pictures are sought in /nowhere") == true)
  }
}
