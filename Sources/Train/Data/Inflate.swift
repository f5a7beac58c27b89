/// Unpacks zlib streams (RFC 1950, RFC 1951), which MATLAB's files are made of.
struct Inflate {
  private let input: ArraySlice<UInt8>
  private var position: Int
  private var bits: UInt32 = 0
  private var bitCount = 0
  private var output: [UInt8] = []
  private let limit: Int

  /// - Parameter limit: bytes that may come out; a stream that holds more is refused.
  static func zlib(_ input: ArraySlice<UInt8>, limit: Int) throws(TrainError) -> [UInt8] {
    let bytes = Array(input.prefix(2))
    guard bytes.count == 2, bytes[0] & 15 == 8, (Int(bytes[0]) << 8 + Int(bytes[1])) % 31 == 0, bytes[1] & 32 == 0
    else {
      throw TrainError("a compressed part is no zlib stream")
    }
    var inflate = Inflate(input: input, position: input.startIndex + 2, limit: limit)
    try inflate.run()
    return inflate.output
  }

  private init(input: ArraySlice<UInt8>, position: Int, limit: Int) {
    (self.input, self.position, self.limit) = (input, position, limit)
  }

  private static let damaged = TrainError("a compressed part is damaged or cut off")

  private mutating func take(_ count: Int) throws(TrainError) -> Int {
    while bitCount < count {
      guard position < input.endIndex else { throw Self.damaged }
      bits |= UInt32(input[position]) << UInt32(bitCount)
      position += 1
      bitCount += 8
    }
    defer {
      bits >>= UInt32(count)
      bitCount -= count
    }
    return Int(bits & (1 << UInt32(count) - 1))
  }

  private mutating func put(_ byte: UInt8) throws(TrainError) {
    guard output.count < limit else { throw TrainError("a compressed part holds more than \(limit) bytes") }
    output.append(byte)
  }

  private mutating func run() throws(TrainError) {
    var isLast = false
    while !isLast {
      isLast = try take(1) == 1
      switch try take(2) {
      case 0: try stored()
      case 1: try coded(Self.fixedLiterals, Self.fixedDistances)
      case 2:
        let (literals, distances) = try readCodes()
        try coded(literals, distances)
      default: throw Self.damaged
      }
    }
  }

  private mutating func stored() throws(TrainError) {
    (bits, bitCount) = (0, 0)
    let (length, complement) = (try take(16), try take(16))
    guard length == complement ^ 0xFFFF, position + length <= input.endIndex else { throw Self.damaged }
    for byte in input[position..<position + length] { try put(byte) }
    position += length
  }

  /// A canonical Huffman code: how many symbols have each length, and the symbols in order.
  private struct Code {
    var counts = [Int](repeating: 0, count: 16)
    var symbols: [Int]

    init(lengths: [Int]) {
      for length in lengths { counts[length] += 1 }
      counts[0] = 0
      var offsets = [Int](repeating: 0, count: 17)
      for length in 1..<16 { offsets[length + 1] = offsets[length] + counts[length] }
      symbols = [Int](repeating: 0, count: lengths.count)
      for (symbol, length) in lengths.enumerated() where length > 0 {
        symbols[offsets[length]] = symbol
        offsets[length] += 1
      }
    }
  }

  private static let fixedLiterals = Code(
    lengths: (0..<288).map { $0 < 144 ? 8 : $0 < 256 ? 9 : $0 < 280 ? 7 : 8 })
  private static let fixedDistances = Code(lengths: [Int](repeating: 5, count: 30))
  private static let lengthBases = [
    3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258,
  ]
  private static let distanceBases = [
    1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
    8193, 12289, 16385, 24577,
  ]

  private mutating func symbol(_ code: Code) throws(TrainError) -> Int {
    var (value, first, index) = (0, 0, 0)
    for length in 1..<16 {
      value |= try take(1)
      let count = code.counts[length]
      if value - count < first { return code.symbols[index + value - first] }
      index += count
      first = (first + count) << 1
      value <<= 1
    }
    throw Self.damaged
  }

  private mutating func readCodes() throws(TrainError) -> (Code, Code) {
    let (literals, distances, count) = (try take(5) + 257, try take(5) + 1, try take(4) + 4)
    guard literals <= 286, distances <= 30 else { throw Self.damaged }
    var lengths = [Int](repeating: 0, count: 19)
    for place in [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15].prefix(count) {
      lengths[place] = try take(3)
    }
    let code = Code(lengths: lengths)
    lengths = []
    while lengths.count < literals + distances {
      switch try symbol(code) {
      case 16:
        guard let last = lengths.last else { throw Self.damaged }
        lengths += [Int](repeating: last, count: try take(2) + 3)
      case 17: lengths += [Int](repeating: 0, count: try take(3) + 3)
      case 18: lengths += [Int](repeating: 0, count: try take(7) + 11)
      case let length: lengths.append(length)
      }
    }
    guard lengths.count == literals + distances else { throw Self.damaged }
    return (Code(lengths: Array(lengths[..<literals])), Code(lengths: Array(lengths[literals...])))
  }

  private mutating func coded(_ literals: Code, _ distances: Code) throws(TrainError) {
    while true {
      let symbol = try symbol(literals)
      if symbol < 256 {
        try put(UInt8(symbol))
        continue
      }
      if symbol == 256 { return }
      let kind = symbol - 257
      guard kind < 29 else { throw Self.damaged }
      let length = Self.lengthBases[kind] + (try take(kind < 8 || kind == 28 ? 0 : kind / 4 - 1))
      let place = try self.symbol(distances)
      guard place < 30 else { throw Self.damaged }
      let distance = Self.distanceBases[place] + (try take(place < 4 ? 0 : place / 2 - 1))
      guard distance <= output.count else { throw Self.damaged }
      for _ in 0..<length { try put(output[output.count - distance]) }
    }
  }
}
