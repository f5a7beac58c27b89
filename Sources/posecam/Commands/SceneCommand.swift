import ArgumentParser
import Tracker
import Video

/// `posecam scene`: the demo scene as a clip, with the truth about everyone in it.
struct SceneCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scene",
    abstract: "Writes the demo scene as a clip and its exact key points as JSON lines, for tests.",
    discussion: """
      Key points that are hidden have the score 0, visible ones 1. Who leaves the picture and comes back is somebody new. \
      Without --output the truth alone is written.
      """)

  @Argument(help: "The scene: demo, or demo:people=10,size=1280x720,seconds=20,rate=30,seed=3.")
  var scene = "demo:seconds=10"
  @Option(name: [.short, .long], help: ArgumentHelp("Video file to write.", valueName: "file"), completion: .file())
  var output: String?
  @Option(help: ArgumentHelp("JSON lines with the truth.", valueName: "file"), completion: .file())
  var truth: String

  func run() throws {
    try OutputNames.check([output, truth], inputs: [])
    let source = try DemoSource(scene, isLive: false)
    guard let count = source.info.frameCount else { throw PosecamError("\(scene): say how long, e.g. demo:seconds=10") }
    let lines = try JSONLinesWriter(path: truth, PoseStream(source.info, model: "ground truth"))
    var settings = VideoWriter.Settings()
    settings.nominalRate = source.info.nominalRate
    var writer: VideoWriter?
    // Half a scene is of no use; its files go.
    Interruption.onRequest {}
    for index in 0..<count {
      if Interruption.isRequested { throw ExitCode(Interruption.exitCode) }
      if let output {
        guard let frame = try source.next() else { break }
        if writer == nil { writer = try VideoWriter(path: output, like: frame, settings: settings) }
        try writer?.write(frame)
      }
      let time = Double(index) / source.info.nominalRate
      let people = source.scene.figures(at: time).map { figure in
        let points = figure.points.map { Keypoint(x: Float($0.x), y: Float($0.y), score: $0.isVisible ? 1 : 0) }
        return Person(id: figure.id, pose: Pose(keypoints: points, totalScore: 35))
      }
      try lines.write(
        PoseFrame(
          index: index, time: time, width: source.info.width, height: source.info.height, people: people))
    }
    try writer?.finish(isComplete: true)
    try lines.finish()
  }
}
