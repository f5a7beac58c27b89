/// Where the batches of a training run come from.
///
/// A batch depends on the source's own settings (data, seed) and its number alone, never on what was read before: a run that is
/// resumed at any step sees what it would have seen, and no random state has to be saved.
public protocol BatchSource {
  /// Fills `batch` with batch `number` of the run, 0, 1, 2, …; they are asked for in this order, but for the first one.
  ///
  /// Count and size are those `batch` has already; its arrays are written in place. A picture that cannot be read is counted
  /// and replaced by the source itself; what is thrown ends the run.
  mutating func read(_ number: Int, into batch: inout Batch) throws(TrainError)

  /// What of the data was left out so far.
  var problems: Problems { get }
}

extension BatchSource {
  public var problems: Problems { Problems() }
}
