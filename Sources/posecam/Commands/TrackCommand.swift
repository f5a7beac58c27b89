import ArgumentParser
import Tracker

/// `posecam track`: identities and smoothing for poses that were found before.
struct TrackCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "track",
    abstract: "Gives the poses of a file new identities and smooths them, without looking at the video again.",
    discussion: """
      The identities in the input are not looked at. What another run reported is smoothed and thinned out already: write it with \
      --smooth off, --bridge 0 to track it again. Everyone in it is taken unless --min-score says otherwise.
      """)

  @Argument(help: "JSON lines of posecam; - for standard input.", completion: .file(extensions: ["jsonl", "ndjson"]))
  var input: String
  @Option(
    name: [.short, .long],
    help: ArgumentHelp(
      "File to write: .jsonl JSON lines, .csv table, .json COCO results, a folder/ OpenPose's JSON files; - JSON lines to "
        + "standard output.", valueName: "file"), completion: .file())
  var output: String
  @Option(help: "Coordinates: pixel, or normalized to 0...1 across and down the picture.")
  var coordinates = Coordinates.pixel
  @Option(help: "Key points of OpenPose's JSON: its coco model's 18, or body25.")
  var openposeOrder = OpenPoseWriter.Order.coco
  @OptionGroup(title: "People") var following: FollowOptions
  @OptionGroup var twoPass: TwoPassOptions

  func validate() throws {
    try twoPass.check(following)
    if coordinates != .pixel, PoseFormat(path: output) == .coco {
      throw ValidationError("COCO results are in pixels; leave out --coordinates \(coordinates.rawValue).")
    }
  }

  func run() throws {
    try OutputNames.check([output], inputs: [input])
    guard let format = output == "-" ? .jsonl : PoseFormat(path: output) else {
      throw PosecamError("\(output): its name does not tell the format; use .jsonl, .csv, .json or a folder/")
    }
    let recording = try PoseRecording(contentsOf: input)
    guard recording.isTimed else {
      throw PosecamError(
        "\(input): COCO key points tell no times, by which people are followed; give the JSON lines that annotate writes"
      )
    }
    // Single pictures have nothing to do with each other.
    let isStill = recording.frames.contains { $0.picture != nil }
    if isStill, twoPass.isOn { throw PosecamError("\(input): single pictures; --two-pass is for videos") }
    let writer = try format.writer(
      path: output,
      PoseStream(
        source: recording.source, width: recording.width, height: recording.height, model: recording.model,
        isStill: isStill),
      coordinates: coordinates, order: openposeOrder)
    let selection = following.selection(leastScore: 0)
    var tracker = following.makeFollowing(isVideo: !isStill, smoothing: twoPass.isOn ? .off : nil)
    var frames: [TwoPassSmoothing.Frame] = recording.frames.map { frame in
      let poses = selection.kept(frame.people.filter { !$0.isPredicted }.map(\.seen))
      return (frame.time, tracker.update(poses, at: frame.time, within: (recording.width, recording.height)))
    }
    if twoPass.isOn { frames = zip(frames, TwoPassSmoothing.smooth(frames, following.smooth)).map { ($0.seconds, $1) } }
    for (frame, tracked) in zip(recording.frames, frames) {
      try writer.write(
        PoseFrame(
          index: frame.index, time: frame.time, width: frame.size?.width ?? recording.width,
          height: frame.size?.height ?? recording.height,
          // Pictures of one name are of several folders, of which the recording says nothing.
          path: frame.picture.map { "\(frame.index)/\($0)" }, people: tracked.people))
    }
    try writer.finish()
  }
}
