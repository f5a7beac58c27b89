import ArgumentParser
import Foundation
import Infer
import Train

extension RunOptions {
  /// Trains as one of the processes that mpirun started, or alone: the first one speaks, the others tell of what they alone ran
  /// into.
  func together(_ body: (any Communicator) throws -> Void) throws {
    guard let launch = try Launch(), launch.count > 1 else { return try body(SingleProcess()) }
    let processes = try MPICommunicator.join(timeout: Double(rankTimeout))
    if !processes.isFirst { silence() }
    if threads == nil,
      let advice = launch.advice(usable: Processors.usable, of: Processors.all)
    {
      print(advice)
    }
    do {
      guard processes.count == launch.count else {
        throw TrainError("mpirun started \(launch.count) processes, but MPI knows of \(processes.count)")
      }
      try body(processes)
    } catch {
      fflush(nil)
      if let exit = error as? ExitCode {
        processes.leave()
        throw exit
      }
      if let error = error as? TrainError, error.isShared {
        if processes.isFirst { tell("\(error)") }
        processes.leave()
        throw ExitCode.failure
      }
      tell("rank \(processes.rank): \(error)")
      processes.abort()
    }
    fflush(nil)
    processes.leave()
  }

  /// mpirun ends the job as soon as one process does, and what it has not passed on by then is lost.
  private func tell(_ failure: String) {
    StandardError.line("Error: \(failure)")
    Thread.sleep(forTimeInterval: 0.3)
  }

  /// What is printed on standard output goes nowhere.
  private func silence() {
    let nowhere = open("/dev/null", O_WRONLY)
    guard nowhere >= 0 else { return }
    dup2(nowhere, STDOUT_FILENO)
    close(nowhere)
  }
}
