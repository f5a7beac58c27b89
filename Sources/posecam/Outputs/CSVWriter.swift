import Tracker

/// Writes a table (CSV, RFC 4180) in long form: one row per key point that was found, for statistics programs.
/// docs/outputs.md describes the columns.
final class CSVWriter: PoseWriter {
  var name: String { file.name }
  private let file: RecordFile
  private let coordinates: Coordinates
  private let hasPictures: Bool
  private var rows = TextBuffer()

  /// New columns are added at the end, so that a column's place holds within version 1 of this format.
  static let columns = ["frame", "time", "person", "person_score", "keypoint", "x", "y", "score"]

  /// - Parameter path: "-" for standard output.
  init(path: String, _ stream: PoseStream, coordinates: Coordinates = .pixel) throws(PosecamError) {
    file = try RecordFile(path)
    self.coordinates = coordinates
    hasPictures = stream.isStill
    let names = Self.columns + (hasPictures ? ["picture"] : [])
    try file.write(Array((names.joined(separator: ",") + "\r\n").utf8))
  }

  /// The rows of a frame are one record: they are there together or not at all.
  func write(_ frame: PoseFrame) throws(PosecamError) {
    rows.removeAll()
    let picture = hasPictures ? "," + TextBuffer.field(frame.picture ?? "") : ""
    for person in frame.people {
      for (name, point) in zip(Skeleton.keypointNames, person.pose.keypoints) {
        guard let point, point.x.isFinite, point.y.isFinite else { continue }
        let (x, y) = coordinates.position(point.x, point.y, in: frame)
        rows.append(frame.index)
        rows.append(",")
        rows.append(frame.time, digits: 6)
        rows.append(",\(person.id),")
        rows.append(Double(person.pose.score), digits: 4)
        rows.append(",\(name),")
        rows.append(x, digits: coordinates.digits)
        rows.append(",")
        rows.append(y, digits: coordinates.digits)
        rows.append(",")
        rows.append(Double(point.score), digits: 4)
        rows.append(picture)
        rows.append("\r\n")
      }
    }
    try file.write(rows.bytes)
  }

  func finish() throws(PosecamError) { try file.finish() }
}
