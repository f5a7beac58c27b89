import Foundation
import Tracker
import Video

/// A frame with everyone drawn, as a picture.
enum AnnotatedPicture {
  static func write(
    _ result: TrackedFrame, to path: String, _ settings: AnnotatedVideo.Settings, isDurable: Bool = true
  ) throws(VideoError) {
    let painter = SkeletonPainter(limbs: Skeleton.drawnLimbs.map { ($0.a, $0.b) }, style: settings.style)
    let canvas = try Canvas(copying: result.frame, from: CanvasPool(), onBlack: settings.onBlack)
    painter.paint(
      result.people.map(SkeletonPainter.Figure.init), on: canvas,
      frameHeight: min(result.frame.width, result.frame.height))
    try PictureWriter.write(canvas.finished(), to: path, isDurable: isDurable)
  }
}

/// The source's pictures with everyone drawn: one under the name that was given, or each into a folder.
final class AnnotatedPictures: DrawnOutput {
  let name: String
  private let settings: AnnotatedVideo.Settings
  private let measurements: Measurements
  /// Of the names of a video's pictures; `nil` where one picture is wanted.
  private let prefix: String?
  private var count = 0
  private var names = PictureNames()

  /// One picture.
  /// - Parameter path: .png or .jpg.
  init(path: String, _ stream: PoseStream, settings: AnnotatedVideo.Settings, _ measurements: Measurements)
    throws(PosecamError)
  {
    guard stream.isStill || stream.isSingle else {
      throw PosecamError("\(path): one picture, but the source is a video; --pictures writes every frame into a folder")
    }
    do { _ = try PartialFile(path) } catch { throw PosecamError(error.description) }
    (name, prefix, self.settings, self.measurements) = (path, nil, settings, measurements)
  }

  /// A picture of every frame.
  init(folder: String, _ stream: PoseStream, settings: AnnotatedVideo.Settings, _ measurements: Measurements)
    throws(PosecamError)
  {
    try OutputFolder.make(folder, for: "pictures are")
    (name, prefix, self.settings, self.measurements) = (folder, stream.filePrefix, settings, measurements)
  }

  func write(_ result: TrackedFrame) throws(VideoError) -> [String] {
    let path: String
    if let prefix {
      path = (name as NSString).appendingPathComponent(fileName(of: result, prefix))
    } else {
      guard count == 0 else {
        throw VideoError("\(name): the source has more than this one picture; --pictures takes all into a folder")
      }
      path = name
    }
    // Waiting for the disk thousands of times is worth it for none of many.
    try measurements.time(.encode) { () throws(VideoError) in
      try AnnotatedPicture.write(result, to: path, settings, isDurable: prefix == nil)
    }
    count += 1
    return []
  }

  /// `NAME_rendered.png` as OpenPose calls it, so that no source is overwritten.
  private func fileName(of result: TrackedFrame, _ prefix: String) -> String {
    guard let picture = result.frame.path else {
      let number = String(result.frame.index)
      return "\(prefix)\(String(repeating: "0", count: max(0, 12 - number.count)))\(number)_rendered.png"
    }
    return names.name(of: picture) + "_rendered.png"
  }

  func salvage() -> String { count == 0 ? "" : "; the pictures before are there" }

  func finish(isComplete: Bool) -> [String] { [] }
}

extension SkeletonPainter.Figure {
  init(_ person: Person) {
    let box = person.pose.box
    self.init(
      keypoints: person.pose.keypoints.map { $0.map { ($0.x, $0.y) } }, box: (box.x, box.y, box.width, box.height),
      id: person.id, score: person.pose.score)
  }
}
