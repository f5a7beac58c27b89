/// Lines of a manual page in the language mdoc.
struct ManualText {
  private(set) var lines: [String] = []

  var text: String { lines.map { $0 + "\n" }.joined() }

  /// A request such as `.Sh NAME`; the words are taken as they are.
  mutating func request(_ words: String...) { lines.append("." + words.joined(separator: " ")) }

  /// Ready-made mdoc.
  mutating func source(_ text: String) { lines += text.split(separator: "\n").map(String.init) }

  /// Running text: every sentence begins a line, as typesetters want it, and no line is longer than 78 characters.
  mutating func prose(_ text: String) {
    var line = ""
    func isEnd(_ word: Substring) -> Bool {
      let bare = word.last == ")" ? word.dropLast() : word
      return bare.last.map { ".?!".contains($0) } ?? false && !["e.g.", "i.e."].contains(bare)
    }
    for word in text.split(whereSeparator: \.isWhitespace) {
      let escaped = Self.escaped(word)
      if !line.isEmpty, line.count + 1 + escaped.count > 78 {
        append(line)
        line = ""
      }
      line += (line.isEmpty ? "" : " ") + escaped
      if isEnd(word) {
        append(line)
        line = ""
      }
    }
    if !line.isEmpty { append(line) }
  }

  /// Commands to type; if one has a remark, behind three spaces or more, as a list with the remarks below the commands.
  private mutating func commands(_ lines: [String]) {
    let parts = lines.map { $0.split(separator: #/ {3,}/#, maxSplits: 1).map(String.init) }
    let haveRemarks = parts.contains { $0.count > 1 }
    request(haveRemarks ? "Bl -tag -width Ds" : "Bd -literal -offset indent")
    for part in parts {
      let command = Self.escaped(part[0])
      if haveRemarks { request("It Ic", command) } else { append(command) }
      if part.count > 1 { prose(part[1]) }
    }
    request(haveRemarks ? "El" : "Ed")
  }

  /// A help text of several lines: commands to type are shown as they are, all else is running text.
  mutating func discussion(_ text: String) {
    var (block, areCommands) = ([String](), false)
    func flush(_ page: inout ManualText) {
      if block.isEmpty { return }
      if areCommands {
        page.commands(block)
      } else {
        page.request("Pp")
        page.prose(block.joined(separator: " "))
      }
      block = []
    }
    for line in text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init) {
      let isCommand = line.hasPrefix("posecam ") || line.hasPrefix("mpirun ")
      if line.isEmpty || isCommand != areCommands { flush(&self) }
      areCommands = isCommand
      if !line.isEmpty { block.append(line) }
    }
    flush(&self)
  }

  /// Backslashes and hyphens as they were typed; hyphens at the start of a word would else become dashes in print.
  static func escaped(_ text: some Sequence<Character>) -> String {
    var (result, isStart) = ("", true)
    for character in text {
      switch character {
      case "\\": result += "\\e"
      case "-" where isStart: result += "\\-"
      default: result.append(character)
      }
      isStart = character == "-" ? isStart : " ([\"'".contains(character)
    }
    return result
  }

  /// A line that begins like a request is none.
  private mutating func append(_ line: String) { lines.append((".'".contains(line.first ?? " ") ? "\\&" : "") + line) }
}
