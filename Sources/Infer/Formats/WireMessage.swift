/// A protocol buffer message as it is written: fields by number, in the order in which they are added
/// (protobuf.dev, "Encoding").
package struct WireMessage {
  package private(set) var bytes: [UInt8] = []

  private enum Kind: UInt64 {
    case varint = 0
    case eightBytes = 1
    case counted = 2
    case fourBytes = 5
  }

  /// The message that `build` fills.
  package init(_ build: (inout WireMessage) -> Void) { build(&self) }

  package mutating func integer(_ field: Int, _ value: Int) {
    key(field, .varint)
    varint(UInt64(bitPattern: Int64(value)))
  }

  package mutating func double(_ field: Int, _ value: Double) {
    key(field, .eightBytes)
    withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 }
  }

  package mutating func float(_ field: Int, _ value: Float) {
    key(field, .fourBytes)
    withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 }
  }

  package mutating func data(_ field: Int, _ value: some Collection<UInt8>) {
    key(field, .counted)
    varint(UInt64(value.count))
    bytes += value
  }

  package mutating func text(_ field: Int, _ value: String) { data(field, value.utf8) }

  package mutating func message(_ field: Int, _ build: (inout WireMessage) -> Void) {
    data(field, WireMessage(build).bytes)
  }

  /// A packed repeated field.
  package mutating func doubles(_ field: Int, _ values: [Double]) {
    key(field, .counted)
    varint(UInt64(8 * values.count))
    for value in values { withUnsafeBytes(of: value.bitPattern.littleEndian) { bytes += $0 } }
  }

  /// A packed repeated field.
  package mutating func integers(_ field: Int, _ values: [Int]) {
    var packed = WireMessage { _ in }
    for value in values { packed.varint(UInt64(bitPattern: Int64(value))) }
    data(field, packed.bytes)
  }

  private mutating func key(_ field: Int, _ kind: Kind) { varint(UInt64(field) << 3 | kind.rawValue) }

  private mutating func varint(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    bytes.append(UInt8(rest))
  }
}
