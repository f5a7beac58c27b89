/// How good a model is on pictures it was not trained on.
public struct Validation: Sendable {
  /// The larger, the better; decides which weights are kept as the best.
  public var score: Double
  /// Everything that was measured, by name, for the log.
  public var values: [String: Double]

  public init(score: Double, values: [String: Double]) {
    self.score = score
    self.values = values
  }
}

/// How far a run is, once per interval of its log.
public struct TrainProgress: Sendable {
  public var step: Int
  public var steps: Int
  /// Mean since the last report; the sum of all outputs, and each in the order of the graph's outputs.
  public var loss: Double
  public var losses: [Double]
  public var learningRate: Double
  public var imagesPerSecond: Double
  public var secondsLeft: Double
  public var validation: Validation?

  package init(
    step: Int, steps: Int, loss: Double, losses: [Double], learningRate: Double, imagesPerSecond: Double,
    secondsLeft: Double, validation: Validation?
  ) {
    (self.step, self.steps, self.loss, self.losses, self.learningRate) = (step, steps, loss, losses, learningRate)
    (self.imagesPerSecond, self.secondsLeft, self.validation) = (imagesPerSecond, secondsLeft, validation)
  }
}
