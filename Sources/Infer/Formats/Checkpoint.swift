/// PyTorch checkpoints: the zip form that `torch.save` writes since 1.6, and the legacy form before it, in which
/// Lightweight OpenPose was published. Only the tensors of the state dict are read.
enum Checkpoint {
  /// First pickle of the legacy form: the number 0x1950a86a20f9469cfc6c.
  static let legacyStart: [UInt8] = [
    0x80, 0x02, 0x8A, 0x0A, 0x6C, 0xFC, 0x9C, 0x46, 0xF9, 0x20, 0x6A, 0xA8, 0x50, 0x19,
  ]
  static let zipStart: [UInt8] = Array("PK\u{3}\u{4}".utf8)

  static func read(zip bytes: UnsafeRawBufferPointer, name: String) throws(InferError) -> WeightFile {
    let archive = try ZipArchive(bytes, name: name)
    guard let pickleName = archive.entries.keys.filter({ $0.hasSuffix("/data.pkl") }).min(),
      let range = archive.entries[pickleName]
    else { throw InferError("\(name): a zip archive, but no PyTorch checkpoint: it holds no data.pkl") }
    let folder = pickleName.dropLast("data.pkl".count)
    var pickle = Pickle(UnsafeRawBufferPointer(rebasing: bytes[range]), name: name)
    let top = try pickle.load()
    return try weights(of: top, in: pickle, bytes: bytes, name: name) { archive.entries["\(folder)data/\($0.key)"] }
  }

  static func read(legacy bytes: UnsafeRawBufferPointer, name: String) throws(InferError) -> WeightFile {
    // Magic number, protocol version and system information come before the checkpoint itself.
    var pickle = Pickle(bytes, name: name)
    for _ in 0..<3 { _ = try pickle.load() }
    let top = try pickle.load()
    guard case .sequence(let keys) = try pickle.load() else {
      throw InferError("\(name): the list of storages is missing")
    }

    var types: [String: ElementType] = [:]
    for tensor in pickle.tensors { types[tensor.storage.key] = tensor.storage.type }
    var ranges: [String: Range<Int>] = [:]
    var position = pickle.position
    for key in pickle.sequences[keys] {
      guard case .string(let key) = key, position <= bytes.count - 8 else {
        throw InferError("\(name): truncated: storages are missing")
      }
      let count = Int(
        truncatingIfNeeded: Int64(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: Int64.self)))
      position += 8
      // A storage that no tensor uses has a type we never learn, so what follows it cannot be found.
      guard let type = types[key] else { throw InferError("\(name): storage '\(key)' belongs to no tensor") }
      guard count >= 0, count <= (bytes.count - position) / type.size else {
        throw InferError("\(name): truncated: storage '\(key)' claims \(count) elements")
      }
      ranges[key] = position..<position + count * type.size
      position += count * type.size
    }
    return try weights(of: top, in: pickle, bytes: bytes, name: name) { ranges[$0.key] }
  }

  private static func weights(
    of top: Pickle.Value, in pickle: Pickle, bytes: UnsafeRawBufferPointer, name: String,
    place: (Pickle.Storage) -> Range<Int>?
  ) throws(InferError) -> WeightFile {
    guard case .dictionary(let state) = pickle.lookUp("state_dict", in: top) ?? top else {
      throw InferError("\(name): the checkpoint holds no state dict")
    }
    var file = WeightFile(tensors: [:], metadata: [:])
    for key in ["iter", "current_epoch"] {
      if case .int(let value)? = pickle.lookUp(key, in: top) { file.metadata[key] = String(value) }
    }
    if case .dictionary(let metadata)? = pickle.lookUp("metadata", in: top) {
      for case (.string(let key), .string(let value)) in pickle.dictionaries[metadata]
      where key.utf8.count <= Tensor.longestName {
        file.metadata[key] = value
      }
    }
    // Many views of one storage would let a small file claim any amount of memory.
    var remaining = 16 * bytes.count
    for (key, value) in pickle.dictionaries[state] {
      guard case .string(let key) = key, case .tensor(let index) = value else { continue }
      // What was remembered can be named again by two bytes.
      guard key.utf8.count <= Tensor.longestName else {
        throw InferError("\(name): the name of a tensor has \(key.utf8.count) bytes; the file is damaged")
      }
      let view = pickle.tensors[index]
      let tensorName = key.hasPrefix("module.") ? String(key.dropFirst("module.".count)) : key
      let label = "\(name): tensor '\(tensorName)'"
      guard let range = place(view.storage) else {
        throw InferError("\(label): its storage is missing; the file is truncated")
      }
      let storage = UnsafeRawBufferPointer(rebasing: bytes[range])
      let tensor = try materialise(view, from: storage, label: label)
      remaining -= tensor.values.count * 4
      guard remaining >= 0 else {
        throw InferError("\(name): its tensors claim far more memory than the file has bytes")
      }
      file.tensors[tensorName] = tensor
    }
    guard !file.tensors.isEmpty else { throw InferError("\(name): the checkpoint's state dict holds no tensors") }
    return file
  }

  private static func materialise(
    _ view: Pickle.TensorView, from storage: UnsafeRawBufferPointer, label: String
  ) throws(InferError) -> Tensor {
    let available = storage.count / view.storage.type.size
    guard let count = Tensor.count(of: view.shape), count <= available, view.offset >= 0, view.offset <= available
    else {
      throw InferError("\(label): shape \(view.shape) does not fit its storage of \(available) elements")
    }
    guard count > 0 else { return Tensor(shape: view.shape, values: []) }
    // A scalar has no strides to check.
    guard view.offset < available else {
      throw InferError("\(label): it begins behind the \(available) elements of its storage")
    }

    var last = view.offset
    var contiguous = 1
    var isContiguous = true
    for (size, stride) in zip(view.shape, view.strides).reversed() {
      let (reach, overflow) = (size - 1).multipliedReportingOverflow(by: stride)
      guard stride >= 0, !overflow, reach < available - last else {
        throw InferError("\(label): strides \(view.strides) leave its storage of \(available) elements")
      }
      last += reach
      if size > 1 && stride != contiguous { isContiguous = false }
      contiguous *= size
    }
    let type = view.storage.type
    if isContiguous {
      return Tensor(
        shape: view.shape, values: type.floats(in: storage, at: view.offset * type.size, count: count))
    }
    var values: [Float] = []
    values.reserveCapacity(count)
    var position = [Int](repeating: 0, count: view.shape.count)
    for _ in 0..<count {
      let element = zip(position, view.strides).reduce(view.offset) { $0 + $1.0 * $1.1 }
      values.append(type.float(in: storage, at: element * type.size))
      for dimension in position.indices.reversed() {
        position[dimension] += 1
        if position[dimension] < view.shape[dimension] { break }
        position[dimension] = 0
      }
    }
    return Tensor(shape: view.shape, values: values)
  }
}
