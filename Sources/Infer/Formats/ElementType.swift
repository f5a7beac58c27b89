/// How a file stores a tensor's elements; all become 32-bit floats when they are read.
enum ElementType {
  case float64, float32, float16, bfloat16
  case int64, int32, int16, int8, uint8, bool

  init?(safetensors name: String) {
    switch name {
    case "F64": self = .float64
    case "F32": self = .float32
    case "F16": self = .float16
    case "BF16": self = .bfloat16
    case "I64": self = .int64
    case "I32": self = .int32
    case "I16": self = .int16
    case "I8": self = .int8
    case "U8": self = .uint8
    case "BOOL": self = .bool
    default: return nil
    }
  }

  /// By the storage classes that PyTorch's pickles name, e.g. `FloatStorage`.
  init?(storage name: String) {
    switch name {
    case "DoubleStorage": self = .float64
    case "FloatStorage": self = .float32
    case "HalfStorage": self = .float16
    case "BFloat16Storage": self = .bfloat16
    case "LongStorage": self = .int64
    case "IntStorage": self = .int32
    case "ShortStorage": self = .int16
    case "CharStorage": self = .int8
    case "ByteStorage": self = .uint8
    case "BoolStorage": self = .bool
    default: return nil
    }
  }

  /// Bytes of one element.
  var size: Int {
    switch self {
    case .float64, .int64: 8
    case .float32, .int32: 4
    case .float16, .bfloat16, .int16: 2
    case .int8, .uint8, .bool: 1
    }
  }

  /// `count` elements, little endian, from byte `offset` on; the caller has checked that they are there.
  func floats(in bytes: UnsafeRawBufferPointer, at offset: Int, count: Int) -> [Float] {
    if case .float32 = self {
      return [Float](unsafeUninitializedCapacity: count) { buffer, initialized in
        if count > 0 {
          UnsafeMutableRawBufferPointer(buffer).copyMemory(
            from: UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count * 4]))
        }
        initialized = count
      }
    }
    return (0..<count).map { float(in: bytes, at: offset + $0 * size) }
  }

  /// The element at byte `offset`, little endian.
  func float(in bytes: UnsafeRawBufferPointer, at offset: Int) -> Float {
    func load<T>(_ type: T.Type) -> T { bytes.loadUnaligned(fromByteOffset: offset, as: type) }
    switch self {
    case .float64: return Float(load(Double.self))
    case .float32: return load(Float.self)
    case .float16: return Float(halfBits: load(UInt16.self))
    case .bfloat16: return Float(bitPattern: UInt32(load(UInt16.self)) << 16)
    case .int64: return Float(load(Int64.self))
    case .int32: return Float(load(Int32.self))
    case .int16: return Float(load(Int16.self))
    case .int8: return Float(load(Int8.self))
    case .uint8, .bool: return Float(load(UInt8.self))
    }
  }
}

extension Float {
  /// From IEEE 754 binary16; Swift's own Float16 is missing on some platforms.
  init(halfBits bits: UInt16) {
    let sign: Float = bits & 0x8000 == 0 ? 1 : -1
    let exponent = Int(bits >> 10 & 0x1F)
    let fraction = Float(bits & 0x3FF)
    switch exponent {
    case 0: self = sign * fraction * 0x1p-24
    case 31: self = fraction == 0 ? sign * .infinity : .nan
    default: self = sign * (1 + fraction * 0x1p-10) * Float(sign: .plus, exponent: exponent - 15, significand: 1)
    }
  }
}
