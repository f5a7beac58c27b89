import CKernels

/// Adam (Kingma and Ba, 2015): weight decay as part of the gradient; or AdamW (Loshchilov and Hutter, 2019): apart from it.
final class Adam {
  enum Kind: String, Codable, CaseIterable, Sendable {
    case adam, adamw
  }

  let kind: Kind
  let weightDecay: Float
  /// Moving averages of gradients and their squares.
  let means: ParameterSet
  let squares: ParameterSet
  /// Steps made.
  var steps = 0
  private let parameters: ParameterSet
  private let gradients: ParameterSet
  let factors: [ParameterGroups.Factors]

  init(
    _ kind: Kind, weightDecay: Float, groups: ParameterGroups, parameters: ParameterSet, gradients: ParameterSet
  ) throws(TrainError) {
    self.kind = kind
    self.weightDecay = weightDecay
    self.parameters = parameters
    self.gradients = gradients
    let shapes = parameters.entries.map { (name: $0.name, shape: $0.shape) }
    means = try ParameterSet(shapes)
    squares = try ParameterSet(shapes)
    // Only batch norm's weights have one dimension.
    let normalised = Set(
      shapes.filter { $0.name.hasSuffix(".weight") && $0.shape.count == 1 }.map { $0.name.dropLast(7) })
    factors = shapes.map { name, shape in
      let owner = name.dropLast(name.hasSuffix(".weight") ? 7 : 5)
      return groups.factors(name: name, shape: shape, isNormalised: normalised.contains(owner))
    }
  }

  /// - Parameters:
  ///   - rate: of this step, before the groups' factors.
  ///   - factor: on all gradients.
  func step(rate: Double, factor: Float) {
    steps += 1
    for (entry, group) in zip(parameters.entries, factors) {
      var adam = ck_adam()
      adam.rate = Float(rate) * group.rate
      (adam.beta1, adam.beta2, adam.epsilon, adam.factor) = (0.9, 0.999, 1e-8, factor)
      if group.decays && kind == .adam { adam.decay = weightDecay }
      if group.decays && kind == .adamw { adam.decoupled = weightDecay }
      adam.correction1 = Float(1 - Self.power(0.9, steps))
      adam.correction2 = Float(1 - Self.power(0.999, steps))
      let start = entry.range.lowerBound
      ck_adam_step(
        &adam, entry.range.count, gradients.values + start, parameters.values + start, means.values + start,
        squares.values + start)
    }
  }

  private static func power(_ base: Double, _ exponent: Int) -> Double {
    var (result, base, exponent) = (1.0, base, exponent)
    while exponent > 0 {
      if exponent & 1 == 1 { result *= base }
      base *= base
      exponent >>= 1
    }
    return result
  }
}
