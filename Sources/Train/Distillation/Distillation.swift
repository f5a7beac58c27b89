import Foundation

/// A teacher's part in the loss of samples, from what it said of whole pictures before: fast pose distillation
/// (Zhang, Zhu and Ye, CVPR 2019).
public struct Distillation: Sendable {
  public enum Teacher: Sendable {
    case cache(TeacherCache)
    case people(PseudoLabels)
  }

  public var teacher: Teacher
  /// α, the teacher's part in the loss of labelled pictures, 0...1.
  public var share: Double
  public var formula: DistillationFormula

  public init(_ teacher: Teacher, share: Double, formula: DistillationFormula) {
    (self.teacher, self.share, self.formula) = (teacher, share, formula)
  }

  /// Whether the teacher saw a picture.
  func knows(_ picture: AnnotatedPicture) -> Bool {
    switch teacher {
    case .cache(let cache): cache.contains(picture.fileName)
    case .people(let labels): labels.knows(picture)
    }
  }

  /// Whether the teacher may be one of these pictures at all: results that name none of them are of other ones.
  func isOf(_ pictures: [AnnotatedPicture]) -> Bool {
    switch teacher {
    case .cache: true
    case .people(let labels): labels.isOf(pictures)
    }
  }
}

/// People whom a teacher found, in the place of its maps.
public struct PseudoLabels: Sendable {
  private let name: String
  private var byName: [String: AnnotatedPicture] = [:]
  private var byID: [Int: [PersonAnnotation]]?
  /// What of the file was left out.
  public private(set) var problems = Problems()

  /// Reads annotations, which are matched by the pictures' file names, or a list of results as `posecam eval --results` writes
  /// them, which are matched by the pictures' ids and know every labelled picture.
  public init(contentsOf path: String) throws(TrainError) {
    let bytes: [UInt8]
    do {
      bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped))
    } catch {
      throw TrainError("\(path): the pseudo-labels cannot be read; is it a file?")
    }
    try self.init(bytes, name: path)
  }

  init(_ bytes: [UInt8], name: String) throws(TrainError) {
    self.name = name
    guard bytes.first(where: { !" \n\r\t".utf8.contains($0) }) == UInt8(ascii: "[") else {
      let annotations = try KeypointAnnotations(bytes, name: name)
      problems = annotations.problems
      for picture in annotations.pictures { byName[picture.fileName] = picture }
      return
    }
    let found = try KeypointResult.read(bytes, name: name)
    byID = Dictionary(grouping: found, by: \.pictureID).mapValues { $0.map(Self.person) }
  }

  private static func person(_ result: KeypointResult) -> PersonAnnotation {
    let points = result.keypoints.map { point in
      PersonAnnotation.Point(x: point.x, y: point.y, visibility: point.x == 0 && point.y == 0 ? 0 : 2)
    }
    return PersonAnnotation(
      id: 0, keypoints: points, keypointCount: points.count { $0.visibility > 0 }, box: (0, 0, 0, 0), area: 0,
      isCrowd: false, region: nil, agreement: 1, headSize: nil)
  }

  func isOf(_ pictures: [AnnotatedPicture]) -> Bool {
    guard let byID, !byID.isEmpty else { return true }
    return pictures.contains { $0.isLabelled && byID[$0.id] != nil }
  }

  func knows(_ picture: AnnotatedPicture) -> Bool { byID == nil ? byName[picture.name] != nil : picture.isLabelled }

  /// - Returns: `nil` where the picture is not known.
  /// - Throws: where what is known is of another picture of that name.
  func people(of picture: AnnotatedPicture, _ image: PixelImage) throws(TrainError) -> [PersonAnnotation]? {
    if let byID { return picture.isLabelled ? byID[picture.id] ?? [] : nil }
    guard let known = byName[picture.name] else { return nil }
    guard (known.width, known.height) == (image.width, image.height) else {
      throw TrainError(
        "\(name): \(picture.name) is \(known.width)x\(known.height) there, \(image.width)x\(image.height) here: pictures are "
          + "known by their file names; label these ones with posecam data label")
    }
    return known.people
  }
}

extension DistillationFormula {
  /// Mixes a teacher's maps into the targets of one picture.
  ///
  /// A weighted sum of squares from two targets differs from the squares from their weighted mean by a constant only, so the
  /// loss stays what it is. A picture whose mask is 0 everywhere has no labels: it learns from the teacher alone.
  /// - Parameters:
  ///   - heatmaps: 19 × cells, fields: 38 × cells, mask: cells; of the labels, and mixed afterwards.
  ///   - teacher: 19 × cells and 38 × cells.
  func mix(
    heatmaps: UnsafeMutableBufferPointer<Float>, fields: UnsafeMutableBufferPointer<Float>,
    mask: UnsafeMutableBufferPointer<Float>, teacher: (heatmaps: [Float], fields: [Float]), share: Float
  ) {
    let cells = mask.count
    let isLabelled = mask.contains { $0 != 0 }
    for cell in 0..<cells {
      let (labels, weight) = weights(mask: mask[cell], share: share, isLabelled: isLabelled)
      for at in stride(from: cell, to: heatmaps.count, by: cells) {
        heatmaps[at] = labels * heatmaps[at] + (1 - labels) * teacher.heatmaps[at]
      }
      for at in stride(from: cell, to: fields.count, by: cells) {
        fields[at] = labels * fields[at] + (1 - labels) * teacher.fields[at]
      }
      mask[cell] = weight
    }
  }
}
