/// The fields of a protocol buffer message, one after the other (protobuf.dev, "Encoding").
///
/// The message is foreign data: no length is believed that its bytes do not back.
struct WireReader {
  enum Value {
    case integer(UInt64)
    case fourBytes(UInt32)
    case eightBytes(UInt64)
    /// Text, bytes, a message or packed numbers: where they lie in the file.
    case counted(Range<Int>)
  }

  private let bytes: UnsafeRawBufferPointer
  private var position: Int
  private let end: Int
  private let name: String

  /// - Parameters:
  ///   - range: of the message in the file; the whole file if absent.
  ///   - name: of the file, for messages.
  init(_ bytes: UnsafeRawBufferPointer, _ range: Range<Int>? = nil, name: String) {
    self.bytes = bytes
    position = range?.lowerBound ?? 0
    end = range?.upperBound ?? bytes.count
    self.name = name
  }

  /// The next field, `nil` at the end of the message.
  mutating func next() throws(InferError) -> (field: Int, value: Value)? {
    guard position < end else { return nil }
    let key = try varint()
    guard let field = Int(exactly: key >> 3), field > 0 else { throw damaged }
    switch key & 7 {
    case 0: return (field, .integer(try varint()))
    case 1: return (field, .eightBytes(try fixed(UInt64.self)))
    case 2:
      guard let count = Int(exactly: try varint()), count <= end - position else { throw damaged }
      position += count
      return (field, .counted(position - count..<position))
    case 5: return (field, .fourBytes(try fixed(UInt32.self)))
    default: throw damaged
    }
  }

  /// Whole numbers to the end: a packed field's.
  mutating func integers() throws(InferError) -> [Int] {
    var values: [Int] = []
    while position < end { values.append(Int(truncatingIfNeeded: try varint())) }
    return values
  }

  private mutating func varint() throws(InferError) -> UInt64 {
    var value: UInt64 = 0
    for shift in stride(from: UInt64(0), to: 70, by: 7) {
      guard position < end else { throw damaged }
      let byte = bytes[position]
      position += 1
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return value }
    }
    throw damaged
  }

  private mutating func fixed<Number: FixedWidthInteger>(_ type: Number.Type) throws(InferError) -> Number {
    guard end - position >= MemoryLayout<Number>.size else { throw damaged }
    defer { position += MemoryLayout<Number>.size }
    return Number(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: type))
  }

  private var damaged: InferError { InferError("\(name): the ONNX file is truncated or damaged") }
}
