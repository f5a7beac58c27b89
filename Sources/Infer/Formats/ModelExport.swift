import Foundation

/// What a model can be written as.
public enum ModelFormat: String, CaseIterable, Sendable {
  /// The whole network for other runtimes.
  case onnx = "ONNX"
  /// For PyTorch and the reference implementation.
  case checkpoint = "PyTorch checkpoint"
  /// For this program, with what int8 needs.
  case safetensors

  /// By the ending of a file's name; `nil` if no format has it.
  public init?(ending: String) {
    switch ending.lowercased() {
    case "onnx": self = .onnx
    case "pth", "pt", "tar": self = .checkpoint
    case "safetensors": self = .safetensors
    default: return nil
    }
  }
}

extension Model {
  /// The model as a file of another program, read back and compared before it is given away.
  ///
  /// - Parameters:
  ///   - size: pixels of the only pictures that an ONNX file takes, one at a time; any number and size if absent.
  ///   - added: metadata beside the network's own and what the model says of its origin.
  public func exported(
    as format: ModelFormat, size: (height: Int, width: Int)? = nil, metadata added: [String: String] = [:]
  ) throws(InferError) -> Data {
    // Formats without the ranges of int8 must not promise it.
    let about = metadata.filter { format == .safetensors || !$0.key.hasPrefix("int8_") }
    let all = about.merging(network.metadata) { $1 }.merging(added) { $1 }
    let data: Data
    switch format {
    case .onnx: data = Data(ONNXWriter.bytes(of: self, size: size, metadata: all))
    case .checkpoint: data = Data(CheckpointWriter.bytes(of: self, metadata: all))
    case .safetensors:
      var file = file(ranges: ranges, rounded: roundedWeights, metadata: all)
      file.metadata = all
      data = try Safetensors.bytes(of: file)
    }
    let copyName = "the \(format.rawValue) of \(name)"
    let copy = try Model(WeightFile(data, name: copyName), name: copyName)
    let isSame = tensors.allSatisfy { key, tensor in
      copy.tensors[key].map { $0.values.elementsEqual(tensor.values) { $0.bitPattern == $1.bitPattern } } ?? false
    }
    guard isSame, copy.network == network else {
      throw InferError("\(name): what was written as \(format.rawValue) reads back as another network; nothing is kept")
    }
    return data
  }
}
