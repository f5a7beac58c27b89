/// How TensorFlow frames the records of a file, so that a damaged or cut off one is noticed
/// (tensorflow/core/lib/io/record_writer.h): length as 8 bytes, masked CRC of the length, the record, its masked CRC, all
/// little-endian.
enum RecordFraming {
  static func append(_ record: [UInt8], to bytes: inout [UInt8]) {
    let length = littleEndian(UInt64(record.count))
    bytes += length
    bytes += littleEndian(mask(checksum(length)))
    bytes += record
    bytes += littleEndian(mask(checksum(record)))
  }

  /// A checksum of bytes that hold checksums themselves would be weak, hence the mask.
  static func mask(_ checksum: UInt32) -> UInt32 { (checksum >> 15 | checksum << 17) &+ 0xA282_EAD8 }

  /// CRC-32C (Castagnoli; RFC 3720, appendix B.4).
  static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
    func sum(_ bytes: some Sequence<UInt8>) -> UInt32 {
      ~bytes.reduce(~UInt32(0)) { table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ $0 >> 8 }
    }
    return bytes.withContiguousStorageIfAvailable { sum($0) } ?? sum(bytes)
  }

  private static let table: [UInt32] = (0..<256).map { byte in
    (0..<8).reduce(UInt32(byte)) { value, _ in value >> 1 ^ (value & 1 == 1 ? 0x82F6_3B78 : 0) }
  }

  private static func littleEndian(_ value: some FixedWidthInteger) -> [UInt8] {
    withUnsafeBytes(of: value.littleEndian, Array.init)
  }
}
