import Infer

/// Tensors side by side in one block of memory, in PyTorch's layouts.
final class ParameterSet {
  struct Entry {
    let name: String
    let shape: [Int]
    let range: Range<Int>
  }

  let entries: [Entry]
  let count: Int
  let values: UnsafeMutablePointer<Float>
  private let memory = FloatMemory()
  private let places: [String: Int]

  init(_ shapes: [(name: String, shape: [Int])]) throws(TrainError) {
    var end = 0
    entries = shapes.map { name, shape in
      let start = end
      end += shape.reduce(1, *)
      return Entry(name: name, shape: shape, range: start..<end)
    }
    count = end
    places = Dictionary(uniqueKeysWithValues: entries.enumerated().map { ($1.name, $0) })
    values = try memory.zeros(end)
  }

  /// All values.
  var buffer: UnsafeMutableBufferPointer<Float> { UnsafeMutableBufferPointer(start: values, count: count) }

  /// Where a tensor's values begin.
  subscript(name: String) -> UnsafeMutablePointer<Float> {
    guard let place = places[name] else { preconditionFailure("no parameter '\(name)'") }
    return values + entries[place].range.lowerBound
  }

  var tensors: [String: Tensor] {
    Dictionary(
      uniqueKeysWithValues: entries.map { entry in
        let values = UnsafeBufferPointer(start: values + entry.range.lowerBound, count: entry.range.count)
        return (entry.name, Tensor(shape: entry.shape, values: Array(values)))
      })
  }

  /// Takes the values of every tensor that has the name and shape of one of ours.
  /// - Returns: names of ours that were not among them.
  func load(_ tensors: [String: Tensor]) -> [String] {
    entries.compactMap { entry in
      guard let tensor = tensors[entry.name], tensor.shape == entry.shape else { return entry.name }
      for (index, value) in tensor.values.enumerated() { values[entry.range.lowerBound + index] = value }
      return nil
    }
  }

  func clear() { values.update(repeating: 0, count: count) }
}
