/// One thing that arrived from the terminal.
enum Input: Equatable, Sendable {
  case character(Unicode.Scalar)
  case key(SpecialKey)
  case mouse(Mouse)
  case reply(TerminalReply)
}

/// Keys that are no character.
enum SpecialKey: Sendable, Equatable {
  case up, down, left, right, pageUp, pageDown, home, end, backTab, escape
}

/// A button that was pressed, at a cell counted from 0.
struct Mouse: Sendable, Equatable {
  enum Button: Sendable { case left, other, wheelUp, wheelDown }
  var button: Button
  var x: Int
  var y: Int
}

/// What a terminal said about itself.
enum TerminalReply: Sendable, Equatable {
  /// Primary device attributes (DA1); 4 is sixel.
  case attributes(Set<Int>)
  /// State of a private mode (DECRPM): 0 not known, 1 set, 2 reset, 3 and 4 for ever so.
  case mode(Int, state: Int)
  /// Pixels of a cell.
  case cellSize(width: Int, height: Int)
  /// Whether the kitty graphics command with this image number worked.
  case graphics(id: Int, isDone: Bool)
}

/// Turns the bytes of a terminal into keys, mouse buttons and replies (ECMA-48, xterm's mouse mode 1006).
///
/// A sequence may arrive in pieces, and a reply at any time, also long after the question and between keys: whatever is a
/// sequence is taken whole, so that no part of it is mistaken for keys.
struct InputParser: Sendable {
  private var pending: [UInt8] = []
  /// A string that is too long to be for us, or pauses, is skipped up to its end.
  private var isSkipping = false
  private static let longest = 1024

  /// True while a sequence has begun; after `patience` without more, `expire` ends it.
  var isWaiting: Bool { !pending.isEmpty || isSkipping }
  static let patience = 150

  mutating func feed(_ bytes: some Sequence<UInt8>) -> [Input] {
    pending.append(contentsOf: bytes)
    if isSkipping, !skip() { return [] }
    var inputs: [Input] = []
    var start = 0
    while start < pending.count, let (length, input) = Self.parse(pending[start...]) {
      if let input { inputs.append(input) }
      start += length
    }
    pending.removeFirst(start)
    if pending.count > Self.longest { giveUp() }
    return inputs
  }

  /// Takes what is pending up to the end of the string; false while that has not come.
  private mutating func skip() -> Bool {
    // BEL, ST, or the start of another sequence.
    guard let end = pending.firstIndex(where: { $0 == 0x07 || $0 == 0x1B }) else {
      pending.removeAll()
      return false
    }
    let isTerminator = pending[end] == 0x1B && end + 1 < pending.count && pending[end + 1] == UInt8(ascii: "\\")
    if pending[end] == 0x1B, end + 1 == pending.count {
      pending.removeFirst(end)
      return false
    }
    pending.removeFirst(pending[end] == 0x07 ? end + 1 : isTerminator ? end + 2 : end)
    isSkipping = false
    return true
  }

  /// Drops what is pending; of a string that had begun, what is still to come too. Two bytes may be a key with Alt.
  private mutating func giveUp() {
    isSkipping = pending.count > 2 && pending[0] == 0x1B && Self.strings.contains(pending[1])
    pending.removeAll()
  }

  /// What begins DCS, APC, OSC, PM and SOS after an escape.
  private static let strings = Array("P_]^X".utf8)

  /// Nothing more came: a lone escape is the key, and a string whose end does not come is over.
  mutating func expire() -> Input? {
    if isSkipping {
      isSkipping = false
      pending.removeAll()
      return nil
    }
    defer { giveUp() }
    return pending == [0x1B] ? .key(.escape) : nil
  }

  /// The first input and the bytes it takes; nil while more bytes are needed.
  private static func parse(_ bytes: ArraySlice<UInt8>) -> (Int, Input?)? {
    let bytes = Array(bytes)
    guard bytes[0] == 0x1B else { return character(bytes) }
    guard bytes.count > 1 else { return nil }
    switch bytes[1] {
    case 0x1B: return (1, .key(.escape))
    case UInt8(ascii: "["): return control(bytes)
    case UInt8(ascii: "O"): return bytes.count > 2 ? (3, letter(bytes[2]).map(Input.key)) : nil
    case let start where strings.contains(start): return string(bytes)
    default: return (2, nil)  // a key with Alt
    }
  }

