import Foundation

/// The forms in which people can be written.
enum PoseFormat: String, CaseIterable, Sendable {
  /// JSON lines, schema posecam/1.
  case jsonl
  /// A table in long form.
  case csv
  /// COCO's list of results.
  case coco
  /// OpenPose's JSON, a file per frame in a folder.
  case openpose

  /// By a file's name: .jsonl or .ndjson, .csv, .json (COCO's results), or a folder.
  init?(path: String) {
    switch URL(fileURLWithPath: path).pathExtension.lowercased() {
    case "jsonl", "ndjson": self = .jsonl
    case "csv": self = .csv
    case "json": self = .coco
    default:
      var isFolder: ObjCBool = false
      guard path.hasSuffix("/") || FileManager.default.fileExists(atPath: path, isDirectory: &isFolder),
        path.hasSuffix("/") || isFolder.boolValue
      else { return nil }
      self = .openpose
    }
  }

  func writer(
    path: String, _ stream: PoseStream, coordinates: Coordinates, order: OpenPoseWriter.Order
  ) throws(PosecamError) -> any PoseWriter {
    switch self {
    case .jsonl: return try JSONLinesWriter(path: path, stream, coordinates: coordinates)
    case .csv: return try CSVWriter(path: path, stream, coordinates: coordinates)
    case .coco: return try CocoResultsWriter(path: path)
    case .openpose:
      guard path != "-" else {
        throw PosecamError("standard output: OpenPose's JSON is a file per frame; name a folder")
      }
      return try OpenPoseWriter(folder: path, stream, order: order, coordinates: coordinates)
    }
  }
}
