import Dispatch
import Foundation

/// Processes that `mpirun` started: sums and broadcasts over MPI, all calls from one thread of their own.
///
/// That thread begins what it is asked for without waiting for it, and then looks after everything that is under way until it is
/// done, so that sums proceed while their caller computes. Whoever is lost is noticed by MPI's errors, or by nothing moving for
/// too long; usually mpirun is faster and ends the job.
public final class MPICommunicator: Communicator, @unchecked Sendable {
  public let rank: Int
  public let count: Int

  private enum Work {
    case floats(UnsafeMutableBufferPointer<Float>)
    case doubles(UnsafeMutableBufferPointer<Double>, isPatient: Bool)
    case bytes(UnsafeMutableRawBufferPointer, root: Int)
    case leave
    case abort
  }

  private let library: MPILibrary
  private let timeout: Double
  private let condition = NSCondition()
  // Guarded by the condition.
  private var queue: [Work] = []
  /// What was asked for and is not done: sums that were begun, and what the caller waits for.
  private var pending = (sums: 0, others: 0)
  private var isAwaited = false
  private var lost: TrainError?

  private init(_ library: MPILibrary, _ place: (rank: Int, count: Int), timeout: Double) {
    self.library = library
    (rank, count) = place
    self.timeout = timeout
  }

  // MARK: - Joining and leaving

  private final class Joining: @unchecked Sendable {
    let isDone = DispatchSemaphore(value: 0)
    var result: Result<MPICommunicator, TrainError>?
  }

  /// Joins the processes that mpirun started along with this one.
  /// - Parameter timeout: seconds in which something must move while the others are waited for.
  public static func join(timeout: Double) throws(TrainError) -> MPICommunicator {
    let library = try MPILibrary()
    let joining = Joining()
    // MPI takes the thread that initialises it for the main one.
    let thread = Thread {
      let result = Result { () throws(TrainError) in
        MPICommunicator(library, try initialise(library), timeout: timeout)
      }
      joining.result = result
      joining.isDone.signal()
      if case .success(let communicator) = result { communicator.work() }
    }
    thread.name = "MPI"
    thread.start()
    joining.isDone.wait()
    guard let result = joining.result else { throw TrainError("MPI did not start") }
    return try result.get()
  }

  private static func initialise(_ library: MPILibrary) throws(TrainError) -> (rank: Int, count: Int) {
    func check(_ code: Int32) throws(TrainError) {
      if code != 0 { throw TrainError("MPI did not start: \(library.message(code))") }
    }
    var (provided, rank, count) = (Int32(0), Int32(0), Int32(0))
    try check(library.initialise(nil, nil, MPILibrary.oneThread, &provided))
    guard provided >= MPILibrary.oneThread else {
      throw TrainError("this build of Open MPI cannot be used by a program with threads")
    }
    try check(library.setErrorHandler(library.world, library.errorsReturn))
    try check(library.rank(library.world, &rank))
    try check(library.size(library.world, &count))
    return (Int(rank), Int(count))
  }

  /// Parts from the others properly: all of them do.
  public func leave() {
    submit(.leave)
    wait { pending.others == 0 }
  }

  /// Ends all processes, this one too.
  public func abort() -> Never {
    submit(.abort)
    // If MPI cannot do it, mpirun notices that a process ended without leaving.
    sleep(5)
    _exit(1)
  }

  // MARK: - What others call

  public var failure: TrainError? { condition.withLock { lost } }

  public func beginSum(_ values: UnsafeMutableBufferPointer<Float>) { submit(.floats(values)) }

  public func finishSums() { wait { pending.sums == 0 } }

  public func sum(_ values: UnsafeMutableBufferPointer<Double>, isPatient: Bool) {
    submit(.doubles(values, isPatient: isPatient))
    wait { pending.others == 0 }
  }

