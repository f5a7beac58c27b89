/// Named tensors and what a model file says of itself.
public struct WeightFile: Sendable, Equatable {
  /// By the names that PyTorch gives them, e.g. `model.0.0.weight`.
  public var tensors: [String: Tensor]
  /// Architecture and its options, input normalisation, provenance, licence.
  public var metadata: [String: String]

  public init(tensors: [String: Tensor], metadata: [String: String]) {
    self.tensors = tensors
    self.metadata = metadata
  }
}
