import Foundation
import Video

extension JSONValue {
  /// The text, members by name; what is no number in JSON becomes null.
  var text: String {
    switch self {
    case .null: return "null"
    case .bool(let value): return value ? "true" : "false"
    case .number(let value):
      guard value.isFinite else { return "null" }
      return Int(exactly: value).map { "\($0)" } ?? "\(value)"
    case .string(let text): return Self.quoted(text)
    case .array(let elements): return "[\(elements.map(\.text).joined(separator: ","))]"
    case .object(let members):
      let sorted = members.sorted { $0.key < $1.key }
      return "{\(sorted.map { "\(Self.quoted($0.key)):\($0.value.text)" }.joined(separator: ","))}"
    }
  }

  private static func quoted(_ text: String) -> String {
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\u{0}"..."\u{1F}": quoted += "\\u" + String(format: "%04x", Int(scalar.value))
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }

  static func numbers(_ values: [Double]) -> JSONValue { .array(values.map { .number($0) }) }

  func write(to path: String) throws(TrainError) {
    do { try PartialFile.write(text + "\n", to: path) } catch { throw TrainError(error.description) }
  }
}

extension KeypointAnnotations {
  /// A part of a file chosen as the reference chooses its validation subset: the order of the images shuffled by Python with a
  /// seed, the first `count` of them with their annotations; everything else as it is.
  public static func writeSubset(
    of path: String, count: Int, seed: UInt32, to target: String
  ) throws(TrainError) -> Int {
    guard let data = try? Data(contentsOf: URL(fileURLWithPath: path)) else {
      throw TrainError("\(path): the annotations cannot be read; is it a file?")
    }
    let json = try JSONValue([UInt8](data), name: path)
    guard case .object(var members) = json, let images = json["images"]?.array,
      let annotations = json["annotations"]?.array
    else { throw TrainError("\(path): no COCO annotations: the lists 'images' and 'annotations' are missing") }
    var order = Array(images.indices)
    var random = PythonRandom(seed: seed)
    random.shuffle(&order)
    let chosen = order.prefix(count).map { images[$0] }
    var byImage: [Int: [JSONValue]] = [:]
    for annotation in annotations {
      if let image = annotation["image_id"]?.integer { byImage[image, default: []].append(annotation) }
    }
    members["images"] = .array(chosen)
    members["annotations"] = .array(chosen.flatMap { image in image["id"]?.integer.flatMap { byImage[$0] } ?? [] })
    try JSONValue.object(members).write(to: target)
    return chosen.count
  }

  /// The file's form of what is held here.
  var json: JSONValue {
    var annotations: [JSONValue] = []
    for picture in pictures {
      annotations += picture.people.map { $0.json(pictureID: picture.id) }
    }
    let person: [String: JSONValue] = [
      "id": .number(1), "name": .string("person"), "supercategory": .string("person"),
      "keypoints": .array(KeypointLayout.cocoNames.map { .string($0) }),
    ]
    return .object([
      "images": .array(
        pictures.map { picture in
          var image: [String: JSONValue] = [
            "id": .number(Double(picture.id)), "file_name": .string(picture.fileName),
            "width": .number(Double(picture.width)), "height": .number(Double(picture.height)),
          ]
          image["source"] = picture.source.map { .string($0) }
          return .object(image)
        }), "annotations": .array(annotations), "categories": .array([.object(person)]),
    ])
  }

  public func write(to path: String) throws(TrainError) { try json.write(to: path) }
}

extension PersonAnnotation {
  fileprivate func json(pictureID: Int) -> JSONValue {
    let values = keypoints.flatMap { (point: Point) -> [Double] in
      point.visibility == 0 ? [0, 0, 0] : [point.x, point.y, Double(point.visibility)]
    }
    var members: [String: JSONValue] = [
      "id": .number(Double(id)), "image_id": .number(Double(pictureID)), "category_id": .number(1),
      "iscrowd": .number(isCrowd ? 1 : 0), "keypoints": .numbers(values),
      "num_keypoints": .number(Double(keypointCount)), "bbox": .numbers([box.x, box.y, box.width, box.height]),
      "area": .number(area),
    ]
    if agreement < 1 { members["agreement"] = .number(agreement) }
    members["head_size"] = headSize.map { .number($0) }
    members["segmentation"] = region?.json
    return .object(members)
  }
}
