import Foundation
import Tracker
import Video

/// Writes the people of every frame in one format.
///
/// What is written appears under its name when `finish` comes, whole; a writer that is let go without it leaves nothing.
/// After an error a writer takes no more frames, but `finish` may still save what was written before.
protocol PoseWriter: AnyObject {
  /// What messages call it: the file as the user named it.
  var name: String { get }
  /// Frames come in the order of their times.
  func write(_ frame: PoseFrame) throws(PosecamError)
  func finish() throws(PosecamError)
}

/// What is known of the frames to come.
struct PoseStream: Sendable {
  /// The source as the user named it.
  var source: String
  /// Of its pictures, in stored pixels after rotation; single pictures may each have another.
  var width: Int
  var height: Int
  var model: String
  /// Single pictures, which have names.
  var isStill = false
  /// There is one frame only.
  var isSingle = false
  var isLive = false

  /// What the names of a frame's files begin with: as OpenPose does it, the name of a file, nothing of cameras and streams.
  var filePrefix: String {
    if isLive || source == "-" { return "" }
    return URL(fileURLWithPath: source).deletingPathExtension().lastPathComponent + "_"
  }
}

/// A folder for a file per frame.
enum OutputFolder {
  /// Makes the folder, but not the one it is to lie in.
  /// - Parameter content: what it is for, in messages.
  static func make(_ folder: String, for content: String) throws(PosecamError) {
    guard mkdir(folder, 0o777) != 0 else { return }
    let reason = errno
    var status = stat()
    guard reason == EEXIST, stat(folder, &status) == 0 else {
      throw PosecamError("\(folder): the folder cannot be made: \(String(cString: strerror(reason)))")
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw PosecamError("\(folder): is no folder, and \(content) a file per frame; name a folder")
    }
    guard access(folder, W_OK) == 0 else { throw PosecamError("\(folder): cannot be written: \(PosecamError.reason)") }
  }
}

/// What the files are called that are named after pictures, which may differ in their extension or folder only.
struct PictureNames {
  private var names: [String: String] = [:]
  private var taken: Set<String> = []

  /// The picture's name without its extension; with it, or else with a number, where that is another one's.
  mutating func name(of path: String) -> String {
    if let name = names[path] { return name }
    let whole = (path as NSString).lastPathComponent
    let stem = (whole as NSString).deletingPathExtension
    // The third of a name is number 3.
    let numbered = (3...).lazy.map { "\(stem)_\($0)" }
    let name = [stem, whole].first { !taken.contains($0) } ?? numbered.first { !taken.contains($0) } ?? whole
    taken.insert(name)
    names[path] = name
    return name
  }
}

/// What is written of one frame.
struct PoseFrame: Sendable {
  /// Number in the source, from 0.
  var index: Int
  /// Seconds since the source's beginning.
  var time: Double
  /// In pixels.
  var width: Int
  var height: Int
  /// The file of a single picture, with its folder, and without.
  var path: String?
  var picture: String? { path.map { ($0 as NSString).lastPathComponent } }
  /// In pixels of the frame.
  var people: [Person]
}

extension PoseFrame {
  /// - Parameter startTime: where the source's time begins, in seconds.
  init(_ result: TrackedFrame, startTime: Double) {
    let frame = result.frame
    self.init(
      index: frame.index, time: frame.timestamp.seconds - startTime, width: frame.width, height: frame.height,
      path: frame.path, people: result.people)
  }
}

/// The unit of what is written.
enum Coordinates: String, CaseIterable, Sendable {
  /// Of the source as stored, after rotation; whole numbers are the centres of pixels.
  case pixel
  /// 0 is the left and upper edge of the picture, 1 the right and lower one.
  case normalized

  /// Places after the point that tell a hundredth of a pixel of the largest pictures.
  var digits: Int { self == .pixel ? 2 : 6 }

  func position(_ x: Float, _ y: Float, in frame: PoseFrame) -> (x: Double, y: Double) {
    switch self {
    case .pixel: (Double(x), Double(y))
    case .normalized: ((Double(x) + 0.5) / Double(frame.width), (Double(y) + 0.5) / Double(frame.height))
    }
  }

  /// Left, top, width and height.
  func box(_ box: Box, in frame: PoseFrame) -> [Double] {
    let (left, top) = position(box.x, box.y, in: frame)
    let (right, bottom) = position(box.x + box.width, box.y + box.height, in: frame)
    return [left, top, right - left, bottom - top]
  }
}