  private static func character(_ bytes: [UInt8]) -> (Int, Input?)? {
    let length = bytes[0] < 0x80 ? 1 : bytes[0] >> 5 == 6 ? 2 : bytes[0] >> 4 == 14 ? 3 : bytes[0] >> 3 == 30 ? 4 : 0
    guard length > 0 else { return (1, nil) }
    guard bytes.count >= length else { return nil }
    let text = String(decoding: bytes[..<length], as: UTF8.self).unicodeScalars
    return (length, text.count == 1 ? text.first.map(Input.character) : nil)
  }

  /// CSI: parameters 0x30...0x3F, intermediates 0x20...0x2F, a final byte 0x40...0x7E.
  private static func control(_ bytes: [UInt8]) -> (Int, Input?)? {
    guard let end = bytes.indices.dropFirst(2).first(where: { !(0x20...0x3F).contains(bytes[$0]) }) else { return nil }
    let length = end + 1
    // Any other byte breaks the sequence off.
    guard (0x40...0x7E).contains(bytes[end]) else { return (end, nil) }
    let body = String(decoding: bytes[2..<end], as: UTF8.self)
    let numbers = body.drop { "?<>=".contains($0) }.split(separator: ";", omittingEmptySubsequences: false)
      .map { Int($0.prefix(while: \.isNumber)) ?? 0 }
    switch (body.first, bytes[end]) {
    case ("<", UInt8(ascii: "M")) where numbers.count == 3:
      let button: Mouse.Button =
        switch numbers[0] & ~0b11100 {  // without Shift, Alt and Control
        case 0: .left
        case 64: .wheelUp
        case 65: .wheelDown
        default: .other
        }
      return (length, .mouse(Mouse(button: button, x: numbers[1] - 1, y: numbers[2] - 1)))
    case ("?", UInt8(ascii: "c")): return (length, .reply(.attributes(Set(numbers))))
    case ("?", UInt8(ascii: "y")) where numbers.count == 2 && body.hasSuffix("$"):
      return (length, .reply(.mode(numbers[0], state: numbers[1])))
    case (_, UInt8(ascii: "t")) where numbers.count == 3 && numbers[0] == 6:
      return (length, .reply(.cellSize(width: numbers[2], height: numbers[1])))
    case (_, UInt8(ascii: "~")): return (length, numbered(numbers.first ?? 0).map(Input.key))
    case ("?", _), ("<", _), (">", _), ("=", _): return (length, nil)
    default: return (length, letter(bytes[end]).map(Input.key))
    }
  }

  /// DCS, APC and OSC: up to ST, an OSC also up to BEL.
  private static func string(_ bytes: [UInt8]) -> (Int, Input?)? {
    for index in bytes.indices.dropFirst(2) {
      if bytes[index] == 0x07, bytes[1] == UInt8(ascii: "]") { return (index + 1, nil) }
      guard bytes[index] == 0x1B else { continue }
      guard index + 1 < bytes.count else { return nil }
      // Only ST ends a string; another sequence breaks it off.
      guard bytes[index + 1] == UInt8(ascii: "\\") else { return (index, nil) }
      return (index + 2, graphics(String(decoding: bytes[1..<index], as: UTF8.self)))
    }
    return nil
  }

  /// "_Gi=31;OK"
  private static func graphics(_ text: String) -> Input? {
    guard text.hasPrefix("_G") else { return nil }
    let parts = text.dropFirst(2).split(separator: ";", maxSplits: 1)
    let id = parts.first?.split(separator: ",").first { $0.hasPrefix("i=") }.flatMap { Int($0.dropFirst(2)) }
    return id.map { .reply(.graphics(id: $0, isDone: parts.last == "OK")) }
  }

  private static func letter(_ byte: UInt8) -> SpecialKey? {
    switch byte {
    case UInt8(ascii: "A"): .up
    case UInt8(ascii: "B"): .down
    case UInt8(ascii: "C"): .right
    case UInt8(ascii: "D"): .left
    case UInt8(ascii: "H"): .home
    case UInt8(ascii: "F"): .end
    case UInt8(ascii: "Z"): .backTab
    default: nil
    }
  }

  private static func numbered(_ number: Int) -> SpecialKey? {
    switch number {
    case 1, 7: .home
    case 4, 8: .end
    case 5: .pageUp
    case 6: .pageDown
    default: nil
    }
  }
}
