import Foundation
import Video

/// Pictures of the demo scene with COCO annotations, and a network that is quickly trained on them.
extension Folder {
  /// Options of `posecam train` but for `--data` and `--out`.
  static let quickTraining =
    "--backbone-width 0.125 --channels 8 --head-channels 8 --batch 2 --size 64 --threads 2 --learning-rate 1e-3"

  /// COCO's key points among the 18 of the skeleton.
  private static let coco = [0, 15, 14, 17, 16, 5, 2, 6, 3, 7, 4, 11, 8, 12, 9, 13, 10]

  /// Writes `0.png`, `1.png`, … and `people.json`.
  func writeLabelledPictures(count: Int = 4, people: Int = 2) throws {
    let scene = DemoScene(width: 192, height: 128, people: people, seed: 2)
    var (images, annotations) = ([[String: Any]](), [[String: Any]]())
    for index in 0..<count {
      let (bitmap, figures) = scene.render(at: Double(index))
      let frame = try Frame(
        bitmap: bitmap, index: 0, timestamp: Timestamp(ticks: 0, numerator: 1, denominator: 1))
      try PictureWriter.write(frame, to: path("\(index).png"))
      images.append(["id": index, "file_name": "\(index).png", "width": scene.width, "height": scene.height])
      for figure in figures {
        let points = Self.coco.map { figure.points[$0] }
        let labels: [[Double]] = points.map { [$0.x, $0.y, $0.isVisible ? 2 : 1] }
        let (xs, ys) = (points.map(\.x), points.map(\.y))
        let box: [Double] = [
          xs.min() ?? 0, ys.min() ?? 0, (xs.max() ?? 0) - (xs.min() ?? 0), (ys.max() ?? 0) - (ys.min() ?? 0),
        ]
        annotations.append([
          "id": annotations.count, "image_id": index, "category_id": 1, "num_keypoints": 17, "bbox": box,
          "area": max(1100, box[2] * box[3]), "iscrowd": 0,
          "keypoints": Array(labels.joined()),
        ])
      }
    }
    try JSONSerialization.data(withJSONObject: ["images": images, "annotations": annotations])
      .write(to: URL(fileURLWithPath: path("people.json")))
  }
}
