import Tracker
import Video

/// A frame with everyone drawn, as a picture.
enum AnnotatedPicture {
  static func write(_ result: TrackedFrame, to path: String, _ settings: AnnotatedVideo.Settings) throws(VideoError) {
    let painter = SkeletonPainter(limbs: Skeleton.drawnLimbs.map { ($0.a, $0.b) }, style: settings.style)
    let canvas = try Canvas(copying: result.frame, from: CanvasPool(), onBlack: settings.onBlack)
    painter.paint(
      result.people.map(SkeletonPainter.Figure.init), on: canvas,
      frameHeight: min(result.frame.width, result.frame.height))
    try PictureWriter.write(canvas.finished(), to: path)
  }
}

extension SkeletonPainter.Figure {
  init(_ person: Person) {
    let box = person.pose.box
    self.init(
      keypoints: person.pose.keypoints.map { $0.map { ($0.x, $0.y) } }, box: (box.x, box.y, box.width, box.height),
      id: person.id, score: person.pose.score)
  }
}
