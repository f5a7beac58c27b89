import Foundation
import Video

/// Labels of MPII (Andriluka et al. 2014) and of Leeds Sports Pose, plain and extended (Johnson and Everingham 2010, 2011), made into
/// COCO's form: twelve joints of the body, no face.
public struct ForeignLabels {
  /// COCO's index of each MPII joint: ankle, knee, hip right and left, pelvis, thorax, neck, head, then the arms.
  private static let fromMPII = [16, 14, 12, 11, 13, 15, -1, -1, -1, -1, 10, 8, 6, 5, 7, 9]
  /// Of each joint of Leeds Sports Pose.
  private static let fromLSP = [16, 14, 12, 11, 13, 15, 10, 8, 6, 5, 7, 9, -1, -1]
  /// Boxes are drawn around joints, which lie inside the body.
  private static let margin = 0.15
  /// Share of the box that a person fills.
  private static let fill = 0.5

  /// What a part of the data is for, where the labels say so.
  public enum Part: String, Sendable, CaseIterable {
    case all, train, validation
  }

  private let images: URL
  private let part: Part
  private let reader = PictureReader()
  private var pictures: [AnnotatedPicture] = []
  private var index: [String: Int] = [:]
  private var people = 0
  private var problems = Problems()
  /// Pictures with somebody who is not labelled, nobody knows where.
  private var unlabelled: Set<Int> = []

  private init(images: String, part: Part) {
    self.images = URL(fileURLWithPath: images, isDirectory: true)
    self.part = part
  }

  /// Reads MPII's `.mat` or its JSON form, or `joints.mat` of Leeds Sports Pose.
  /// - Parameters:
  ///   - path: the labels.
  ///   - images: folder of the pictures, which tell their sizes.
  /// - Returns: the labels and what was left out.
  /// - Throws: where the file is none of them, or no picture can be read.
  public static func read(
    _ path: String, images: String, part: Part = .all
  ) throws(TrainError) -> (annotations: KeypointAnnotations, problems: Problems) {
    var labels = ForeignLabels(images: images, part: part)
    if path.lowercased().hasSuffix(".mat") {
      let file = try MATLABFile(contentsOf: path)
      guard part != .validation else { throw TrainError("\(path): only MPII's JSON says what is for validation") }
      if let release = file.variables["RELEASE"]?.structures.first {
        labels.readMPII(release)
      } else if case .numbers(let shape, let values) = file.variables["joints"] {
        try labels.readLSP(shape, values, path)
      } else {
        throw TrainError("\(path): neither MPII's labels ('RELEASE') nor those of Leeds Sports Pose ('joints')")
      }
    } else {
      guard let data = try? Data(contentsOf: URL(fileURLWithPath: path)) else {
        throw TrainError("\(path): the labels cannot be read")
      }
      guard let list = try JSONValue([UInt8](data), name: path).array else {
        throw TrainError("\(path): not MPII's labels: a list of people is expected")
      }
      labels.readMPII(list)
    }
    labels.leaveOutUnlabelled()
    guard !labels.pictures.isEmpty else {
      throw TrainError(
        (["\(path): no labelled picture of it was found in \(images)"] + labels.problems.lines).joined(separator: "; "))
    }
    return (KeypointAnnotations(name: path, pictures: labels.pictures), labels.problems)
  }

  // MARK: - The forms

  private mutating func readMPII(_ release: [String: MATLABValue]) {
    for image in release["annolist"]?.structures ?? [] {
      guard let name = image["image"]?.structures.first?["name"]?.text else { continue }
      let rectangles = image["annorect"]?.structures ?? []
      // Pictures for testing have no joints.
      guard rectangles.contains(where: { !($0["annopoints"]?.structures ?? []).isEmpty }) else {
        continue
      }
      for rectangle in rectangles {
        var joints: [(x: Double, y: Double, visibility: Int)] = Array(repeating: (0, 0, 0), count: 16)
        for point in rectangle["annopoints"]?.structures.first?["point"]?.structures ?? [] {
          guard let x = point["x"]?.number, let y = point["y"]?.number, x.isFinite, y.isFinite,
            let id = point["id"]?.number.flatMap({ Int(exactly: $0) }), joints.indices.contains(id)
          else { continue }
          joints[id] = (x - 1, y - 1, point["is_visible"]?.number == 0 ? 1 : 2)
        }
        let corners = ["x1", "y1", "x2", "y2"].compactMap { rectangle[$0]?.number }
        let head = corners.count == 4 ? 0.6 * hypot(corners[2] - corners[0], corners[3] - corners[1]) : nil
        let center = rectangle["objpos"]?.structures.first
        add(
          joints, Self.fromMPII, picture: name, head: head,
          place: (center?["x"]?.number, center?["y"]?.number, rectangle["scale"]?.number))
      }
    }
  }

