/// A JSON document, read as annotation tools write it: `NaN` and `Infinity` are numbers too, as in Python.
///
/// Foundation's readers refuse those outright, and a label file with one bad number must be told from a file that is no JSON.
enum JSONValue: Sendable {
  case null
  case bool(Bool)
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([String: JSONValue])

  /// - Throws: naming `name` and the line where the text stops being JSON.
  init(_ bytes: [UInt8], name: String) throws(TrainError) {
    var reader = Reader(bytes: bytes, name: name)
    self = try reader.document()
  }

  subscript(key: String) -> JSONValue? {
    if case .object(let members) = self { return members[key] }
    return nil
  }

  var array: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }
  var string: String? { if case .string(let text) = self { text } else { nil } }
  var number: Double? { if case .number(let value) = self { value } else { nil } }
  var bool: Bool? { if case .bool(let value) = self { value } else { nil } }

  /// A whole number that is exact.
  /// `nil` also where a number has more digits than are kept.
  var integer: Int? { number.flatMap { abs($0) < 0x1p53 ? Int(exactly: $0) : nil } }

  /// An array of numbers and nothing else.
  var numbers: [Double]? {
    guard case .array(let elements) = self else { return nil }
    var values: [Double] = []
    values.reserveCapacity(elements.count)
    for element in elements {
      guard case .number(let value) = element else { return nil }
      values.append(value)
    }
    return values
  }
}

extension JSONValue {
  private struct Reader {
    let bytes: [UInt8]
    let name: String
    private var position = 0
    /// Deeper than any annotation, shallower than the stack.
    private static let deepest = 64

    init(bytes: [UInt8], name: String) {
      self.bytes = bytes
      self.name = name
    }

    mutating func document() throws(TrainError) -> JSONValue {
      if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
      let whole = try value(depth: 0)
      skipSpace()
      guard position == bytes.count else { throw failure("something follows the end of the document") }
      return whole
    }

    private func failure(_ what: String) -> TrainError {
      let line = 1 + bytes.prefix(min(position, bytes.count)).reduce(0) { $1 == 0x0A ? $0 + 1 : $0 }
      return TrainError(
        "\(name): not valid JSON: line \(line): \(position >= bytes.count ? "the file ends early" : what)")
    }

    private mutating func skipSpace() {
      while position < bytes.count {
        switch bytes[position] {
        case 0x20, 0x09, 0x0A, 0x0D: position += 1
        default: return
        }
      }
    }

    private mutating func take(_ byte: UInt8) -> Bool {
      guard position < bytes.count, bytes[position] == byte else { return false }
      position += 1
      return true
    }

    private mutating func take(word: StaticString) -> Bool {
      let count = word.utf8CodeUnitCount
      guard position + count <= bytes.count,
        (0..<count).allSatisfy({ bytes[position + $0] == word.utf8Start[$0] })
      else { return false }
      position += count
      return true
    }

    private mutating func value(depth: Int) throws(TrainError) -> JSONValue {
      guard depth < Self.deepest else { throw failure("nested more than \(Self.deepest) deep") }
      skipSpace()
      guard position < bytes.count else { throw failure("") }
      switch bytes[position] {
      case UInt8(ascii: "{"): return try object(depth: depth)
      case UInt8(ascii: "["): return try array(depth: depth)
      case UInt8(ascii: "\""): return .string(try text())
      case UInt8(ascii: "t") where take(word: "true"): return .bool(true)
      case UInt8(ascii: "f") where take(word: "false"): return .bool(false)
      case UInt8(ascii: "n") where take(word: "null"): return .null
      case UInt8(ascii: "N") where take(word: "NaN"): return .number(.nan)
      case UInt8(ascii: "I") where take(word: "Infinity"): return .number(.infinity)
      case UInt8(ascii: "-") where take(word: "-Infinity"): return .number(-.infinity)
      default: return .number(try number())
      }
    }

    private mutating func array(depth: Int) throws(TrainError) -> JSONValue {
      position += 1
      var elements: [JSONValue] = []
      skipSpace()
      if take(UInt8(ascii: "]")) { return .array(elements) }
      while true {
        elements.append(try value(depth: depth + 1))
        skipSpace()
        if take(UInt8(ascii: ",")) { continue }
        guard take(UInt8(ascii: "]")) else { throw failure("',' or ']' is missing in a list") }
        return .array(elements)
      }
    }

