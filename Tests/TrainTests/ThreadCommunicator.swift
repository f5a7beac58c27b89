import Foundation

@testable import Train

/// Processes that are threads of one: sums are added up in the order of the ranks.
final class ThreadCommunicator: Communicator, @unchecked Sendable {
  private final class Meeting: @unchecked Sendable {
    let condition = NSCondition()
    let count: Int
    var floats: [[Float]] = []
    var doubles: [[Double]] = []
    var bytes: [UInt8] = []
    var arrived = 0
    var round = 0
    var isLost = false

    init(count: Int) { self.count = count }

    /// Waits for all, after each of them has done its part.
    func meet(_ part: () -> Void) {
      condition.withLock {
        part()
        arrived += 1
        let round = self.round
        if arrived == count {
          (arrived, self.round) = (0, round + 1)
          condition.broadcast()
        }
        while self.round == round && !isLost { condition.wait() }
      }
    }

    /// Nobody waits for a process that has ended any more.
    func lose() {
      condition.withLock { isLost = true }
      condition.broadcast()
    }
  }

  let rank: Int
  var count: Int { meeting.count }
  var failure: TrainError? {
    meeting.condition.withLock { meeting.isLost } ? TrainError("lost the other processes") : nil
  }
  private let meeting: Meeting
  private var begun: [UnsafeMutableBufferPointer<Float>] = []
  /// Floats that were added up, by call.
  private(set) var sizes: [Int] = []

  private init(_ meeting: Meeting, rank: Int) { (self.meeting, self.rank) = (meeting, rank) }

  /// Runs a body as every one of some processes, and throws what the first of them threw.
  static func run(_ count: Int, _ body: @escaping @Sendable (ThreadCommunicator) throws -> Void) throws {
    let meeting = Meeting(count: count)
    let failures = Failures()
    let group = DispatchGroup()
    for rank in 0..<count {
      group.enter()
      let thread = Thread {
        do {
          try body(ThreadCommunicator(meeting, rank: rank))
        } catch {
          failures.add(error, rank)
          if (error as? TrainError)?.isShared != true { meeting.lose() }
        }
        group.leave()
      }
      thread.stackSize = 4 << 20
      thread.start()
    }
    group.wait()
    if let first = failures.all.min(by: { $0.key < $1.key }) { throw first.value }
  }

  private final class Failures: @unchecked Sendable {
    private let lock = NSLock()
    private(set) var all: [Int: any Error] = [:]
    func add(_ error: any Error, _ rank: Int) { lock.withLock { all[rank] = error } }
  }

  func beginSum(_ values: UnsafeMutableBufferPointer<Float>) {
    begun.append(values)
    sizes.append(values.count)
  }

  func finishSums() {
    for values in begun {
      meeting.meet {
        if meeting.arrived == 0 { meeting.floats = Array(repeating: [], count: count) }
        meeting.floats[rank] = Array(values)
      }
      if failure != nil { break }
      let all = meeting.floats
      for index in values.indices { values[index] = all.reduce(0) { $0 + $1[index] } }
      meeting.meet {}
    }
    begun.removeAll()
  }

  func sum(_ values: UnsafeMutableBufferPointer<Double>, isPatient: Bool) {
    meeting.meet {
      if meeting.arrived == 0 { meeting.doubles = Array(repeating: [], count: count) }
      meeting.doubles[rank] = Array(values)
    }
    if failure != nil { return }
    let all = meeting.doubles
    for index in values.indices { values[index] = all.reduce(0) { $0 + $1[index] } }
    meeting.meet {}
  }

  func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) {
    meeting.meet { if rank == root { meeting.bytes = Array(bytes) } }
    if failure != nil { return }
    bytes.copyBytes(from: meeting.bytes)
    meeting.meet {}
  }
}
