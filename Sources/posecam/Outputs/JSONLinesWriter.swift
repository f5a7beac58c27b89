import Tracker

/// What is said of people in JSON lines: a header, then one object per frame. docs/json-lines.md describes the schema.
struct JSONLines {
  var coordinates = Coordinates.pixel
  private var line = TextBuffer()
  /// Pixels that the header told of.
  private var size = (width: 0, height: 0)

  init(coordinates: Coordinates = .pixel) { self.coordinates = coordinates }

  mutating func header(_ stream: PoseStream) -> [UInt8] {
    size = (stream.width, stream.height)
    let names = Skeleton.keypointNames.map(TextBuffer.quoted).joined(separator: ",")
    let limbs = Skeleton.drawnLimbs.map { "[\($0.a),\($0.b)]" }.joined(separator: ",")
    let unit = coordinates == .pixel ? "" : #","coordinates":"\#(coordinates.rawValue)""#
    let header =
      #"{"schema":"posecam/1","source":\#(TextBuffer.quoted(stream.source)),"width":\#(stream.width),"#
      + #""height":\#(stream.height)\#(unit),"model":\#(TextBuffer.quoted(stream.model)),"#
      + #""keypoints":[\#(names)],"limbs":[\#(limbs)]}"#
    return Array((header + "\n").utf8)
  }

  mutating func line(_ frame: PoseFrame) -> [UInt8] {
    line.removeAll()
    line.append(#"{"frame":"#)
    line.append(frame.index)
    line.append(#","time":"#)
    line.append(frame.time, digits: 6)
    if let picture = frame.picture {
      line.append(#","picture":"#)
      line.append(TextBuffer.quoted(picture))
      if size != (frame.width, frame.height) {
        line.append(#","width":"#)
        line.append(frame.width)
        line.append(#","height":"#)
        line.append(frame.height)
      }
    }
    line.append(#","people":["#)
    for (index, person) in frame.people.enumerated() {
      if index > 0 { line.append(",") }
      append(person, frame)
    }
    line.append("]}\n")
    return line.bytes
  }

  private mutating func append(_ person: Person, _ frame: PoseFrame) {
    line.append(#"{"id":"#)
    line.append(person.id)
    line.append(#","score":"#)
    line.append(Double(person.pose.score), digits: 4)
    line.append(#","box":["#)
    for (index, value) in coordinates.box(person.pose.box, in: frame).enumerated() {
      if index > 0 { line.append(",") }
      line.append(value, digits: coordinates.digits)
    }
    line.append(#"],"keypoints":["#)
    for (index, point) in person.pose.keypoints.enumerated() {
      if index > 0 { line.append(",") }
      guard let point, point.x.isFinite, point.y.isFinite else {
        line.append("null")
        continue
      }
      let (x, y) = coordinates.position(point.x, point.y, in: frame)
      line.append("[")
      line.append(x, digits: coordinates.digits)
      line.append(",")
      line.append(y, digits: coordinates.digits)
      line.append(",")
      line.append(Double(point.score), digits: 4)
      line.append("]")
    }
    line.append(person.isPredicted ? #"],"predicted":true}"# : "]}")
  }
}

/// Writes JSON lines into a file or to standard output, where each line can be read as soon as its frame is known.
final class JSONLinesWriter: PoseWriter {
  var name: String { file.name }
  private let file: RecordFile
  private var lines: JSONLines

  /// - Parameter path: "-" for standard output.
  init(path: String, _ stream: PoseStream, coordinates: Coordinates = .pixel) throws(PosecamError) {
    lines = JSONLines(coordinates: coordinates)
    file = try RecordFile(path)
    try file.write(lines.header(stream))
  }

  func write(_ frame: PoseFrame) throws(PosecamError) { try file.write(lines.line(frame)) }

  func finish() throws(PosecamError) { try file.finish() }
}
