import Foundation

/// A value of a MATLAB file; arrays are column-major.
enum MATLABValue {
  case numbers(shape: [Int], [Double])
  case text(String)
  case cells([MATLABValue])
  case structures([[String: MATLABValue]])

  var numbers: [Double] { if case .numbers(_, let values) = self { values } else { [] } }
  var number: Double? {
    switch self {
    case .numbers(_, let values): values.first
    case .text(let text): Double(text)
    default: nil
    }
  }
  var text: String? { if case .text(let text) = self { text } else { nil } }
  var structures: [[String: MATLABValue]] { if case .structures(let list) = self { list } else { [] } }
}

/// The variables of a MATLAB file of level 5 ("MAT-File Format", MathWorks), compressed or not: numbers, texts, cells and structures.
struct MATLABFile {
  let variables: [String: MATLABValue]
  // MPII's 40,000 people of 16 joints with four values of 64 bytes each are a third of either.
  private static let mostBytes = 512 << 20
  static let mostValues = 8 << 20

  init(contentsOf path: String) throws(TrainError) {
    guard let data = try? Data(contentsOf: URL(fileURLWithPath: path)) else {
      throw TrainError("\(path): the file cannot be read")
    }
    do throws(TrainError) {
      try self.init([UInt8](data))
    } catch {
      throw TrainError("\(path): \(error)")
    }
  }

  init(_ bytes: [UInt8], mostValues: Int = MATLABFile.mostValues) throws(TrainError) {
    guard bytes.count >= 128, bytes[126] == UInt8(ascii: "I"), bytes[127] == UInt8(ascii: "M") else {
      throw TrainError("no MATLAB file of level 5, little endian (files of version 7.3 are HDF5: save them with -v7)")
    }
    var reader = Reader(bytes: bytes[128...])
    var variables: [String: MATLABValue] = [:]
    var left = mostValues
    while let element = try reader.next() {
      var matrix = element
      if element.type == Reader.compressed {
        var inner = Reader(bytes: try Zlib.decompress(element.bytes, limit: Self.mostBytes)[...])
        guard let unpacked = try inner.next() else { continue }
        matrix = unpacked
      }
      guard matrix.type == Reader.matrix else { continue }
      if let (name, value) = try Reader.readMatrix(matrix.bytes, depth: 0, &left) { variables[name] = value }
    }
    self.variables = variables
  }

  private struct Reader {
    static let (matrix, compressed) = (14, 15)
    /// Arrays are values of their own only where there is something in them: eight bytes of a file may name an empty one.
    private static let empty = MATLABValue.numbers(shape: [0, 0], [])
    private static let deepest = 32
    /// Bytes of the names of a structure's fields.
    private static let longest = 1 << 16
    private static let cutOff = TrainError("the MATLAB file is damaged or cut off")
    private static let tooMany = TrainError(
      "the MATLAB file holds more values than MPII's labels or those of Leeds Sports Pose")

    var bytes: ArraySlice<UInt8>

    struct Element {
      var type: Int
      var bytes: ArraySlice<UInt8>
    }

    private static func word(_ bytes: ArraySlice<UInt8>, _ offset: Int) -> Int {
      let start = bytes.startIndex + offset
      return (0..<4).reduce(0) { $0 | Int(bytes[start + $1]) << (8 * $1) }
    }

    /// The next element, `nil` at the end.
    mutating func next() throws(TrainError) -> Element? {
      guard !bytes.isEmpty else { return nil }
      guard bytes.count >= 8 else { throw Self.cutOff }
      let tag = Self.word(bytes, 0)
      if tag >> 16 != 0 {
        // Up to four bytes lie in the tag itself.
        let count = tag >> 16
        guard count <= 4 else { throw Self.cutOff }
        let start = bytes.startIndex + 4
        let element = Element(type: tag & 0xFFFF, bytes: bytes[start..<start + count])
        bytes = bytes.dropFirst(8)
        return element
      }
      let count = Self.word(bytes, 4)
      guard count <= bytes.count - 8 else { throw Self.cutOff }
      let start = bytes.startIndex + 8
      let element = Element(type: tag, bytes: bytes[start..<start + count])
      // Everything but compressed parts is padded to eight bytes.
      bytes = bytes.dropFirst(8 + (tag == Self.compressed ? count : (count + 7) / 8 * 8))
      return element
    }

    private mutating func required() throws(TrainError) -> Element {
      guard let element = try next() else { throw Self.cutOff }
      return element
    }

