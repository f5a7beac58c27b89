import Foundation

/// One person of a picture, as labelled.
public struct PersonAnnotation: Sendable {
  /// A key point as COCO writes it: 0 absent, 1 labelled but hidden, 2 visible; pixels from the picture's corner.
  public struct Point: Sendable, Equatable {
    public var x: Double
    public var y: Double
    public var visibility: Int

    func isInside(width: Int, height: Int) -> Bool {
      x >= 0 && y >= 0 && x < Double(width) && y < Double(height)
    }
  }

  public var id: Int
  /// 17, in COCO's order.
  public var keypoints: [Point]
  /// Labelled key points, as the file counts them.
  public var keypointCount: Int
  /// Left, top, width, height in pixels, from the picture's corner.
  public var box: (x: Double, y: Double, width: Double, height: Double)
  /// Of the person, in square pixels; what OKS is measured by.
  public var area: Double
  /// A crowd, or people who were seen but not labelled: neither right nor wrong.
  public var isCrowd: Bool
  /// Outline, if the file has one.
  public var region: Region?
  /// How far the sources of the label agree, 0...1; 1 where the file says nothing.
  public var agreement: Double
  /// 0.6 of the diagonal of the head's box, in pixels, where the data set has one (MPII).
  public var headSize: Double?
}

/// A picture and everyone labelled in it.
public struct AnnotatedPicture: Sendable {
  public var id: Int
  public var fileName: String
  public var width: Int
  public var height: Int
  /// The data set it was taken from, if the file says so.
  public var source: String?
  public var people: [PersonAnnotation] = []
}

/// A file of COCO's `person_keypoints` form.
///
/// What cannot be used is left out and listed in `problems`; a file of another kind is an error.
public struct KeypointAnnotations: Sendable {
  public let name: String
  /// In the file's order.
  public private(set) var pictures: [AnnotatedPicture] = []
  /// What was left out or put right, each with its picture or annotation.
  public private(set) var problems = Problems()
  /// `category_id` of people.
  public private(set) var category = 1

  /// From elsewhere than a file of this form.
  package init(name: String, pictures: [AnnotatedPicture]) { (self.name, self.pictures) = (name, pictures) }

  /// Names of the pictures that cannot be read in a folder.
  public func absentPictures(in folder: String) -> [String] {
    pictures.map(\.fileName).filter { access("\(folder)/\($0)", R_OK) != 0 }
  }

  /// Reads a file.
  public init(contentsOf path: String) throws(TrainError) {
    let data: Data
    do {
      data = try Data(contentsOf: URL(fileURLWithPath: path), options: .alwaysMapped)
    } catch {
      throw TrainError("\(path): the annotations cannot be read; is it a file?")
    }
    try self.init([UInt8](data), name: path)
  }

  /// - Parameter name: what messages call the file.
  public init(_ bytes: [UInt8], name: String) throws(TrainError) {
    self.name = name
    let json = try JSONValue(bytes, name: name)
    guard let images = json["images"]?.array, let annotations = json["annotations"]?.array else {
      throw TrainError("\(name): no COCO annotations: the lists 'images' and 'annotations' are missing")
    }
    let person = try Self.personCategory(json["categories"], name)
    category = person
    var index: [Int: Int] = [:]
    for image in images {
      guard let picture = Self.picture(image) else {
        problems.add("image without a usable id, file_name, width or height", "image \(Self.label(image))")
        continue
      }
      guard index.updateValue(pictures.count, forKey: picture.id) == nil else {
        throw TrainError("\(name): two images have the id \(picture.id)")
      }
      pictures.append(picture)
    }
    var ids: Set<Int> = []
    for annotation in annotations where (annotation["category_id"]?.integer ?? person) == person {
      let label = "annotation \(Self.label(annotation))"
      guard let imageID = annotation["image_id"]?.integer, let picture = index[imageID] else {
        problems.add("annotation of an image that the file does not list", label)
        continue
      }
      // Nobody is left out for it: a picture whose people are would count as one of nobody.
      let id = annotation["id"]?.integer
      if !(id.map { ids.insert($0).inserted } ?? false) {
        problems.add(id == nil ? "annotation without id" : "annotation id used more than once", label)
      }
      pictures[picture].people.append(try read(annotation, id: id ?? 0, label: label, in: pictures[picture]))
    }
  }

  private static func label(_ value: JSONValue) -> String {
    value["id"]?.integer.map { "\($0)" } ?? value["file_name"]?.string ?? "without id"
  }

