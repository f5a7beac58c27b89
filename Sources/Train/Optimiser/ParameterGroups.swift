/// What the optimiser makes of the base learning rate and weight decay for each parameter.
public enum ParameterGroups: String, Codable, CaseIterable, Sendable {
  /// As Lightweight OpenPose was trained: biases learn twice as fast, the refinement stages' convolutions four times, their
  /// biases eight times.
  case reference
  /// Everything at the same rate.
  case uniform

  struct Factors: Equatable {
    var rate: Float
    /// Weight decay is for the weights of dense convolutions alone.
    var decays: Bool
  }

  /// - Parameter isNormalised: whether a parameter belongs to batch norm.
  func factors(name: String, shape: [Int], isNormalised: Bool) -> Factors {
    let isDense = shape.count == 4 && shape[1] > 1
    guard self == .reference else { return Factors(rate: 1, decays: isDense) }
    let isRefinement = name.hasPrefix("refinement_stages.") && !isNormalised
    let isBias = name.hasSuffix(".bias")
    return Factors(rate: (isRefinement ? 4 : 1) * (isBias ? 2 : 1), decays: isDense)
  }
}