    private mutating func object(depth: Int) throws(TrainError) -> JSONValue {
      position += 1
      var members: [String: JSONValue] = [:]
      skipSpace()
      if take(UInt8(ascii: "}")) { return .object(members) }
      while true {
        skipSpace()
        guard position < bytes.count, bytes[position] == UInt8(ascii: "\"") else { throw failure("a name is missing") }
        let key = try text()
        skipSpace()
        guard take(UInt8(ascii: ":")) else { throw failure("':' is missing after \"\(key)\"") }
        members[key] = try value(depth: depth + 1)
        skipSpace()
        if take(UInt8(ascii: ",")) { continue }
        guard take(UInt8(ascii: "}")) else { throw failure("',' or '}' is missing after \"\(key)\"") }
        return .object(members)
      }
    }

    private mutating func text() throws(TrainError) -> String {
      position += 1
      var units: [UInt8] = []
      while position < bytes.count {
        let byte = bytes[position]
        position += 1
        switch byte {
        case UInt8(ascii: "\""): return String(decoding: units, as: UTF8.self)
        case UInt8(ascii: "\\"): units.append(contentsOf: try escape())
        default: units.append(byte)
        }
      }
      throw failure("")
    }

    private mutating func escape() throws(TrainError) -> [UInt8] {
      guard position < bytes.count else { throw failure("") }
      defer { position += 1 }
      switch bytes[position] {
      case UInt8(ascii: "n"): return [0x0A]
      case UInt8(ascii: "t"): return [0x09]
      case UInt8(ascii: "r"): return [0x0D]
      case UInt8(ascii: "b"): return [0x08]
      case UInt8(ascii: "f"): return [0x0C]
      case UInt8(ascii: "u"):
        var code = try hexadecimal()
        if 0xD800..<0xDC00 ~= code, position + 2 < bytes.count, bytes[position + 1] == UInt8(ascii: "\\"),
          bytes[position + 2] == UInt8(ascii: "u")
        {
          position += 2
          let low = try hexadecimal()
          if 0xDC00..<0xE000 ~= low { code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00) }
        }
        return Array(String(Unicode.Scalar(code) ?? "\u{FFFD}").utf8)
      case let other: return [other]
      }
    }

    /// Four digits after the letter at `position`; ends on the last of them.
    private mutating func hexadecimal() throws(TrainError) -> UInt32 {
      guard position + 4 < bytes.count,
        let code = UInt32(String(decoding: bytes[position + 1...position + 4], as: UTF8.self), radix: 16)
      else { throw failure("a \\u needs four hexadecimal digits") }
      position += 4
      return code
    }

    private mutating func number() throws(TrainError) -> Double {
      let start = position
      var (mantissa, digits, exponent) = (UInt64(0), 0, 0)
      let isNegative = take(UInt8(ascii: "-"))
      var isFraction = false
      scan: while position < bytes.count {
        switch bytes[position] {
        case UInt8(ascii: "0")...UInt8(ascii: "9"):
          digits += 1
          if digits <= 18 { mantissa = mantissa * 10 + UInt64(bytes[position] - UInt8(ascii: "0")) }
          if isFraction { exponent -= 1 }
        case UInt8(ascii: ".") where !isFraction: isFraction = true
        default: break scan
        }
        position += 1
      }
      guard digits > 0 else { throw failure("a value is expected") }
      let isPlain = position == bytes.count || (bytes[position] | 0x20) != UInt8(ascii: "e")
      // Exact as long as the digits and the power of ten fit a Double (Clinger 1990).
      if isPlain, digits <= 15, exponent >= -22 {
        let size = Double(mantissa) / Self.powers[-exponent]
        return isNegative ? -size : size
      }
      while position < bytes.count, "0123456789+-.eE".utf8.contains(bytes[position]) { position += 1 }
      guard let value = Double(String(decoding: bytes[start..<position], as: UTF8.self)) else {
        throw failure("a number is malformed")
      }
      return value
    }

    private static let powers: [Double] = (0...22).reduce(into: []) { list, index in
      list.append(index == 0 ? 1 : list[index - 1] * 10)
    }
  }
}
