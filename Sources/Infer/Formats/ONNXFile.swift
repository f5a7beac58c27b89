/// What an ONNX file says: nodes, weights, and the names of what goes in and comes out. Nothing is interpreted yet.
///
/// The messages of onnx/onnx.proto3, IR version 3 to 13; quoted numbers are the fields' there.
struct ONNXFile {
  struct Node {
    var operation = ""
    var name = ""
    /// Of another operator set than ONNX's own.
    var domain = ""
    var inputs: [String] = []
    var outputs: [String] = []
    var attributes: [String: Attribute] = [:]
  }

  enum Attribute {
    case number(Float)
    case integer(Int)
    case integers([Int])
    case text(String)
    case tensor(StoredTensor)
  }

  /// Where a tensor's elements lie in the file.
  struct StoredTensor {
    var name = ""
    var shape: [Int] = []
    var type: ElementType?
    /// Number that the file gives the type.
    var typeNumber = 0
    var elements = 0..<0
    /// Its elements where the file holds 16 bits in a number of 32 each.
    var halves: [UInt16] = []
    var isElsewhere = false
  }

  /// First byte of every ONNX file that is known: field 1, the version of its form.
  static let start: UInt8 = 0x08

  private(set) var producer = ""
  private(set) var metadata: [String: String] = [:]
  private(set) var nodes: [Node] = []
  private(set) var weights: [String: StoredTensor] = [:]
  private(set) var inputs: [String] = []
  private(set) var outputs: [String] = []

  /// The node that computes each value.
  private var producers: [String: Int] = [:]

  private let bytes: UnsafeRawBufferPointer
  private let name: String

