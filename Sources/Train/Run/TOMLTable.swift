import Foundation

/// What of TOML (toml.io, 1.0) settings are made of: tables, names, strings on one line, numbers, true and false.
struct TOMLTable {
  /// Strings, `Int`, `Double`, `Bool`, and tables of these.
  private(set) var values: [String: Any] = [:]
  private let name: String
  private var line = 0
  private var rest: Substring = ""

  /// - Parameter name: what messages call it.
  init(_ text: String, name: String) throws(TrainError) {
    self.name = name
    var table: [String] = []
    for line in text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline) {
      self.line += 1
      rest = line
      skipBlanks()
      if rest.isEmpty || rest.first == "#" { continue }
      if rest.first == "[" {
        rest.removeFirst()
        guard rest.first != "[" else { throw error("lists of tables are no settings") }
        table = try path()
        guard take("]") else { throw error("']' is missing") }
        try put(nil, at: table[...])
      } else {
        let path = table + (try self.path())
        guard take("=") else { throw error("'=' is missing") }
        try put(try value(), at: path[...])
      }
      skipBlanks()
      guard rest.isEmpty || rest.first == "#" else { throw error("'\(rest.prefix(20))' is too much") }
    }
  }

  private func error(_ what: String) -> TrainError { TrainError("\(name): line \(line): \(what)") }

  private mutating func skipBlanks() { rest = rest.drop { $0 == " " || $0 == "\t" } }

  private mutating func take(_ character: Character) -> Bool {
    skipBlanks()
    guard rest.first == character else { return false }
    rest.removeFirst()
    skipBlanks()
    return true
  }

  /// Names with dots between them.
  private mutating func path() throws(TrainError) -> [String] {
    var path: [String] = []
    repeat {
      skipBlanks()
      if rest.first == "\"" || rest.first == "'" {
        path.append(try string())
      } else {
        let bare = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "_" || $0 == "-") }
        guard !bare.isEmpty else { throw error("a name is missing") }
        path.append(String(bare))
        rest = rest.dropFirst(bare.count)
      }
      guard path.count <= 8 else { throw error("a name of too many parts") }
    } while take(".")
    return path
  }

  /// Puts a value, or an empty table for `nil`, in its place.
  private mutating func put(_ value: Any?, at path: ArraySlice<String>) throws(TrainError) {
    func putting(_ path: ArraySlice<String>, in table: [String: Any]) throws(TrainError) -> [String: Any] {
      var table = table
      guard let first = path.first else { return table }
      let isLast = path.count == 1
      if isLast, let value {
        guard table[first] == nil else { throw error("'\(first)' is set twice") }
        table[first] = value
      } else {
        guard let inner = (table[first] ?? [String: Any]()) as? [String: Any] else {
          throw error("'\(first)' is a value and a table")
        }
        table[first] = try putting(path.dropFirst(), in: inner)
      }
      return table
    }
    values = try putting(path, in: values)
  }

  private mutating func value() throws(TrainError) -> Any {
    if rest.first == "\"" || rest.first == "'" { return try string() }
    let word = rest.prefix { !" \t#".contains($0) }
    rest = rest.dropFirst(word.count)
    let digits = word.replacing("_", with: "")
    switch word {
    case "true": return true
    case "false": return false
    case "": throw error("a value is missing")
    case let word where word.contains("__") || word.hasPrefix("_") || word.hasSuffix("_"): break
    default:
      if let number = Int(digits) { return number }
      if let number = Double(digits), number.isFinite, !digits.lowercased().contains("x") { return number }
    }
    throw error("'\(word)' is no string, number, true or false")
  }

  private mutating func string() throws(TrainError) -> String {
    let quote = rest.removeFirst()
    guard !rest.hasPrefix("\(quote)\(quote)") else { throw error("strings of several lines are no settings") }
    var text = ""
    while let character = rest.popFirst() {
      if character == quote { return text }
      guard character == "\\", quote == "\"" else {
        text.append(character)
        continue
      }
      switch rest.popFirst() {
      case "n": text.append("\n")
      case "t": text.append("\t")
      case "r": text.append("\r")
      case let mark? where mark == "\"" || mark == "\\": text.append(mark)
      case let mark? where mark == "u" || mark == "U":
        let code = rest.prefix(mark == "u" ? 4 : 8)
        guard let scalar = UInt32(code, radix: 16).flatMap(Unicode.Scalar.init) else {
          throw error("'\\\(mark)\(code)' is no character")
        }
        text.unicodeScalars.append(scalar)
        rest = rest.dropFirst(code.count)
      default: throw error("an unknown escape in a string")
      }
    }
    throw error("a string does not end")
  }
}
