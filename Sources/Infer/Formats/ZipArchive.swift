/// The entries of a zip archive that are stored without compression, as PyTorch writes its checkpoints.
///
/// PKWARE's APPNOTE 6.3.9, sections 4.3.7, 4.3.12 and 4.3.16, and the zip64 fields of 4.5.3.
struct ZipArchive {
  /// Where each entry's bytes lie in the archive.
  private(set) var entries: [String: Range<Int>] = [:]

  /// - Parameter name: of the file, for messages.
  init(_ bytes: UnsafeRawBufferPointer, name: String) throws(InferError) {
    func load<T: FixedWidthInteger>(_ type: T.Type, _ offset: Int) throws(InferError) -> Int {
      guard offset >= 0, offset <= bytes.count - MemoryLayout<T>.size else { throw Self.damaged(name) }
      return Int(truncatingIfNeeded: T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: type)))
    }

    // The end record is followed by a comment of at most 64 KiB.
    var end = bytes.count - 22
    let first = max(0, end - 65_535)
    while end >= first {
      if try load(UInt32.self, end) == 0x0605_4B50 { break }
      end -= 1
    }
    guard end >= first else { throw Self.damaged(name) }
    var directory = try load(UInt32.self, end + 16)
    var count = try load(UInt16.self, end + 10)
    if end >= 20, try load(UInt32.self, end - 20) == 0x0706_4B50 {
      let end64 = try load(UInt64.self, end - 12)
      guard try load(UInt32.self, end64) == 0x0606_4B50 else { throw Self.damaged(name) }
      count = try load(UInt64.self, end64 + 32)
      directory = try load(UInt64.self, end64 + 48)
    }
    guard count >= 0, count <= bytes.count / 46 else { throw Self.damaged(name) }

    for _ in 0..<count {
      guard try load(UInt32.self, directory) == 0x0201_4B50 else { throw Self.damaged(name) }
      let (method, nameLength) = (try load(UInt16.self, directory + 10), try load(UInt16.self, directory + 28))
      let (extraLength, commentLength) = (try load(UInt16.self, directory + 30), try load(UInt16.self, directory + 32))
      var size = try load(UInt32.self, directory + 20)
      var header = try load(UInt32.self, directory + 42)
      let nameStart = directory + 46
      guard nameStart + nameLength + extraLength <= bytes.count else { throw Self.damaged(name) }
      let entry = String(decoding: bytes[nameStart..<nameStart + nameLength], as: UTF8.self)

      // zip64 gives, in this order, only those of the fields that do not fit: full size, stored size, place.
      var extra = nameStart + nameLength
      let extraEnd = extra + extraLength
      while extra + 4 <= extraEnd {
        let (tag, length) = (try load(UInt16.self, extra), try load(UInt16.self, extra + 2))
        if tag == 1 {
          var field = extra + 4
          if try load(UInt32.self, directory + 24) == 0xFFFF_FFFF { field += 8 }
          if size == 0xFFFF_FFFF {
            size = try load(UInt64.self, field)
            field += 8
          }
          if header == 0xFFFF_FFFF { header = try load(UInt64.self, field) }
        }
        extra += 4 + length
      }
      guard method == 0 else {
        throw InferError("\(name): '\(entry)' is compressed; save the checkpoint again with PyTorch")
      }
      guard header >= 0, header < bytes.count, size >= 0, try load(UInt32.self, header) == 0x0403_4B50 else {
        throw Self.damaged(name)
      }
      let start = header + 30 + (try load(UInt16.self, header + 26)) + (try load(UInt16.self, header + 28))
      guard start <= bytes.count, size <= bytes.count - start else { throw Self.damaged(name) }
      entries[entry] = start..<start + size
      directory = extraEnd + commentLength
    }
  }

  private static func damaged(_ name: String) -> InferError {
    InferError("\(name): the zip archive is truncated or damaged")
  }
}
