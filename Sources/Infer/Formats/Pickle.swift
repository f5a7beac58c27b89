import Foundation

/// Reads the pickles that `torch.save` writes, as data: nothing is imported, called or executed.
///
/// A pickle is a program for a stack machine. This machine knows the opcodes and the few globals a checkpoint of tensors needs
/// and refuses everything else by name. Containers live in one flat arena and refer to each other by index, so that neither
/// deep nesting nor cycles can exhaust anything. Opcodes: CPython's `Lib/pickletools.py`.
struct Pickle {
  enum Value: Equatable {
    case none
    case bool(Bool)
    case int(Int)
    case float(Double)
    case string(String)
    /// A tuple or list, by its index in `sequences`.
    case sequence(Int)
    /// A dictionary, by its index in `dictionaries`.
    case dictionary(Int)
    case global(String)
    case storage(Storage)
    /// A tensor, by its index in `tensors`.
    case tensor(Int)
    case mark
  }

  /// A block of elements outside the pickle.
  struct Storage: Equatable {
    var key: String
    var type: ElementType
    var count: Int
  }

  /// A view of a storage, in elements.
  struct TensorView: Equatable {
    var storage: Storage
    var offset: Int
    var shape: [Int]
    var strides: [Int]
  }

  private(set) var sequences: [[Value]] = []
  private(set) var dictionaries: [[(key: Value, value: Value)]] = []
  private(set) var tensors: [TensorView] = []

  private let bytes: UnsafeRawBufferPointer
  private let name: String
  private(set) var position: Int
  private var stack: [Value] = []
  private var memo: [Int: Value] = [:]
  /// Pairs that dictionaries were made of.
  private var copied = 0

  /// - Parameters:
  ///   - bytes: must outlive this value.
  ///   - position: where the first pickle begins; after `load()` it is where that one ended.
  init(_ bytes: UnsafeRawBufferPointer, at position: Int = 0, name: String) {
    self.bytes = bytes
    self.position = position
    self.name = name
  }

  /// The value of a key of a dictionary, if both are there.
  func lookUp(_ key: String, in value: Value) -> Value? {
    guard case .dictionary(let index) = value else { return nil }
    return dictionaries[index].last { $0.key == .string(key) }?.value
  }

  /// Runs one pickle up to its STOP and returns what it built.
  ///
  /// What it builds takes up to some 130 bytes of memory per byte of the pickle.
  mutating func load() throws(InferError) -> Value {
    stack.removeAll()
    memo.removeAll()
    while true {
      let opcode = try byte()
      switch opcode {
      case UInt8(ascii: "."): return try pop()
      case 0x80: _ = try byte()  // PROTO
      case UInt8(ascii: "("): stack.append(.mark)
      case UInt8(ascii: "N"): stack.append(.none)
      case 0x88: stack.append(.bool(true))
      case 0x89: stack.append(.bool(false))
      case UInt8(ascii: "J"): stack.append(.int(Int(Int32(bitPattern: UInt32(try integer(4))))))
      case UInt8(ascii: "K"): stack.append(.int(try integer(1)))
      case UInt8(ascii: "M"): stack.append(.int(try integer(2)))
      case 0x8A: stack.append(try long(count: try integer(1)))
      case UInt8(ascii: "G"):
        let raw = try take(8)
        stack.append(.float(Double(bitPattern: UInt64(bigEndian: raw.loadUnaligned(as: UInt64.self)))))
      case UInt8(ascii: "X"): stack.append(.string(try text(count: try integer(4))))
      case UInt8(ascii: "T"): stack.append(.string(try text(count: try integer(4))))
      case UInt8(ascii: "U"): stack.append(.string(try text(count: try integer(1))))
      case 0x8C: stack.append(.string(try text(count: try integer(1))))
      case 0x95: _ = try take(8)  // FRAME: how much a reader may fetch at once
      case UInt8(ascii: ")"), UInt8(ascii: "]"): push(sequence: [])
      case UInt8(ascii: "t"), UInt8(ascii: "l"): push(sequence: try popToMark())
      case 0x85, 0x86, 0x87: push(sequence: try pop(count: Int(opcode) - 0x84))
      case UInt8(ascii: "a"): try append([try pop()])
      case UInt8(ascii: "e"): try append(try popToMark())
      case UInt8(ascii: "}"): push(dictionary: [])
      case UInt8(ascii: "d"):
        let items = try popToMark()
        push(dictionary: try pairs(items))
      case UInt8(ascii: "s"):
        let item = try pop(count: 2)
        try set(try pairs(item))
      case UInt8(ascii: "u"):
        let items = try popToMark()
        try set(try pairs(items))
      case UInt8(ascii: "q"): memo[try integer(1)] = try top()
      case UInt8(ascii: "r"): memo[try integer(4)] = try top()
      case 0x94: memo[memo.count] = try top()
      case UInt8(ascii: "h"): stack.append(try recall(try integer(1)))
      case UInt8(ascii: "j"): stack.append(try recall(try integer(4)))
      case UInt8(ascii: "c"): stack.append(try global(module: try line(), name: try line()))
      case 0x93:  // STACK_GLOBAL
        guard case .string(let global) = try pop(), case .string(let module) = try pop() else {
          throw damaged("a global without a name")
        }
        stack.append(try self.global(module: module, name: global))
      case UInt8(ascii: "Q"):
        let id = try pop()
        stack.append(try persistent(id))
      case UInt8(ascii: "R"):
        let (tuple, callee) = (try pop(), try pop())
        stack.append(try reduce(callee, try elements(tuple)))
      // BUILD sets attributes, such as the `_metadata` of a state dict; what stands below is the value itself.
      case UInt8(ascii: "b"): _ = try pop()
      default:
        throw InferError("\(name): refused: pickle opcode 0x\(String(opcode, radix: 16)) is not needed for weights")
      }
    }
  }