  private mutating func readMPII(_ list: [JSONValue]) {
    for (number, entry) in list.enumerated() {
      let isValidation = entry["isValidation"]?.number.map { $0 != 0 } ?? entry["isValidation"]?.bool ?? false
      guard part == .all || (part == .validation) == isValidation else { continue }
      guard let name = entry["img_paths"]?.string ?? entry["image"]?.string else {
        problems.add("entry without a picture, left out", "entry \(number)")
        continue
      }
      func joints(_ value: JSONValue?) -> [(x: Double, y: Double, visibility: Int)]? {
        guard let rows = value?.array?.map({ $0.numbers ?? [] }), rows.count == 16,
          rows.allSatisfy({ $0.count >= 2 && $0.allSatisfy(\.isFinite) })
        else { return nil }
        let given = entry["joints_vis"]?.numbers
        return rows.enumerated().map { index, row in
          let isKnown = row[0] > 0 && row[1] > 0
          let flag = row.count > 2 ? row[2] : given.flatMap { $0.count == 16 ? $0[index] : nil } ?? 1
          // A joint that is seen no more than guessed still has its place; one without a place has none.
          return (row[0] - 1, row[1] - 1, isKnown ? (flag > 0 ? 2 : 1) : 0)
        }
      }
      guard let own = joints(entry["joint_self"] ?? entry["joints"]) else {
        problems.add("entry without 16 joints, left out", "entry \(number) (\(name))")
        continue
      }
      let center = (entry["objpos"] ?? entry["center"])?.numbers
      add(
        own, Self.fromMPII, picture: name, head: entry["head_size"]?.number,
        place: (center?.first, center?.last, (entry["scale_provided"] ?? entry["scale"])?.number))
    }
  }

  /// 3 × 14 × N with a mark for hidden joints, or (extended) 14 × 3 × N with a mark for visible ones.
  private mutating func readLSP(_ shape: [Int], _ values: [Double], _ path: String) throws(TrainError) {
    // Of one person MATLAB keeps no third dimension.
    let shape = shape.count == 2 ? shape + [1] : shape
    let isPlain = shape.prefix(2) == [3, 14]
    guard isPlain || shape.prefix(2) == [14, 3], shape.count == 3 else {
      throw TrainError("\(path): 'joints' has shape \(shape), not (3,14,N) or (14,3,N)")
    }
    for number in 0..<shape[2] {
      let joints = (0..<14).map { joint -> (x: Double, y: Double, visibility: Int) in
        func value(_ row: Int) -> Double { values[42 * number + (isPlain ? 3 * joint + row : 14 * row + joint)] }
        let (x, y, mark) = (value(0), value(1), value(2))
        guard x.isFinite, y.isFinite, isPlain || mark > 0 else { return (0, 0, 0) }
        return (x - 1, y - 1, isPlain && mark > 0 ? 1 : 2)
      }
      let digits = "\(number + 1)"
      let name = "im" + String(repeating: "0", count: max(0, (isPlain ? 4 : 5) - digits.count)) + digits + ".jpg"
      add(joints, Self.fromLSP, picture: name, head: nil, place: (nil, nil, nil))
    }
  }

  // MARK: - One person

  /// - Parameter place: the middle of a person, and the height in units of 200 pixels.
  private mutating func add(
    _ joints: [(x: Double, y: Double, visibility: Int)], _ map: [Int], picture name: String, head: Double?,
    place: (x: Double?, y: Double?, scale: Double?)
  ) {
    guard let picture = picture(name) else { return }
    var points = [PersonAnnotation.Point](repeating: .init(x: 0, y: 0, visibility: 0), count: 17)
    var known: [(x: Double, y: Double)] = []
    for (joint, coco) in zip(joints, map) where joint.visibility > 0 {
      known.append((joint.x, joint.y))
      if coco >= 0 { points[coco] = .init(x: joint.x, y: joint.y, visibility: joint.visibility) }
    }
    people += 1
    let (width, height) = (Double(pictures[picture].width), Double(pictures[picture].height))
    var (left, right) = (known.map(\.x).min() ?? 0, known.map(\.x).max() ?? 0)
    var (top, bottom) = (known.map(\.y).min() ?? 0, known.map(\.y).max() ?? 0)
    if known.isEmpty {
      // Seen but not labelled.
      guard let x = place.x, let y = place.y, let scale = place.scale, scale > 0, scale < 100 else {
        problems.add("person without a joint or a place, left out", name)
        unlabelled.insert(picture)
        return
      }
      (left, right, top, bottom) = (x - 100 * scale, x + 100 * scale, y - 100 * scale, y + 100 * scale)
    } else {
      let edge = Self.margin * max(right - left, bottom - top)
      (left, right, top, bottom) = (left - edge, right + edge, top - edge, bottom + edge)
    }
    (left, right) = (max(0, left), min(width, right))
    (top, bottom) = (max(0, top), min(height, bottom))
    guard right > left, bottom > top else {
      problems.add("person outside the picture, left out", name)
      unlabelled.insert(picture)
      return
    }
    let box = (x: left, y: top, width: right - left, height: bottom - top)
    pictures[picture].people.append(
      PersonAnnotation(
        id: people, keypoints: points, keypointCount: points.reduce(0) { $1.visibility > 0 ? $0 + 1 : $0 }, box: box,
        area: Self.fill * box.width * box.height, isCrowd: known.isEmpty,
        region: known.isEmpty ? Region(x: box.x, y: box.y, width: box.width, height: box.height) : nil, agreement: 1,
        headSize: head.flatMap { $0 > 0 && $0 < 1e6 ? $0 : nil }))
  }

  /// A picture with people of whom nobody is labelled must not be taken for one without people.
  private mutating func leaveOutUnlabelled() {
    for picture in unlabelled.sorted(by: >) where pictures[picture].people.isEmpty { pictures.remove(at: picture) }
  }

  private mutating func picture(_ name: String) -> Int? {
    if let known = index[name] { return known < 0 ? nil : known }
    do throws(VideoError) {
      let frame = try reader.frame(images.appendingPathComponent(name).path)
      index[name] = pictures.count
      pictures.append(
        AnnotatedPicture(id: pictures.count + 1, fileName: name, width: frame.width, height: frame.height))
      return pictures.count - 1
    } catch {
      index[name] = -1
      problems.add("picture that cannot be read, left out", error.description)
      return nil
    }
  }
}
