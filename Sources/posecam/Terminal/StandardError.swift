import Foundation

/// Messages for people. That one cannot be read is no reason to stop, and what others named does not steer the terminal.
enum StandardError {
  /// A line of its own.
  static func line(_ text: String) { write(text.harmless + "\n") }

  /// Writes as it is, control sequences included; errors are passed over.
  static func write(_ text: String, to descriptor: Int32 = STDERR_FILENO) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Foundation.write(descriptor, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else { return }
      bytes.removeFirst(count)
    }
  }
}

extension String {
  /// Without control characters (C0, C1, DEL) but the ends of lines: names of files and models come from anywhere.
  var harmless: String {
    guard unicodeScalars.contains(where: { $0.isControl }) else { return self }
    return String(String.UnicodeScalarView(unicodeScalars.map { $0.isControl ? "\u{FFFD}" : $0 }))
  }
}

extension Unicode.Scalar {
  fileprivate var isControl: Bool { properties.generalCategory == .control && self != "\n" && self != "\t" }
}
