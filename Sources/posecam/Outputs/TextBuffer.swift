/// Text in the making, as bytes: numbers and strings as JSON and CSV want them, whatever the locale.
struct TextBuffer {
  private(set) var bytes: [UInt8] = []

  mutating func append(_ text: String) { bytes.append(contentsOf: text.utf8) }

  mutating func append(_ number: Int) { append(String(number)) }

  /// A decimal number with at most `digits` places after the point; JSON has no infinity, so what is not finite is 0.
  mutating func append(_ value: Double, digits: Int) {
    let scale = [1, 10, 100, 1000, 10_000, 100_000, 1_000_000][digits]
    guard value.isFinite, abs(value) < 1e12 else { return append("0") }
    let scaled = Int((value * Double(scale)).rounded())
    if scaled < 0 { append("-") }
    append(String(scaled.magnitude / scale.magnitude))
    var fraction = Int(scaled.magnitude % scale.magnitude)
    guard fraction > 0 else { return }
    append(".")
    var place = scale / 10
    while fraction > 0 {
      bytes.append(UInt8(ascii: "0") + UInt8(fraction / place))
      fraction %= place
      place /= 10
    }
  }

  /// A number with six digits in all, at most six of them after the point, as C++ streams print it.
  mutating func append(sixDigits value: Double) {
    var (whole, digits) = (abs(value), 6)
    while whole >= 1 && digits > 0 {
      whole /= 10
      digits -= 1
    }
    append(value, digits: digits)
  }

  mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  /// A JSON string.
  static func quoted(_ text: String) -> String {
    let hexadecimal = Array("0123456789abcdef".unicodeScalars)
    var quoted = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": quoted += "\\\""
      case "\\": quoted += "\\\\"
      case "\n": quoted += "\\n"
      case "\t": quoted += "\\t"
      case "\r": quoted += "\\r"
      case "\u{0}"..<"\u{20}", "\u{7F}", "\u{2028}", "\u{2029}":
        quoted += "\\u"
        for shift in [12, 8, 4, 0] { quoted.unicodeScalars.append(hexadecimal[Int(scalar.value >> shift & 15)]) }
      default: quoted.unicodeScalars.append(scalar)
      }
    }
    return quoted + "\""
  }

  /// A field of CSV (RFC 4180): in quotes where it must be.
  static func field(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { "\",\r\n".unicodeScalars.contains($0) }) else { return text }
    return "\"" + text.replacing("\"", with: "\"\"") + "\""
  }
}