  /// - Parameters:
  ///   - bytes: they must outlive this value.
  ///   - name: of the file, for messages.
  init(_ bytes: UnsafeRawBufferPointer, name: String) throws(InferError) {
    (self.bytes, self.name) = (bytes, name)
    var hasGraph = false
    var reader = WireReader(bytes, nil, name: name)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (2, .counted(let range)): producer = try text(range)
      case (7, .counted(let range)):
        hasGraph = true
        try readGraph(range)
      case (14, .counted(let range)):
        let entry = try textFields(range, isNote: true)
        if let key = entry[1] { metadata[key] = entry[2] ?? "" }
      default: break
      }
    }
    guard hasGraph else { throw InferError("\(name): neither a model file nor a checkpoint, or damaged") }
    for node in nodes where node.operation == "Constant" {
      if case .tensor(let tensor)? = node.attributes["value"], let output = node.outputs.first {
        weights[output] = tensor
      }
    }
    // Older files name their weights among the inputs.
    inputs.removeAll { weights[$0] != nil }
    for (index, node) in nodes.enumerated() {
      for output in node.outputs where !output.isEmpty { producers[output] = index }
    }
  }

  // MARK: - Reading

  /// Place of the node that computes a value, `nil` for an input or a weight.
  func producer(_ value: String) -> Int? { producers[value] }

  /// A value's name before what only passes it on. Exporters put few such nodes in a row; a file of millions must not take hours.
  func plain(_ value: String) -> String {
    var value = value
    for _ in 0..<8 {
      guard let node = producers[value].map({ nodes[$0] }), ["Identity", "Cast", "Dropout"].contains(node.operation),
        let input = node.inputs.first
      else { break }
      value = input
    }
    return value
  }

  /// The weights that a node takes at a place, `nil` if it takes none there or computed ones.
  func weight(_ node: Node, _ place: Int) -> StoredTensor? {
    place < node.inputs.count ? weights[plain(node.inputs[place])] : nil
  }

  /// Shape of a convolution's weights (outputs, inputs of a group, rows, columns), `nil` of another node.
  func kernels(_ node: Node) -> [Int]? {
    guard node.operation == "Conv", let shape = weight(node, 1)?.shape, shape.count == 4 else { return nil }
    return shape
  }

  /// A tensor's elements as floats.
  func floats(of stored: StoredTensor) throws(InferError) -> Tensor {
    let place = "\(name): tensor '\(stored.name.prefix(Tensor.longestName))'"
    guard !stored.isElsewhere else {
      throw InferError("\(place) lies in another file; save the model as one file, without external data")
    }
    guard let type = stored.type else {
      throw InferError("\(place) has elements of ONNX's type \(stored.typeNumber); a model with floats is needed")
    }
    guard stored.shape.count <= Tensor.mostDimensions else {
      throw InferError("\(place) has \(stored.shape.count) dimensions; the file is damaged")
    }
    guard let count = Tensor.count(of: stored.shape),
      count == (stored.halves.isEmpty ? stored.elements.count / type.size : stored.halves.count),
      !stored.halves.isEmpty || stored.elements.count.isMultiple(of: type.size)
    else { throw InferError("\(place) has shape \(stored.shape), which does not fit its bytes") }
    guard stored.halves.isEmpty else {
      let values = stored.halves.withUnsafeBytes { type.floats(in: $0, at: 0, count: count) }
      return Tensor(shape: stored.shape, values: values)
    }
    return Tensor(
      shape: stored.shape, values: type.floats(in: bytes, at: stored.elements.lowerBound, count: count))
  }

  // MARK: - Messages

  private mutating func readGraph(_ range: Range<Int>) throws(InferError) {
    var reader = WireReader(bytes, range, name: name)
    while let (field, value) = try reader.next() {
      guard case .counted(let range) = value else { continue }
      switch field {
      case 1: nodes.append(try node(range))
      case 5:
        let tensor = try self.tensor(range)
        weights[tensor.name] = tensor
      case 11: inputs.append(try textFields(range)[1] ?? "")
      case 12: outputs.append(try textFields(range)[1] ?? "")
      default: break
      }
    }
  }

  private func node(_ range: Range<Int>) throws(InferError) -> Node {
    var node = Node()
    var reader = WireReader(bytes, range, name: name)
    while let (field, value) = try reader.next() {
      guard case .counted(let range) = value else { continue }
      switch field {
      case 1: node.inputs.append(try text(range))
      case 2: node.outputs.append(try text(range))
      case 3: node.name = try text(range)
      case 4: node.operation = try text(range)
      case 5:
        if let (key, attribute) = try self.attribute(range) { node.attributes[key] = attribute }
      case 7: node.domain = try text(range)
      default: break
      }
    }
    return node
  }

  private func attribute(_ range: Range<Int>) throws(InferError) -> (String, Attribute)? {
    var (key, attribute) = ("", nil as Attribute?)
    var integers: [Int] = []
    var reader = WireReader(bytes, range, name: name)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (1, .counted(let range)): key = try text(range)
      case (2, .fourBytes(let bits)): attribute = .number(Float(bitPattern: bits))
      case (3, .integer(let number)): attribute = .integer(Int(truncatingIfNeeded: number))
      case (4, .counted(let range)): attribute = .text(try text(range))
      case (5, .counted(let range)): attribute = .tensor(try tensor(range))
      case (8, _): try append(value, to: &integers)
      default: break
      }
    }
    if !integers.isEmpty { attribute = .integers(integers) }
    return attribute.map { (key, $0) }
  }

  private func tensor(_ range: Range<Int>) throws(InferError) -> StoredTensor {
    var tensor = StoredTensor()
    var numbers: [Int] = []
    var reader = WireReader(bytes, range, name: name)
    while let (field, value) = try reader.next() {
      switch (field, value) {
      case (1, _): try append(value, to: &tensor.shape)
      case (2, .integer(let type)): tensor.typeNumber = Int(truncatingIfNeeded: type)
      // float_data, raw_data, double_data; what the fields left out hold are types that no weights have.
      case (4, .counted(let range)), (9, .counted(let range)), (10, .counted(let range)): tensor.elements = range
      case (5, _): try append(value, to: &numbers)
      case (8, .counted(let range)): tensor.name = try text(range)
      case (14, .integer(let place)): tensor.isElsewhere = place != 0
      default: break
      }
    }
    tensor.type = ElementType(onnx: tensor.typeNumber)
    // int32_data
    if tensor.type?.size == 2 { tensor.halves = numbers.map { UInt16(truncatingIfNeeded: $0) } }
    return tensor
  }

  /// The first two texts among a message's fields.
  /// - Parameter isNote: the second is no name, and may be long.
  private func textFields(_ range: Range<Int>, isNote: Bool = false) throws(InferError) -> [Int: String] {
    var texts: [Int: String] = [:]
    var reader = WireReader(bytes, range, name: name)
    while let (field, value) = try reader.next() {
      guard case .counted(let range) = value, field == 1 || field == 2 && isNote else { continue }
      texts[field] = field == 1 ? try text(range) : String(decoding: bytes[range], as: UTF8.self)
    }
    return texts
  }

  /// Repeated whole numbers come one by one or packed.
  private func append(_ value: WireReader.Value, to numbers: inout [Int]) throws(InferError) {
    switch value {
    case .integer(let number): numbers.append(Int(truncatingIfNeeded: number))
    case .counted(let range):
      var reader = WireReader(bytes, range, name: name)
      numbers += try reader.integers()
    default: break
    }
  }

  /// A name: nodes may name one again and again, and each time it is compared.
  private func text(_ range: Range<Int>) throws(InferError) -> String {
    guard range.count <= Tensor.longestName else {
      throw InferError("\(name): a name of \(range.count) bytes; the file is damaged")
    }
    return String(decoding: bytes[range], as: UTF8.self)
  }
}

extension ElementType {
  /// By the number that ONNX gives it, if weights have it.
  fileprivate init?(onnx number: Int) {
    switch number {
    case 1: self = .float32
    case 10: self = .float16
    case 11: self = .float64
    case 16: self = .bfloat16
    default: return nil
    }
  }
}
