import Tracker

/// The people of two files side by side, picture by picture, as the measures of tracking take them.
struct RecordingComparison {
  enum Similarity: String, CaseIterable, Sendable {
    /// Key points.
    case oks
    /// Boxes, by intersection over union.
    case iou
  }

  private(set) var frames: [TrackingFrame] = []

  /// The pictures that the truth tells of.
  /// - Parameters:
  ///   - threshold: least similarity of a match.
  ///   - minVisible: people of the truth with fewer visible key points do not count, and neither do results on them.
  init(
    truth: PoseRecording, results: PoseRecording, similarity: Similarity, threshold: Double, minVisible: Int
  ) throws(PosecamError) {
    for (known, other) in [(truth.width, results.width), (truth.height, results.height)]
    where known > 0 && other > 0 && known != other {
      throw PosecamError(
        "\(results.name): is of a picture of \(results.width)x\(results.height), the truth of \(truth.width)x\(truth.height)"
      )
    }
    let reported = Dictionary(uniqueKeysWithValues: results.frames.map { ($0.index, $0.people) })
    guard truth.frames.contains(where: { reported[$0.index] != nil }) else {
      throw PosecamError("\(results.name): has no frame in common with \(truth.name)")
    }
    frames = truth.frames.map { frame in
      let found = reported[frame.index] ?? []
      let people = frame.people.filter { $0.seen.count >= minVisible }
      let hidden = frame.people.filter { $0.seen.count < minVisible }
      let alike = people.flatMap { person in found.map { similarity.of($0, to: person, by: person.seen) } }
      let pairs = TrackingFrame.match(
        rows: people.count, columns: found.count, similarity: alike, least: threshold)
      let taken = Set(pairs.compactMap { $0 })
      let columns = found.indices.filter { column in
        taken.contains(column)
          || !hidden.contains { similarity.of(found[column], to: $0, by: $0.pose) >= threshold }
      }
      return TrackingFrame(
        truth: people.map(\.id), results: columns.map { found[$0].id },
        similarity: people.indices.flatMap { row in columns.map { alike[row * found.count + $0] } })
    }
  }
}

extension RecordingComparison.Similarity {
  /// - Parameter points: those of the truth that are compared.
  func of(_ figure: PoseRecording.Figure, to truth: PoseRecording.Figure, by points: Pose) -> Double {
    switch self {
    case .oks: figure.seen.similarity(to: points, area: truth.area ?? Double(truth.box.width * truth.box.height))
    case .iou: figure.box.overlap(with: truth.box)
    }
  }
}
