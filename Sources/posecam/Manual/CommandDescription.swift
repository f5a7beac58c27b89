import ArgumentParser
import Foundation

/// What the argument parser knows of a command, in the form that `posecam --experimental-dump-help` prints.
struct CommandDescription: Decodable {
  struct Argument: Decodable {
    enum Kind: String, Decodable { case positional, option, flag }

    struct Name: Decodable {
      enum Kind: String, Decodable { case short, long, longWithSingleDash }
      var kind: Kind
      var name: String
      var text: String { (kind == .long ? "--" : "-") + name }
    }

    var kind: Kind
    var names: [Name]?
    var valueName: String?
    var abstract: String?
    var sectionTitle: String?
    var defaultValue: String?
    var allValues: [String]?
    var completionKind: CompletionKind?
    var isOptional: Bool
    var isRepeating: Bool
    var shouldDisplay: Bool
  }

  /// How a shell completes a value; other kinds than these two do not matter here.
  struct CompletionKind: Decodable {
    struct Files: Decodable { var extensions: [String] }
    struct Nothing: Decodable {}
    var file: Files?
    var directory: Nothing?
  }

  var commandName: String
  var abstract: String?
  var discussion: String?
  var arguments: [Argument]?
  var subcommands: [CommandDescription]?
  var shouldDisplay: Bool

  /// `posecam` with all that is below it.
  static func program() throws -> CommandDescription {
    struct Dump: Decodable { var command: CommandDescription }
    return try JSONDecoder().decode(Dump.self, from: Data(Posecam._dumpHelp().utf8)).command
  }

  /// This command and all below it that users are told of, each with its words, e.g. `["posecam", "data", "stats"]`.
  /// The parser's own `help` is left out.
  func all(below words: [String] = []) -> [(words: [String], command: CommandDescription)] {
    let words = words + [commandName]
    let below = (subcommands ?? []).filter { $0.shouldDisplay && $0.commandName != "help" }
    return [(words, self)] + below.flatMap { $0.all(below: words) }
  }
}