  /// COCO calls people category 1; other files by name.
  private static func personCategory(_ categories: JSONValue?, _ name: String) throws(TrainError) -> Int {
    guard let list = categories?.array, !list.isEmpty else { return 1 }
    guard let person = list.first(where: { $0["name"]?.string == "person" }) ?? (list.count == 1 ? list[0] : nil) else {
      throw TrainError("\(name): none of its categories is called 'person'")
    }
    if let keypoints = person["keypoints"]?.array, keypoints.count != 17 {
      throw TrainError("\(name): its people have \(keypoints.count) key points, not COCO's 17; convert it first")
    }
    // Other data sets have 17 as well, but others.
    let names = person["keypoints"]?.array?.compactMap(\.string) ?? []
    if names.count == 17, let index = names.indices.first(where: { names[$0] != KeypointLayout.cocoNames[$0] }) {
      throw TrainError(
        "\(name): its key point \(index + 1) is '\(names[index])', where COCO's order has "
          + "'\(KeypointLayout.cocoNames[index])'; convert it first")
    }
    return person["id"]?.integer ?? 1
  }

  private static func picture(_ image: JSONValue) -> AnnotatedPicture? {
    guard let id = image["id"]?.integer, let fileName = image["file_name"]?.string, !fileName.isEmpty,
      let width = image["width"]?.integer, let height = image["height"]?.integer,
      (1...65536).contains(width), (1...65536).contains(height)
    else { return nil }
    return AnnotatedPicture(
      id: id, fileName: fileName, width: width, height: height, source: image["source"]?.string)
  }

  private mutating func read(
    _ annotation: JSONValue, id: Int, label: String, in picture: AnnotatedPicture
  ) throws(TrainError) -> PersonAnnotation {
    var isCrowd = annotation["iscrowd"].map { $0.integer ?? ($0.bool == true ? 1 : 0) } ?? 0 != 0
    let label = "\(label) (\(picture.fileName))"
    var points = [PersonAnnotation.Point](repeating: .init(x: 0, y: 0, visibility: 0), count: 17)
    if let list = annotation["keypoints"]?.array, list.count != 51 {
      problems.add(
        "annotation with another number of key points than 17, taken for people not labelled",
        "\(label) has \(list.count) values, not 51")
      isCrowd = true
    } else if let list = annotation["keypoints"]?.array {
      for joint in 0..<17 {
        let (x, y, v) = (list[3 * joint].number, list[3 * joint + 1].number, list[3 * joint + 2].number ?? 0)
        guard v > 0 else { continue }
        guard let x, let y, x.isFinite, y.isFinite, v.isFinite, abs(x) < 1e6, abs(y) < 1e6 else {
          problems.add("key point that is no number, taken as absent", label)
          continue
        }
        points[joint] = .init(x: x, y: y, visibility: v >= 2 ? 2 : 1)
        if !points[joint].isInside(width: picture.width, height: picture.height) {
          problems.add("key point outside its picture, not trained on", label)
        }
      }
    }
    let labelled = points.reduce(0) { $1.visibility > 0 ? $0 + 1 : $0 }
    var box = annotation["bbox"]?.numbers ?? []
    if box.count != 4 || !box.allSatisfy({ $0.isFinite && abs($0) < 1e6 }) || box[2] < 0 || box[3] < 0 {
      problems.add("annotation without a usable bbox, taken from the key points", label)
      let known = points.filter { $0.visibility > 0 }
      let (left, top) = (known.map(\.x).min() ?? 0, known.map(\.y).min() ?? 0)
      box = [left, top, (known.map(\.x).max() ?? 0) - left, (known.map(\.y).max() ?? 0) - top]
    }
    var area = annotation["area"]?.number ?? box[2] * box[3]
    if !area.isFinite || area < 0 {
      problems.add("annotation without a usable area, taken from the bbox", label)
      area = box[2] * box[3]
    }
    var region: Region?
    if let segmentation = annotation["segmentation"] {
      do throws(TrainError) {
        region = try Region(segmentation, width: picture.width, height: picture.height)
      } catch {
        problems.add("segmentation that cannot be read, its bbox is taken", "\(label): \(error)")
      }
    }
    let agreement = annotation["agreement"]?.number ?? 1
    return PersonAnnotation(
      id: id, keypoints: points, keypointCount: annotation["num_keypoints"]?.integer ?? labelled,
      box: (box[0], box[1], box[2], box[3]), area: area,
      isCrowd: isCrowd || annotation["label"]?.string == "ignore", region: region,
      agreement: agreement.isFinite ? min(1, max(0, agreement)) : 1,
      headSize: annotation["head_size"]?.number.flatMap { $0 > 0 && $0 < 1e6 ? $0 : nil })
  }

  /// The pictures of the given numbers only, in that order.
  public func subset(_ numbers: [Int]) -> KeypointAnnotations {
    var copy = self
    copy.pictures = numbers.map { pictures[$0] }
    return copy
  }
}
