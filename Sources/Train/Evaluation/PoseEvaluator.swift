import Foundation
import Infer
import Synchronization
import Tracker

/// Runs a model on a labelled data set and measures what it finds, as Lightweight OpenPose was evaluated (Osokin 2018): each
/// picture at one or several heights, the maps enlarged to the picture's size and averaged, the reference's parser on them.
public struct PoseEvaluator: Sendable {
  public struct Settings: Sendable {
    /// Height of the network's input at scale 1, in pixels.
    public var height = 368
    public var scales = [1.0]
    /// Whether the mean with the mirrored picture is taken.
    public var usesMirror = false
    /// Parts of the picture that are looked at beside the whole, each at the same height.
    public var tiles: PictureTiles?
    /// Pictures worked on at the same time.
    public var threads = 1
    public var level = CPULevel.detected
    /// Arithmetic of the network.
    public var precision = Precision.f32

    public init() {}

    /// The reference's `--multiscale`.
    public static let fourScales = [0.5, 1.0, 1.5, 2.0]
  }

  /// What came of it.
  public struct Evaluation: Sendable {
    public var metric: CocoKeypointMetric
    public var results: [KeypointResult]
    /// Pictures in which nobody is, and the people found in them.
    public var emptyPictures: Int
    public var falsePeople: Int
    /// Pictures that could not be read.
    public var problems: Problems
  }

  private let settings: Settings

  public init(_ settings: Settings = Settings()) { self.settings = settings }

  /// - Parameters:
  ///   - images: folder of the pictures.
  ///   - progress: called after every picture, on any thread but one at a time, with how many are done.
  /// - Throws: where no picture can be read, or the model cannot run.
  public func evaluate(
    _ model: Model, on annotations: KeypointAnnotations, images: String, progress: (@Sendable (Int) -> Void)? = nil
  ) throws(TrainError) -> Evaluation {
    let pictures = annotations.pictures
    guard !pictures.isEmpty else { throw TrainError("\(annotations.name): lists no pictures") }
    struct State {
      var done = 0
      var found: [Int: [KeypointResult]] = [:]
      var problems = Problems()
    }
    let state = Mutex(State())
    let folder = URL(fileURLWithPath: images, isDirectory: true)
    try PictureEvaluation.onAll(pictures.count, model, settings) { worker, index in
      worker.results(for: pictures[index], path: folder.appendingPathComponent(pictures[index].fileName).path)
    } take: { index, outcome in
      let done = state.withLock { state in
        switch outcome {
        case .found(let results): state.found[index] = results
        case .unreadable(let reason):
          state.problems.add("picture that cannot be used, counted as without result", reason)
        case .failed: break
        }
        state.done += 1
        return state.done
      }
      progress?(done)
    }
    let (found, problems) = state.withLock { ($0.found, $0.problems) }
    guard !found.isEmpty else {
      throw TrainError("\(images): none of the pictures of \(annotations.name) can be read; \(problems.lines[0])")
    }
    let results = pictures.indices.flatMap { found[$0] ?? [] }
    let empty = pictures.indices.filter { pictures[$0].people.isEmpty && found[$0] != nil }
    return Evaluation(
      metric: try CocoKeypointMetric(annotations, results: results), results: results, emptyPictures: empty.count,
      falsePeople: empty.reduce(0) { $0 + (found[$1]?.count ?? 0) }, problems: problems)
  }
}