  public func broadcast(_ bytes: UnsafeMutableRawBufferPointer, from root: Int) {
    // MPI counts in 32 bits.
    for start in stride(from: 0, to: bytes.count, by: 1 << 30) {
      submit(.bytes(.init(rebasing: bytes[start..<min(bytes.count, start + 1 << 30)]), root: root))
    }
    wait { pending.others == 0 }
  }

  private func submit(_ work: Work) {
    condition.withLock {
      if case .floats = work { pending.sums += 1 } else { pending.others += 1 }
      queue.append(work)
      condition.broadcast()
    }
  }

  private func wait(until isDone: () -> Bool) {
    condition.withLock {
      isAwaited = true
      while !isDone() && lost == nil { condition.wait() }
      isAwaited = false
    }
  }

  // MARK: - The thread

  private struct Active {
    let work: Work
    var request: MPILibrary.Handle
  }

  private func work() {
    var active: [Active] = []
    var (idle, moved) = (0, DispatchTime.now().uptimeNanoseconds)
    while true {
      condition.lock()
      while queue.isEmpty && active.isEmpty { condition.wait() }
      let (begun, isAwaited, isLost) = (queue, self.isAwaited, lost != nil)
      queue.removeAll()
      condition.unlock()

      for work in begun {
        switch work {
        case .leave:
          if !isLost { _ = library.finalise() }
          return finish([work])
        case .abort:
          _ = library.abort(library.world, 1)
          return
        default:
          if !isLost, let request = start(work) { active.append(Active(work: work, request: request)) }
        }
      }
      let before = active.count
      let done = test(&active)
      finish(done)
      if !begun.isEmpty || active.count < before {
        (idle, moved) = (0, DispatchTime.now().uptimeNanoseconds)
        continue
      }
      idle += 1
      let isPatient = active.contains { if case .doubles(_, isPatient: true) = $0.work { true } else { false } }
      if Double(DispatchTime.now().uptimeNanoseconds - moved) / 1e9 > timeout, !isPatient {
        active.removeAll()
        lose("no answer for \(Int(timeout)) s (--rank-timeout)")
      } else if idle < 64 {
        sched_yield()
      } else {
        // The longer nothing happens, the longer it will take: another process may be busy with something long.
        usleep(isAwaited ? UInt32(min(1000, 20 + idle / 8)) : 200)
      }
    }
  }

  private func start(_ work: Work) -> MPILibrary.Handle? {
    var request = library.noRequest
    var code: Int32 = 0
    func add(_ values: UnsafeMutableRawPointer?, _ count: Int, _ type: MPILibrary.Handle) {
      guard let values, let here = MPILibrary.inPlace else { return }
      code = library.startAllReduce(here, values, Int32(count), type, library.sum, library.world, &request)
    }
    switch work {
    case .floats(let values): add(values.baseAddress, values.count, library.float)
    case .doubles(let values, _): add(values.baseAddress, values.count, library.double)
    case .bytes(let bytes, let root):
      if let base = bytes.baseAddress {
        code = library.startBroadcast(base, Int32(bytes.count), library.byte, Int32(root), library.world, &request)
      }
    case .leave, .abort: break
    }
    if code != 0 { lose(library.message(code)) }
    return code == 0 ? request : nil
  }

  /// What is done of all that was under way.
  private func test(_ active: inout [Active]) -> [Work] {
    var done: [Work] = []
    var index = 0
    while index < active.count {
      var isDone: Int32 = 0
      let code = library.test(&active[index].request, &isDone, nil)
      guard code == 0 else {
        active.removeAll()
        lose(library.message(code))
        return []
      }
      if isDone != 0 { done.append(active.remove(at: index).work) } else { index += 1 }
    }
    return done
  }

  private func finish(_ done: [Work]) {
    guard !done.isEmpty else { return }
    condition.withLock {
      for work in done {
        if case .floats = work { pending.sums -= 1 } else { pending.others -= 1 }
      }
      condition.broadcast()
    }
  }

  private func lose(_ reason: String) {
    condition.withLock {
      if lost == nil { lost = TrainError("lost the other processes: \(reason)") }
      pending = (0, 0)
      condition.broadcast()
    }
  }
}
