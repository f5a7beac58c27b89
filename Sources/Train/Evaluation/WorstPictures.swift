import Foundation
import Tracker
import Video

/// Draws what a model made of pictures beside what was labelled.
public struct WorstPictures {
  private let annotations: KeypointAnnotations
  private let folder: URL

  /// - Parameter images: folder of the pictures.
  public init(_ annotations: KeypointAnnotations, images: String) {
    self.annotations = annotations
    folder = URL(fileURLWithPath: images, isDirectory: true)
  }

  /// Saves the worst pictures as PNG, the worst first by name: on the left the labels, on the right the results.
  /// - Returns: what could not be read to be drawn.
  public func save(
    _ evaluation: PoseEvaluator.Evaluation, count: Int, folder target: String
  ) throws(TrainError) -> Problems {
    var problems = Problems()
    do {
      try FileManager.default.createDirectory(atPath: target, withIntermediateDirectories: true)
    } catch {
      throw TrainError("\(target): the folder cannot be made")
    }
    let scores = evaluation.metric.pictureScores
    let order = scores.indices.sorted { (scores[$0], $0) < (scores[$1], $1) }
    let reader = PictureReader()
    for (rank, index) in order.prefix(count).enumerated() {
      let picture = annotations.pictures[index]
      let name = URL(fileURLWithPath: picture.fileName).deletingPathExtension().lastPathComponent
      let frame: Frame
      do throws(VideoError) {
        frame = try reader.frame(folder.appendingPathComponent(picture.fileName).path)
      } catch {
        problems.add("picture that cannot be drawn", error.description)
        continue
      }
      do throws(VideoError) {
        let truth = picture.people.filter { !$0.isCrowd && $0.keypointCount > 0 }.map { person in
          person.keypoints.map { point -> (x: Float, y: Float)? in
            point.visibility == 0 ? nil : (Float(point.x), Float(point.y))
          }
        }
        let found = evaluation.results.filter { $0.pictureID == picture.id }.map { result in
          result.keypoints.map { $0.x == 0 && $0.y == 0 ? nil : (x: Float($0.x), y: Float($0.y)) }
        }
        let path = "\(target)/\(String(repeating: "0", count: max(0, 3 - "\(rank + 1)".count)))\(rank + 1)-\(name).png"
        try Self.write(frame, truth: truth, found: found, to: path)
      } catch {
        throw TrainError(error.description)
      }
    }
    return problems
  }

  /// COCO's 17 key points, joined as people are.
  private static let limbs: [(Int, Int)] =
    Skeleton.drawnLimbs.compactMap { limb in
      let (a, b) = (KeypointLayout.cocoIndex[limb.a], KeypointLayout.cocoIndex[limb.b])
      return a < 0 || b < 0 ? nil : (a, b)
    } + [(5, 6), (5, 11), (6, 12), (11, 12)]

  private static func write(
    _ frame: Frame, truth: [[(x: Float, y: Float)?]], found: [[(x: Float, y: Float)?]], to path: String
  ) throws(VideoError) {
    let (width, height) = (frame.width, frame.height)
    let scaler = Scaler(order: .rgb)
    let painter = SkeletonPainter(limbs: limbs)
    var both = Bitmap(width: 2 * width, height: height)
    for (side, people) in [truth, found].enumerated() {
      let canvas = try Canvas(copying: frame, from: CanvasPool())
      let figures = people.enumerated().map { index, points in
        let known = points.compactMap { $0 }
        let (left, top) = (known.map(\.x).min() ?? 0, known.map(\.y).min() ?? 0)
        return SkeletonPainter.Figure(
          keypoints: points,
          box: (left, top, (known.map(\.x).max() ?? 0) - left, (known.map(\.y).max() ?? 0) - top), id: index + 1,
          score: 1)
      }
      painter.paint(figures, on: canvas, frameHeight: height)
      let drawn = try scaler.bitmap(canvas.finished(), width: width, height: height)
      for y in 0..<height {
        let to = 3 * (y * 2 * width + side * width)
        both.pixels.replaceSubrange(to..<to + 3 * width, with: drawn.pixels[3 * y * width..<3 * (y + 1) * width])
      }
    }
    try PictureWriter.write(
      Frame(bitmap: both, index: 0, timestamp: Timestamp(ticks: 0, numerator: 1, denominator: 1)), to: path)
  }
}
