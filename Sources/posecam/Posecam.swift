import ArgumentParser

@main
struct Posecam: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "posecam",
    abstract: "Finds and follows people's skeletons in video, on the CPU, in the terminal.")
}
