import Foundation

/// The f32 tensors of a trusted safetensors file, for rooms that do not know `Infer`.
public struct GoldenTensors {
  private let tensors: [String: (shape: [Int], values: [Float])]

  public init(_ url: URL) throws {
    struct Entry: Decodable {
      var shape: [Int]
      var data_offsets: [Int]
    }
    let data = try Data(contentsOf: url)
    let length = data.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let header = try JSONDecoder().decode([String: Entry].self, from: data.dropFirst(8).prefix(length))
    tensors = header.mapValues { entry in
      let bytes = data.dropFirst(8 + length + entry.data_offsets[0]).prefix(
        entry.data_offsets[1] - entry.data_offsets[0])
      let values = [Float](unsafeUninitializedCapacity: bytes.count / 4) { buffer, count in
        count = bytes.copyBytes(to: buffer) / 4
      }
      return (entry.shape, values)
    }
  }

  public subscript(name: String) -> (shape: [Int], values: [Float])? { tensors[name] }
}
