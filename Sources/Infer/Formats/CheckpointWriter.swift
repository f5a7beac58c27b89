import CZlib

/// A model as a PyTorch checkpoint: what `torch.save({'state_dict': …, 'metadata': …})` writes, in the zip form, under the
/// names of the reference implementation, which loads it.
enum CheckpointWriter {
  static func bytes(of model: Model, metadata: [String: String]) -> [UInt8] {
    let tensors = model.graph.tensorShapes
    var archive = ZipWriter()
    archive.add("model/data.pkl", pickle(tensors, metadata))
    for (index, tensor) in tensors.enumerated() {
      model.values(tensor.name).withUnsafeBytes { archive.add("model/data/\(index)", $0) }
    }
    archive.add("model/version", Array("3\n".utf8))
    return archive.finished()
  }

  /// Protocol 2; the operations are named in Python's pickletools.
  private static func pickle(_ tensors: [(name: String, shape: [Int])], _ metadata: [String: String]) -> [UInt8] {
    var bytes: [UInt8] = [0x80, 2]
    func operation(_ code: Character) { bytes += Array(String(code).utf8) }
    func global(_ module: String, _ name: String) { bytes += Array("c\(module)\n\(name)\n".utf8) }
    func text(_ text: String) {
      operation("X")
      withUnsafeBytes(of: UInt32(text.utf8.count).littleEndian) { bytes += $0 }
      bytes += Array(text.utf8)
    }
    func number(_ number: Int) {
      operation("J")
      withUnsafeBytes(of: Int32(clamping: number).littleEndian) { bytes += $0 }
    }
    func tuple(_ elements: () -> Void) {
      operation("(")
      elements()
      operation("t")
    }
    func orderedDictionary() {
      global("collections", "OrderedDict")
      operation(")")
      operation("R")
    }

    operation("}")
    operation("(")
    text("state_dict")
    orderedDictionary()
    operation("(")
    for (index, tensor) in tensors.enumerated() {
      text(tensor.name)
      global("torch._utils", "_rebuild_tensor_v2")
      tuple {
        tuple {
          text("storage")
          global("torch", "FloatStorage")
          text("\(index)")
          text("cpu")
          number(tensor.shape.reduce(1, *))
        }
        operation("Q")
        number(0)
        tuple { for size in tensor.shape { number(size) } }
        tuple {
          for place in tensor.shape.indices { number(tensor.shape[(place + 1)...].reduce(1, *)) }
        }
        // requires_grad: no.
        bytes.append(0x89)
        orderedDictionary()
      }
      operation("R")
    }
    operation("u")
    text("metadata")
    operation("}")
    operation("(")
    for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
      text(key)
      text(value)
    }
    operation("u")
    operation("u")
    operation(".")
    return bytes
  }
}

/// Writes a zip archive of entries without compression (PKWARE's APPNOTE 6.3.9), below 4 GB.
private struct ZipWriter {
  private var bytes: [UInt8] = []
  private var directory: [UInt8] = []
  private var count: UInt16 = 0

  mutating func add(_ name: String, _ contents: some Sequence<UInt8>) {
    let contents = Array(contents)
    let start = UInt32(bytes.count)
    let checksum = contents.withUnsafeBufferPointer { UInt32(truncatingIfNeeded: crc32_z(0, $0.baseAddress, $0.count)) }
    // Version 2.0, no flags, stored, 1 January 1980: equal models give equal files.
    var shared: [UInt8] = [20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0]
    for number in [checksum, UInt32(contents.count), UInt32(contents.count)] {
      withUnsafeBytes(of: number.littleEndian) { shared += $0 }
    }
    withUnsafeBytes(of: UInt16(name.utf8.count).littleEndian) { shared += $0 }
    bytes += [0x50, 0x4B, 3, 4] + shared + [0, 0] + Array(name.utf8) + contents
    // No extra field, no comment, disk 0, no attributes.
    directory += [0x50, 0x4B, 1, 2, 20, 0] + shared + [UInt8](repeating: 0, count: 12)
    withUnsafeBytes(of: start.littleEndian) { directory += $0 }
    directory += Array(name.utf8)
    count += 1
  }

  consuming func finished() -> [UInt8] {
    let start = UInt32(bytes.count)
    bytes += directory
    bytes += [0x50, 0x4B, 5, 6, 0, 0, 0, 0]
    for _ in 0..<2 { withUnsafeBytes(of: count.littleEndian) { bytes += $0 } }
    for number in [UInt32(directory.count), start] { withUnsafeBytes(of: number.littleEndian) { bytes += $0 } }
    return bytes + [0, 0]
  }
}
