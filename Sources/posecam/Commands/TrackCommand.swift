import ArgumentParser
import Tracker

/// `posecam track`: identities and smoothing for poses that were found before.
struct TrackCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "track",
    abstract: "Gives the poses of a file new identities and smooths them, without looking at the video again.",
    discussion: "The identities in the input are not looked at.")

  @Argument(help: "JSON lines of posecam.")
  var input: String
  @Option(name: [.short, .long], help: ArgumentHelp("JSON lines to write, - for standard output.", valueName: "file"))
  var output: String
  @OptionGroup(title: "People") var following: FollowOptions

  func run() throws {
    try OutputNames.check([output], inputs: [input])
    let recording = try PoseRecording(contentsOf: input)
    let writer = try JSONLinesWriter(
      path: output, source: recording.source, width: recording.width, height: recording.height, model: recording.model)
    var tracker = following.makeFollowing(isVideo: true)
    for frame in recording.frames {
      let poses = following.selection.kept(frame.people.map(\.seen))
      try writer.write(frame: frame.index, time: frame.time, people: tracker.update(poses, at: frame.time))
    }
  }
}
