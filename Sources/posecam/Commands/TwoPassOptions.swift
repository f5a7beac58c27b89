import ArgumentParser
import Tracker

/// For commands that know all of a video before they write the first frame.
struct TwoPassOptions: ParsableArguments {
  @Flag(
    name: .customLong("two-pass"),
    help: "Smooth by what comes after as well as before, as strongly as --smooth says, without any lag.")
  var isOn = false

  func check(_ following: FollowOptions) throws {
    guard isOn else { return }
    if following.compat { throw ValidationError("--two-pass and --compat exclude each other.") }
    if following.smooth == .off { throw ValidationError("--two-pass needs --smooth low or high.") }
  }
}
