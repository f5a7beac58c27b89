import Video

/// Everything that a run writes.
///
/// Each output stands for itself: one that fails is told of, saves what it can and is left, and the others go on. The run has failed
/// then, but what can be had of it is there.
final class Outputs {
  private var writers: [any PoseWriter]
  private var drawn: [any DrawnOutput]
  private let startTime: Double
  private let keepsParts: Bool
  private var failure: PosecamError?
  private var notices: [String] = []
  /// Told when everything is finished.
  private let server: PoseServer?
  /// Seconds of the source's time up to which everything is written.
  private var written = -Double.infinity
  private var hasToldOfAgain = false

  /// - Parameters:
  ///   - startTime: where the source's time begins, in seconds.
  ///   - keepsParts: saves what there is of an output that fails.
  init(_ writers: [any PoseWriter], drawn: [any DrawnOutput] = [], startTime: Double, keepsParts: Bool = true) {
    self.writers = writers
    self.drawn = drawn
    self.startTime = startTime
    self.keepsParts = keepsParts
    server = writers.lazy.compactMap { $0 as? PoseServer }.first
    if let server { notices.append("JSON lines for other programs at \(server.name)") }
  }

  /// Writes a frame. Where the user went back in the source, what comes again is not written again, only sent to who listens.
  /// - Throws: what ended the last output, when nothing is left to write.
  func write(_ result: TrackedFrame) throws(PosecamError) {
    let frame = PoseFrame(result, startTime: startTime)
    let isAgain = result.frame.timestamp.seconds <= written
    if !isAgain { written = result.frame.timestamp.seconds }
    if isAgain, !hasToldOfAgain, !drawn.isEmpty || writers.contains(where: { $0 !== server }) {
      hasToldOfAgain = true
      notices.append("what was gone back over is not written again")
    }
    for writer in writers where !isAgain || writer === server {
      do {
        try writer.write(frame)
      } catch {
        // What came before is whole, and may still be saved.
        if keepsParts { try? writer.finish() }
        writers.removeAll { $0 === writer }
        note(error)
      }
    }
    for output in drawn where !isAgain {
      do {
        notices += try output.write(result)
      } catch {
        drawn.removeAll { $0 === output }
        note(PosecamError(error.description + (keepsParts ? output.salvage() : "")))
      }
    }
    if let failure, writers.isEmpty, drawn.isEmpty { throw failure }
  }

  /// The first failure ends the run, at the latest when everything is written; all are told of.
  private func note(_ error: PosecamError) {
    let goesOn = !writers.isEmpty || !drawn.isEmpty
    if goesOn || failure != nil { notices.append(error.description + (goesOn ? "; the other outputs go on" : "")) }
    failure = failure ?? error
  }

  /// Saves everything.
  /// - Parameter isComplete: the source came to its end.
  /// - Throws: the first thing that went wrong with any output since the beginning.
  func finish(isComplete: Bool) throws(PosecamError) {
    let (lastDrawn, lastWriters) = (drawn, writers)
    (writers, drawn) = ([], [])
    for output in lastDrawn {
      do { notices += try output.finish(isComplete: isComplete) } catch {
        note(PosecamError(error.description + (keepsParts ? output.salvage() : "")))
      }
    }
    for writer in lastWriters {
      do { try writer.finish() } catch { note(error) }
    }
    if let server { notices.append(server.report) }
    if let failure { throw failure }
  }

  /// Something to tell the user, one line each, since the last call.
  func takeNotices() -> [String] {
    defer { notices.removeAll() }
    return notices
  }
}
