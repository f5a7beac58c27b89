import ArgumentParser
import Foundation

@main
struct Posecam: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "posecam",
    abstract: "Finds and follows people's skeletons in video, on the CPU, in the terminal.",
    discussion: """
      posecam --video 0                       the first camera, live
      posecam --video clip.mp4                a file, live
      posecam annotate clip.mp4 -o out.mp4    the whole file with skeletons drawn
      """,
    version: "0.1.0",
    subcommands: [
      LiveCommand.self, AnnotateCommand.self, BenchCommand.self, DoctorCommand.self, ForwardCommand.self,
      GroupCommand.self, SceneCommand.self,
    ],
    defaultSubcommand: LiveCommand.self)

  static func main() {
    // A reader that went away is an error to report, not a reason to die unheard.
    signal(SIGPIPE, SIG_IGN)
    setlocale(LC_ALL, "")
    self.main(nil)
  }
}
