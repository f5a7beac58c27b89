import Foundation

/// The manual page of one command, made of what the argument parser knows, so that it tells what `--help` tells.
struct ManualPage {
  /// "posecam-data-stats"
  let name: String
  /// In mdoc.
  let text: String

  /// The pages of the program and all its commands.
  /// - Parameter date: when what they describe was changed.
  static func all(date: Date) throws -> [ManualPage] {
    let commands = try CommandDescription.program().all()
    return commands.map { words, command in
      let below = commands.filter { $0.words.dropLast().elementsEqual(words) }
      return ManualPage(words, command, below: below, date: date)
    }
  }

  private init(
    _ words: [String], _ command: CommandDescription, below: [(words: [String], command: CommandDescription)],
    date: Date
  ) {
    name = words.joined(separator: "-")
    var page = ManualText()
    page.request("Dd", Self.written(date))
    page.request("Dt", name.uppercased(), "1")
    page.request("Os")

    page.request("Sh NAME")
    page.request("Nm", name)
    page.request("Nd", Self.summary(command))

    page.request("Sh SYNOPSIS")
    Self.synopsis(&page, words, command, hasCommands: !below.isEmpty)

    page.request("Sh DESCRIPTION")
    page.prose(command.abstract ?? "")
    if let discussion = command.discussion { page.discussion(discussion) }
    if !below.isEmpty {
      page.request("Pp")
      page.prose(words.count == 1 ? "The commands, each with a page of its own:" : "It has these parts:")
      page.request("Bl -tag -width Ds")
      for (words, command) in below {
        page.request("It", "Xr", words.joined(separator: "-"), "1")
        page.prose(command.abstract ?? "")
      }
      page.request("El")
    }

    Self.options(&page, command)
    if words.count == 1 { page.source(ManualProse.program) }
    page.request("Sh SEE ALSO")
    let parent = words.count > 1 ? [words.dropLast().joined(separator: "-")] : []
    let related = Set(parent + ["posecam"] + below.map { $0.words.joined(separator: "-") }).subtracting([name]).sorted()
    for (index, other) in related.enumerated() {
      page.request("Xr", other, "1" + (index < related.count - 1 ? " ," : ""))
    }
    text = page.text
  }

  private static func synopsis(
    _ page: inout ManualText, _ words: [String], _ command: CommandDescription, hasCommands: Bool
  ) {
    page.request("Nm posecam")
    for word in words.dropFirst() { page.request("Cm", word) }
    let arguments = command.arguments ?? []
    for option in arguments where option.kind != .positional && !option.isOptional {
      page.request(tag(option, names: option.names?.suffix(1) ?? []))
    }
    page.request("Op Ar options")
    for argument in arguments where argument.kind == .positional {
      let value = (argument.valueName ?? "value") + (argument.isRepeating ? " ..." : "")
      page.request(argument.isOptional ? "Op Ar" : "Ar", value)
    }
    if hasCommands {
      page.request("Nm", words.joined(separator: " "))
      page.request("Ar command")
      page.request("Op Ar options")
    }
  }

  /// All options and arguments, in their groups.
  private static func options(_ page: inout ManualText, _ command: CommandDescription) {
    let arguments = (command.arguments ?? []).filter(\.shouldDisplay)
    // The part of a flag that takes it back stands beside it.
    let negations = Set(arguments.filter { $0.kind == .flag && $0.defaultValue == nil }.flatMap(longNames))
    page.request("Sh OPTIONS")
    var titles: [String?] = []
    for title in arguments.map(\.sectionTitle) where !titles.contains(title) { titles.append(title) }
    // What is in no group comes first.
    for title in titles.filter({ $0 == nil }) + titles.filter({ $0 != nil }) {
      if let title { page.request("Ss", title) }
      page.request("Bl -tag -width Ds")
      for argument in arguments where argument.sectionTitle == title {
        let names = argument.names ?? []
        if let plain = longNames(argument).first(where: { $0.hasPrefix("no-") }),
          arguments.contains(where: { $0.kind == .flag && longNames($0).contains(String(plain.dropFirst(3))) })
        {
          continue
        }
        let opposite = longNames(argument).map { "no-" + $0 }.first(where: negations.contains)
        page.request("It", tag(argument, names: names[...]) + (opposite.map { " , Fl -\($0)" } ?? ""))
        page.prose(explanation(argument))
      }
      page.request("El")
    }
  }

  private static func longNames(_ argument: CommandDescription.Argument) -> [String] {
    (argument.names ?? []).filter { $0.kind == .long }.map(\.name)
  }

  /// "Fl o Ar file , Fl -output Ar file"
  private static func tag(
    _ argument: CommandDescription.Argument, names: ArraySlice<CommandDescription.Argument.Name>
  ) -> String {
    if argument.kind == .positional { return "Ar " + (argument.valueName ?? "value") }
    let value = argument.kind == .option ? " Ar " + (argument.valueName ?? "value") : ""
    return names.map { "Fl \($0.text.dropFirst())\(value)" }.joined(separator: " , ")
  }

  /// What it does, with the values it takes and its default where the text does not name them.
  static func explanation(_ argument: CommandDescription.Argument) -> String {
    var text = argument.abstract ?? ""
    if let values = argument.allValues, !values.allSatisfy(text.contains) {
      text += " One of \(values.joined(separator: ", "))."
    }
    if let value = argument.defaultValue, !text.contains("default") { text += " The default is \(value)." }
    return text
  }

  /// The abstract as the part of a sentence that follows a name.
  private static func summary(_ command: CommandDescription) -> String {
    let text = command.abstract ?? ""
    return text.prefix(1).lowercased() + text.dropFirst(1).trimmingCharacters(in: CharacterSet(charactersIn: "."))
  }

  /// "November 21, 2025", in any locale.
  private static func written(_ date: Date) -> String {
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.timeZone = TimeZone(secondsFromGMT: 0)
    format.dateFormat = "MMMM d, yyyy"
    return format.string(from: date)
  }
}
