import Foundation
import Tracker

/// The people of a video as a file tells them: posecam's own JSON lines, or COCO key points with `track_id` as PoseTrack has
/// them.
struct PoseRecording: Sendable, Equatable {
  struct Figure: Sendable, Equatable {
    var id: Int
    var pose: Pose
    /// As the file tells it, hidden points included.
    var box: Box
    /// Square pixels of the person, where the file tells them.
    var area: Double?
    /// Missed in this picture, and told where expected.
    var isPredicted = false

    /// The pose without the points whose score is 0: the file knows where they are, but they cannot be seen.
    var seen: Pose {
      guard pose.keypoints.contains(where: { $0?.score ?? 1 <= 0 }) else { return pose }
      return Pose(keypoints: pose.keypoints.map { $0.flatMap { $0.score > 0 ? $0 : nil } }, score: pose.score)
    }
  }

  struct Frame: Sendable, Equatable {
    var index: Int
    /// Seconds since the beginning.
    var time: Double
    /// The file of a single picture, and its size in pixels where it is not that of the header.
    var picture: String?
    var size: Size?
    var people: [Figure]
  }

  struct Size: Sendable, Equatable {
    var width: Int
    var height: Int
  }

  /// The file.
  var name: String
  /// What its header says of the video.
  var source: String
  var model: String
  /// Pixels of the picture, 0 where the file does not tell.
  var width: Int
  var height: Int
  /// Whether the file tells when its frames were.
  var isTimed = true
  /// By ascending index.
  var frames: [Frame]

  /// - Parameter path: "-" for standard input.
  /// - Throws: naming the file and line that cannot be understood.
  init(contentsOf path: String) throws(PosecamError) {
    let data: Data
    do {
      data =
        path == "-"
        ? try FileHandle.standardInput.readToEnd() ?? Data()
        : try Data(contentsOf: URL(fileURLWithPath: path))
    } catch {
      let isThere = FileManager.default.fileExists(atPath: path)
      throw PosecamError("\(path): \(isThere ? "cannot be read" : "no such file")")
    }
    let lines = data.split(separator: UInt8(ascii: "\n"))
    if let first = lines.first, let header = try? JSONDecoder().decode(Header.self, from: first) {
      try self.init(header, lines.dropFirst(), name: path)
    } else {
      let decoder = JSONDecoder()
      guard
        let document = (try? decoder.decode(CocoTracks.self, from: data))
          ?? (try? decoder.decode([CocoTracks.Annotation].self, from: data)).map(CocoTracks.init(results:))
      else {
        throw PosecamError(
          "\(path): is neither JSON lines of posecam nor COCO key points or results with a track_id each")
      }
      self = try document.recording(name: path)
    }
  }

  init(
    name: String, source: String, model: String, width: Int, height: Int, isTimed: Bool = true, frames: [Frame]
  ) throws(PosecamError) {
    (self.name, self.source, self.model, self.width, self.height) = (name, source, model, width, height)
    self.isTimed = isTimed
    self.frames = frames.sorted { $0.index < $1.index }
    for (frame, next) in zip(self.frames, self.frames.dropFirst()) where frame.index == next.index {
      throw PosecamError("\(name): frame \(frame.index) is there twice")
    }
    for frame in frames where Set(frame.people.map(\.id)).count < frame.people.count {
      throw PosecamError("\(name): frame \(frame.index) has two people of one identity")
    }
  }
}

// MARK: - JSON lines

extension PoseRecording {
  private struct Header: Decodable {
    var schema: String
    var source: String
    var width: Int
    var height: Int
    /// "normalized", or absent for pixels.
    var coordinates: String?
    var model: String
    var keypoints: [String]

    /// A person in pixels.
    /// - Parameter line: single pictures may each have another size.
    func pixels(_ person: Line.Found, in line: Line) -> Line.Found {
      guard coordinates == "normalized" else { return person }
      var person = person
      let scale = [Double(line.width ?? width), Double(line.height ?? height)]
      for (index, value) in person.box.enumerated() {
        person.box[index] = value * scale[index % 2] - (index < 2 ? 0.5 : 0)
      }
      person.keypoints = person.keypoints.map { point in
        point?.enumerated().map { $0 < 2 ? $1 * scale[$0] - 0.5 : $1 }
      }
      return person
    }
  }

  fileprivate struct Line: Decodable {
    struct Found: Decodable {
      var id: Int
      var score: Double
      var box: [Double]
      var keypoints: [[Double]?]
      var predicted: Bool?
    }
    var frame: Int
    var time: Double
    var picture: String?
    var width: Int?
    var height: Int?
    var people: [Found]
  }

  private init(_ header: Header, _ lines: ArraySlice<Data>, name: String) throws(PosecamError) {
    guard header.schema == "posecam/1" else {
      throw PosecamError("\(name): schema '\(header.schema)' is not known; this program reads posecam/1")
    }
    guard header.keypoints == Skeleton.keypointNames else {
      throw PosecamError("\(name): its key points are not the \(Skeleton.keypointCount) of this program")
    }
    guard header.coordinates ?? "pixel" == "pixel" || header.width > 0 && header.height > 0 else {
      throw PosecamError("\(name): has normalized coordinates, but no size of the picture")
    }
    let decoder = JSONDecoder()
    var frames: [Frame] = []
    for (number, text) in lines.enumerated() {
      let place = "\(name): line \(number + 2)"
      guard let line = try? decoder.decode(Line.self, from: text) else {
        throw PosecamError("\(place): is no frame of schema posecam/1")
      }
      var people: [Figure] = []
      for person in line.people { people.append(try Self.figure(header.pixels(person, in: line), place: place)) }
      let size = line.width.flatMap { width in line.height.map { Size(width: width, height: $0) } }
      guard size.map({ (1...1 << 20).contains($0.width) && (1...1 << 20).contains($0.height) }) ?? true else {
        throw PosecamError("\(place): is no frame of schema posecam/1")
      }
      frames.append(Frame(index: line.frame, time: line.time, picture: line.picture, size: size, people: people))
    }
    try self.init(
      name: name, source: header.source, model: header.model, width: header.width, height: header.height,
      frames: frames)
  }

  private static func figure(_ person: Line.Found, place: String) throws(PosecamError) -> Figure {
    let numbers = person.box + person.keypoints.flatMap { $0 ?? [] } + [person.score]
    guard person.keypoints.count == Skeleton.keypointCount, person.box.count == 4,
      person.keypoints.allSatisfy({ $0 == nil || $0?.count == 3 }), numbers.allSatisfy({ abs($0) < 1e7 })
    else { throw PosecamError("\(place): person \(person.id) is not understood") }
    return Figure(
      id: person.id,
      pose: Pose(
        keypoints: person.keypoints.map { point in
          guard let point else { return nil }
          return Keypoint(x: Float(point[0]), y: Float(point[1]), score: Float(point[2]))
        }, score: Float(person.score)),
      box: Box(
        x: Float(person.box[0]), y: Float(person.box[1]), width: Float(person.box[2]), height: Float(person.box[3])),
      isPredicted: person.predicted ?? false)
  }
}

extension Pose {
  /// A pose whose `score` is known instead of the sum it is the mean of.
  init(keypoints: [Keypoint?], score: Float) {
    self.init(keypoints: keypoints, totalScore: 0)
    totalScore = score * Float(max(1, 2 * count - 1))
  }
}
