import CZlib

/// zlib streams (RFC 1950): what MATLAB's files are made of, and what a teacher's maps are kept in.
enum Zlib {
  /// The corresponding C function is `compress2`.
  static func compress(_ bytes: UnsafeRawBufferPointer) throws(TrainError) -> [UInt8] {
    var failed = Z_OK
    let packed = [UInt8](unsafeUninitializedCapacity: Int(compressBound(uLong(bytes.count)))) { buffer, count in
      var size = uLong(buffer.count)
      failed = compress2(
        buffer.baseAddress, &size, bytes.baseAddress?.assumingMemoryBound(to: UInt8.self), uLong(bytes.count), 6)
      count = failed == Z_OK ? Int(size) : 0
    }
    guard failed == Z_OK else { throw TrainError("out of memory") }
    return packed
  }

  /// The corresponding C function is `inflate`.
  /// - Parameter limit: bytes that may come out; a stream that holds more is refused.
  static func decompress(_ input: ArraySlice<UInt8>, limit: Int) throws(TrainError) -> [UInt8] {
    var stream = z_stream()
    guard inflateInit_(&stream, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
      throw TrainError("out of memory")
    }
    defer { inflateEnd(&stream) }
    var output: [UInt8] = []
    var code = Z_OK
    input.withUnsafeBufferPointer { input in
      stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
      stream.avail_in = uInt(clamping: input.count)
      while code == Z_OK, output.count <= limit {
        // One byte more than allowed tells that there is more.
        let room = min(limit + 1 - output.count, max(1 << 12, output.count))
        output += [UInt8](unsafeUninitializedCapacity: room) { buffer, count in
          (stream.next_out, stream.avail_out) = (buffer.baseAddress, uInt(clamping: room))
          code = inflate(&stream, Z_NO_FLUSH)
          count = room - Int(stream.avail_out)
        }
      }
    }
    guard output.count <= limit else { throw TrainError("a compressed part holds more than \(limit) bytes") }
    guard code == Z_STREAM_END else { throw TrainError("a compressed part is damaged, cut off or no zlib stream") }
    return output
  }
}