  // MARK: - What a checkpoint may name

  private func global(module: String, name global: String) throws(InferError) -> Value {
    let full = "\(module).\(global)"
    switch full {
    // The milestones of a learning rate's schedule are a Counter.
    case "collections.OrderedDict", "collections.Counter", "torch._utils._rebuild_tensor",
      "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_parameter", "torch.Size":
      return .global(full)
    default:
      if module == "torch", ElementType(storage: global) != nil { return .global(full) }
      throw InferError(
        "\(name): refused: the pickle names '\(full.prefix(256))', which is not needed for weights and could run code")
    }
  }

  private mutating func reduce(_ callee: Value, _ arguments: [Value]) throws(InferError) -> Value {
    guard case .global(let callee) = callee else { throw damaged("REDUCE of something that is no global") }
    switch callee {
    case "collections.OrderedDict":
      dictionaries.append([])
      // An OrderedDict may be given its pairs as a list of two-tuples.
      if let first = arguments.first {
        let pairs = try elements(first)
        copied += pairs.count
        // What was remembered can be copied again and again by two bytes each; honest pairs take more than that.
        guard copied <= position else { throw damaged("more pairs than bytes to hold them") }
        for pair in pairs {
          let pair = try elements(pair)
          guard pair.count == 2 else { throw damaged("an OrderedDict of things that are no pairs") }
          dictionaries[dictionaries.count - 1].append((pair[0], pair[1]))
        }
      }
      return .dictionary(dictionaries.count - 1)
    case "collections.Counter":
      if case .dictionary? = arguments.first { return arguments[0] }
      dictionaries.append([])
      return .dictionary(dictionaries.count - 1)
    case "torch.Size":
      guard let shape = arguments.first else { throw damaged("a torch.Size of nothing") }
      return shape
    case "torch._utils._rebuild_parameter":
      guard case .tensor? = arguments.first else { throw damaged("a parameter without a tensor") }
      return arguments[0]
    case "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2":
      guard arguments.count >= 4, case .storage(let storage) = arguments[0], case .int(let offset) = arguments[1] else {
        throw damaged("a tensor without a storage")
      }
      let (shape, strides) = (try dimensions(arguments[2]), try dimensions(arguments[3]))
      guard shape.count == strides.count else {
        throw damaged("a tensor with \(shape.count) sizes, \(strides.count) strides")
      }
      tensors.append(TensorView(storage: storage, offset: offset, shape: shape, strides: strides))
      return .tensor(tensors.count - 1)
    default:
      throw damaged("a call of \(callee)")
    }
  }

  /// ('storage', class, key, device, element count[, view])
  private func persistent(_ id: Value) throws(InferError) -> Value {
    let parts = try elements(id)
    guard parts.count >= 5, parts[0] == .string("storage"), case .global(let type) = parts[1],
      let type = ElementType(storage: String(type.dropFirst("torch.".count))),
      case .string(let key) = parts[2], case .int(let count) = parts[4], count >= 0
    else { throw damaged("a persistent id that is no storage") }
    // What was remembered can be named again by two bytes, and is compared each time.
    guard key.utf8.count <= Tensor.longestName else { throw damaged("a storage whose key has \(key.utf8.count) bytes") }
    if parts.count > 5, parts[5] != .none { throw InferError("\(name): storages that are views are not supported") }
    return .storage(Storage(key: key, type: type, count: count))
  }

