import Foundation

/// The safetensors format: 8 bytes header length (little endian), a JSON header naming every tensor's type, shape and place,
/// then the tensors' bytes. https://huggingface.co/docs/safetensors
///
/// The file is foreign data: every length is checked against the bytes that are there before anything is allocated for it.
enum Safetensors {
  /// Longer headers than this are refused; ours take 25 kB.
  private static let longestHeader = 16 << 20

  private struct Entry: Decodable {
    var dtype: String
    var shape: [Int]
    var data_offsets: [Int]
  }

  /// A header's value under any key: a tensor's entry, or the metadata.
  private enum Value: Decodable {
    case entry(Entry)
    case metadata([String: String])

    init(from decoder: any Decoder) throws {
      let container = try decoder.singleValueContainer()
      if let entry = try? container.decode(Entry.self) {
        self = .entry(entry)
      } else {
        self = .metadata(try container.decode([String: String].self))
      }
    }
  }

  /// Whether the bytes begin with a length that a header may have and the header's first brace.
  static func mayBegin(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count > 8 && UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self)) <= UInt64(longestHeader)
      && bytes[8] == UInt8(ascii: "{")
  }

  static func read(_ bytes: UnsafeRawBufferPointer, name: String) throws(InferError) -> WeightFile {
    guard bytes.count >= 8 else { throw InferError("\(name): too short for a safetensors file") }
    let length = UInt64(littleEndian: bytes.loadUnaligned(as: UInt64.self))
    guard length <= UInt64(longestHeader), Int(length) <= bytes.count - 8 else {
      throw InferError("\(name): the safetensors header claims \(length) bytes; the file is damaged or something else")
    }
    let header: [String: Value]
    do {
      header = try JSONDecoder().decode([String: Value].self, from: Data(bytes[8..<8 + Int(length)]))
    } catch {
      throw InferError("\(name): the safetensors header is not valid; the file is damaged or something else")
    }

    let data = UnsafeRawBufferPointer(rebasing: bytes[(8 + Int(length))...])
    var file = WeightFile(tensors: [:], metadata: [:])
    var places: [(name: String, shape: [Int], type: ElementType, range: Range<Int>)] = []
    for (key, value) in header {
      switch value {
      case .metadata(let metadata):
        guard key == "__metadata__" else { throw InferError("\(name): tensor '\(key)' has no type, shape and place") }
        file.metadata = metadata
      case .entry(let entry):
        let place = "\(name): tensor '\(key.prefix(Tensor.longestName))'"
        guard key.utf8.count <= Tensor.longestName, entry.shape.count <= Tensor.mostDimensions else {
          throw InferError("\(place) has a name or a shape that is too long; the file is damaged")
        }
        guard let type = ElementType(safetensors: entry.dtype) else {
          throw InferError("\(place) has the unknown type '\(entry.dtype.prefix(16))'")
        }
        guard entry.data_offsets.count == 2, 0 <= entry.data_offsets[0], entry.data_offsets[0] <= entry.data_offsets[1],
          entry.data_offsets[1] <= data.count
        else { throw InferError("\(place) lies outside the file; the file is truncated or damaged") }
        guard let count = Tensor.count(of: entry.shape), count <= data.count,
          count * type.size == entry.data_offsets[1] - entry.data_offsets[0]
        else { throw InferError("\(place) has shape \(entry.shape), which does not fit its bytes") }
        places.append((key, entry.shape, type, entry.data_offsets[0]..<entry.data_offsets[1]))
      }
    }
    // Before anything is copied: overlapping places would let a small file claim any amount of memory.
    places.sort { ($0.range.lowerBound, $0.range.upperBound) < ($1.range.lowerBound, $1.range.upperBound) }
    for (first, second) in zip(places, places.dropFirst()) where second.range.lowerBound < first.range.upperBound {
      throw InferError("\(name): tensors '\(first.name)' and '\(second.name)' overlap; the file is damaged")
    }
    // The format leaves no byte over, so that nothing hides in a file: not even a second file that was appended.
    let claimed = places.reduce(0) { $0 + $1.range.count }
    guard claimed == data.count else {
      throw InferError("\(name): \(data.count - claimed) of its bytes belong to no tensor; the file is damaged")
    }
    for place in places {
      let values = place.type.floats(in: data, at: place.range.lowerBound, count: place.range.count / place.type.size)
      file.tensors[place.name] = Tensor(shape: place.shape, values: values, isBytes: place.type == .int8)
    }
    return file
  }

  /// The whole file, tensors in the order of their names so that equal contents give equal bytes.
  static func bytes(of file: WeightFile) throws(InferError) -> Data {
    var header: [String: Any] = [:]
    if !file.metadata.isEmpty { header["__metadata__"] = file.metadata }
    var offset = 0
    // Bytes come last, so that floats stay aligned.
    let names = file.tensors.sorted { ($0.value.isBytes ? 1 : 0, $0.key) < ($1.value.isBytes ? 1 : 0, $1.key) }.map(
      \.key)
    for name in names {
      guard let tensor = file.tensors[name] else { continue }
      let end = offset + tensor.values.count * (tensor.isBytes ? 1 : 4)
      let type = tensor.isBytes ? "I8" : "F32"
      header[name] = ["dtype": type, "shape": tensor.shape, "data_offsets": [offset, end]] as [String: Any]
      offset = end
    }
    guard
      var json = try? JSONSerialization.data(withJSONObject: header, options: [.sortedKeys, .withoutEscapingSlashes])
    else { throw InferError("the names or metadata of the tensors cannot be written as JSON") }
    // Spaces after the header keep the tensors aligned, as the format advises.
    json.append(Data(repeating: UInt8(ascii: " "), count: (8 - json.count % 8) % 8))

    var data = Data(capacity: 8 + json.count + offset)
    withUnsafeBytes(of: UInt64(json.count).littleEndian) { data.append(contentsOf: $0) }
    data.append(json)
    for name in names {
      guard let tensor = file.tensors[name] else { continue }
      if tensor.isBytes {
        data.append(contentsOf: tensor.values.map { UInt8(bitPattern: Int8(exactly: $0) ?? 0) })
      } else {
        tensor.values.withUnsafeBytes { data.append(contentsOf: $0) }
      }
    }
    return data
  }
}
