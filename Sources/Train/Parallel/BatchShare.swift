/// A process's part of every global batch: pictures side by side, as many for each as can be.
///
/// What a picture is depends on its place in the global batch, so that any number of processes sees the same ones.
public struct BatchShare: Sendable, Equatable {
  /// Pictures of the global batch.
  public var total: Int
  /// Those of this process.
  public var range: Range<Int>

  public init(of total: Int, rank: Int, count: Int) throws(TrainError) {
    guard total >= count else {
      throw TrainError(
        "a batch of \(total) cannot be split over \(count) processes: use --batch \(count) or more, or fewer processes")
    }
    self.total = total
    range = total * rank / count..<total * (rank + 1) / count
  }

  public init(of total: Int, among processes: any Communicator) throws(TrainError) {
    try self.init(of: total, rank: processes.rank, count: processes.count)
  }

  /// This process's weight in means over the global batch.
  var weight: Double { Double(range.count) / Double(total) }
}
