import Foundation

/// What a launcher of parallel programs tells the processes it starts.
public struct Launch: Sendable, Equatable {
  public var rank: Int
  public var count: Int
  /// Processes on this machine.
  public var localCount: Int

  /// `nil` for a process that was started by itself.
  /// - Throws: for the processes of other launchers than Open MPI's mpirun, which would all train the same and write over each
  ///   other's files.
  public init?(environment: [String: String] = ProcessInfo.processInfo.environment) throws(TrainError) {
    func number(_ name: String) -> Int? { environment[name].flatMap { Int($0) } }
    guard let count = number("OMPI_COMM_WORLD_SIZE"), let rank = number("OMPI_COMM_WORLD_RANK") else {
      if let others = number("PMI_SIZE"), others > 1 {
        throw TrainError(
          "started as one of \(others) processes, but not by Open MPI's mpirun, the only launcher that is supported "
            + "(mpirun.openmpi in Debian)")
      }
      return nil
    }
    guard count > 0, (0..<count).contains(rank) else {
      throw TrainError("mpirun says this is rank \(rank) of \(count)")
    }
    (self.rank, self.count) = (rank, count)
    localCount = max(1, number("OMPI_COMM_WORLD_LOCAL_SIZE") ?? 1)
  }

  /// The processors that are left to each process of this machine.
  /// - Parameters:
  ///   - usable: those that the process was bound to, or all.
  ///   - all: those of the machine.
  public func processors(usable: Int, of all: Int) -> Int { max(1, min(usable, all / localCount)) }

  /// What to tell the user whose processes were bound to fewer processors than there are for each of them: mpirun does so by
  /// itself.
  public func advice(usable: Int, of all: Int) -> String? {
    guard usable < all / localCount else { return nil }
    return "mpirun has bound each process to \(usable) of \(all) processors: with --bind-to none they use them all"
  }
}
