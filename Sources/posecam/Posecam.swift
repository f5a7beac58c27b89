import ArgumentParser
import CTerminal
import Foundation

@main
struct Posecam: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "posecam",
    abstract: "Finds and follows people's skeletons in video, on the CPU, in the terminal.",
    discussion: """
      posecam --video 0                       the first camera, live
      posecam clip.mp4                        a file, live
      posecam annotate clip.mp4 -o out.mp4    the whole file with skeletons drawn
      """,
    version: "0.1.0",
    subcommands: [
      LiveCommand.self, AnnotateCommand.self, BenchCommand.self, DoctorCommand.self, ForwardCommand.self,
      GroupCommand.self, SceneCommand.self, QuantizeCommand.self, ExportCommand.self, SummaryCommand.self,
      TrainCommand.self,
      DistillCommand.self,
      EvalCommand.self, ScoreCommand.self, DataCommand.self,
      PlotCommand.self, DevicesCommand.self, CacheTeacherCommand.self,
      TrackCommand.self, TrackEvalCommand.self,
      ManualCommand.self,
    ],
    defaultSubcommand: LiveCommand.self)

  static func main() {
    occupyStandardDescriptors()
    // A reader that went away is an error to report, not a reason to die unheard.
    signal(SIGPIPE, SIG_IGN)
    setlocale(LC_ALL, "")
    if let shell = CompletionScript.shell(asked: Array(CommandLine.arguments.dropFirst())) {
      print(CompletionScript.text(for: shell))
    } else {
      refuseUnknownCommand(CommandLine.arguments.dropFirst().first)
      run()
    }
    // What `print` could not write is known only now.
    if fflush(nil) != 0 { exit(withError: PosecamError("standard output: cannot be written: \(PosecamError.reason)")) }
    if !ct_output_is_whole() { exit(withError: PosecamError("standard output: not all could be written")) }
  }

  private static func run() {
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch {
      // Wrong usage, help and plain exits are the library's; messages of failures quote names from anywhere.
      let isFailure = exitCode(for: error) == .failure && !(error is ExitCode)
      exit(withError: isFailure ? PosecamError(message(for: error).harmless) : error)
    }
  }

  /// Ends with a word on a command that there is not, unless it is something that the default command can show.
  private static func refuseUnknownCommand(_ word: String?) {
    let commands = configuration.subcommands.compactMap { $0.configuration.commandName }
    guard let word, !word.hasPrefix("-"), word != "help", !commands.contains(word) else { return }
    let isSource =
      access(word, F_OK) == 0 || word.allSatisfy(\.isNumber) || word.contains { ":/*?[".contains($0) } || word == "demo"
    if isSource { return }
    let near = commands.first { CommandNames.distance($0, word) <= 2 }
    let hint =
      near.map { " Did you mean '\($0)'?" }
      ?? (word.contains(".") ? " Nor is there such a file." : " 'posecam --help' lists the commands.")
    exit(withError: ValidationError("There is no command '\(word)'.\(hint)"))
  }

  /// Started without standard input, output or errors, a program gets their numbers for the first files it opens, and
  /// would write its messages into them.
  private static func occupyStandardDescriptors() {
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 && errno == EBADF {
      // The wrong way round, so that using them is an error, except for messages, which are merely unheard.
      _ = open("/dev/null", descriptor == STDOUT_FILENO ? O_RDONLY : O_WRONLY)
    }
  }
}