    /// Values take memory, however few bytes name them.
    private static func take(_ count: Int, of left: inout Int) throws(TrainError) {
      left -= count
      guard left >= 0 else { throw tooMany }
    }

    /// `nil` for kinds that hold nothing for us: sparse matrices, objects, functions.
    /// - Parameter left: values that may still come.
    static func readMatrix(
      _ bytes: ArraySlice<UInt8>, depth: Int, _ left: inout Int
    ) throws(TrainError) -> (String, MATLABValue)? {
      guard depth < deepest else { throw TrainError("nested more than \(deepest) deep") }
      guard !bytes.isEmpty else { return ("", empty) }
      var reader = Reader(bytes: bytes)
      let flags = try reader.required()
      guard flags.bytes.count >= 8 else { throw cutOff }
      let kind = word(flags.bytes, 0) & 0xFF
      let shape = try numbers(reader.required(), &left)
      let name = String(decoding: try reader.required().bytes, as: UTF8.self)
      guard shape.count >= 2, shape.allSatisfy({ $0 >= 0 && $0 <= 1e9 }), shape.reduce(1, *) <= 1e9 else {
        throw cutOff
      }
      let sizes = shape.map { Int($0) }
      // The sizes before a 0 may multiply to anything.
      let count = sizes.contains(0) ? 0 : sizes.reduce(1, *)
      switch kind {
      case 1:
        var cells: [MATLABValue] = []
        for _ in 0..<count { cells.append(try reader.matrix(depth, &left)) }
        return (name, .cells(cells))
      case 2: return (name, .structures(try reader.structures(count, depth, &left)))
      case 4:
        let units = try numbers(reader.required(), &left)
        return (
          name,
          .text(String(String.UnicodeScalarView(units.compactMap { UInt32(exactly: $0).flatMap(Unicode.Scalar.init) })))
        )
      case 6...15:
        let values = try numbers(reader.required(), &left)
        guard values.count == count else { throw cutOff }
        return (name, .numbers(shape: sizes, values))
      default: return nil
      }
    }

    /// An element of a cell or structure; every one takes at least its tag, so that sizes cannot lie.
    private mutating func matrix(_ depth: Int, _ left: inout Int) throws(TrainError) -> MATLABValue {
      try Self.take(1, of: &left)
      let element = try required()
      guard element.type == Self.matrix else { throw Self.cutOff }
      return try Self.readMatrix(element.bytes, depth: depth + 1, &left)?.1 ?? Self.empty
    }

    private mutating func structures(
      _ count: Int, _ depth: Int, _ left: inout Int
    ) throws(TrainError) -> [[String: MATLABValue]] {
      let length = try Self.numbers(required(), &left).first.flatMap { Int(exactly: $0) } ?? 0
      let text = try required().bytes
      guard length > 0, length <= 1024, text.count <= Self.longest else { throw Self.cutOff }
      var names: [String] = []
      for start in stride(from: text.startIndex, to: text.endIndex - length + 1, by: length) {
        names.append(String(decoding: text[start..<start + length].prefix { $0 != 0 }, as: UTF8.self))
      }
      guard !names.isEmpty || count == 0 else { return [] }
      var list: [[String: MATLABValue]] = []
      for _ in 0..<count {
        try Self.take(1, of: &left)
        var fields: [String: MATLABValue] = [:]
        for name in names { fields[name] = try matrix(depth, &left) }
        list.append(fields)
      }
      return list
    }

    /// Numbers of any storage type.
    private static func numbers(_ element: Element, _ left: inout Int) throws(TrainError) -> [Double] {
      let sizes = [1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8, 16: 1, 17: 2, 18: 4]
      guard let size = sizes[element.type], element.bytes.count.isMultiple(of: size) else { throw cutOff }
      // Four of them take about what a value of its own does.
      try take(element.bytes.count / size / 4, of: &left)
      return stride(from: element.bytes.startIndex, to: element.bytes.endIndex, by: size).map { start in
        let bits = (0..<size).reduce(UInt64(0)) { $0 | UInt64(element.bytes[start + $1]) << UInt64(8 * $1) }
        switch element.type {
        case 1: return Double(Int8(truncatingIfNeeded: bits))
        case 3: return Double(Int16(truncatingIfNeeded: bits))
        case 5: return Double(Int32(truncatingIfNeeded: bits))
        case 7: return Double(Float(bitPattern: UInt32(bits)))
        case 9: return Double(bitPattern: bits)
        case 12: return Double(Int64(bitPattern: bits))
        default: return Double(bits)
        }
      }
    }
  }
}