  // MARK: - The machine

  private func damaged(_ what: String) -> InferError {
    InferError("\(name): the pickle is damaged near byte \(position): \(what)")
  }

  private mutating func take(_ count: Int) throws(InferError) -> UnsafeRawBufferPointer {
    guard count >= 0, count <= bytes.count - position else { throw damaged("it ends too early") }
    defer { position += count }
    return UnsafeRawBufferPointer(rebasing: bytes[position..<position + count])
  }

  private mutating func byte() throws(InferError) -> UInt8 { try take(1)[0] }

  /// An unsigned little-endian integer of up to 4 bytes.
  private mutating func integer(_ count: Int) throws(InferError) -> Int {
    try take(count).reversed().reduce(0) { $0 << 8 | Int($1) }
  }

  /// LONG1. Longer than 8 bytes is only the magic number of the legacy form; it is kept as text.
  private mutating func long(count: Int) throws(InferError) -> Value {
    let raw = try take(count)
    if count > 8 { return .string(raw.reversed().map { String(format: "%02x", $0) }.joined()) }
    let isNegative = raw.last.map { $0 & 0x80 != 0 } ?? false
    return .int(raw.reversed().reduce(isNegative ? -1 : 0) { $0 << 8 | Int($1) })
  }

  private mutating func text(count: Int) throws(InferError) -> String {
    String(decoding: try take(count), as: UTF8.self)
  }

  private mutating func line() throws(InferError) -> String {
    guard let end = bytes[position...].prefix(256).firstIndex(of: UInt8(ascii: "\n")) else {
      throw damaged("a name without an end")
    }
    let text = String(decoding: bytes[position..<end], as: UTF8.self)
    position = end + 1
    return text
  }

  private func top() throws(InferError) -> Value {
    guard let value = stack.last else { throw damaged("an empty stack") }
    return value
  }

  private mutating func pop() throws(InferError) -> Value {
    guard let value = stack.popLast() else { throw damaged("an empty stack") }
    return value
  }

  private mutating func pop(count: Int) throws(InferError) -> [Value] {
    guard stack.count >= count else { throw damaged("an empty stack") }
    defer { stack.removeLast(count) }
    return Array(stack.suffix(count))
  }

  private mutating func popToMark() throws(InferError) -> [Value] {
    guard let mark = stack.lastIndex(of: .mark) else { throw damaged("a missing MARK") }
    defer { stack.removeSubrange(mark...) }
    return Array(stack[(mark + 1)...])
  }

  private func recall(_ index: Int) throws(InferError) -> Value {
    guard let value = memo[index] else { throw damaged("memo \(index) was never set") }
    return value
  }

  private mutating func push(sequence: [Value]) {
    sequences.append(sequence)
    stack.append(.sequence(sequences.count - 1))
  }

  private mutating func push(dictionary: [(key: Value, value: Value)]) {
    dictionaries.append(dictionary)
    stack.append(.dictionary(dictionaries.count - 1))
  }

  private mutating func append(_ values: [Value]) throws(InferError) {
    guard case .sequence(let index) = try top() else { throw damaged("APPEND to something that is no list") }
    sequences[index].append(contentsOf: values)
  }

  private mutating func set(_ pairs: [(key: Value, value: Value)]) throws(InferError) {
    guard case .dictionary(let index) = try top() else { throw damaged("SETITEM on something that is no dictionary") }
    dictionaries[index].append(contentsOf: pairs)
  }

  private func pairs(_ values: [Value]) throws(InferError) -> [(key: Value, value: Value)] {
    guard values.count.isMultiple(of: 2) else { throw damaged("a key without a value") }
    return stride(from: 0, to: values.count, by: 2).map { (values[$0], values[$0 + 1]) }
  }

  private func elements(_ value: Value) throws(InferError) -> [Value] {
    guard case .sequence(let index) = value else { throw damaged("something that should be a tuple") }
    return sequences[index]
  }

  private func dimensions(_ value: Value) throws(InferError) -> [Int] {
    var integers: [Int] = []
    let elements = try elements(value)
    guard elements.count <= 8 else { throw damaged("a tensor of \(elements.count) dimensions") }
    for element in elements {
      guard case .int(let integer) = element else { throw damaged("a size that is no integer") }
      integers.append(integer)
    }
    return integers
  }
}
