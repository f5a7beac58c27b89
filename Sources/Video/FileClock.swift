/// The times of a file whose clock jumps, as where two recordings were joined byte by byte: what comes after a jump goes on
/// where what came before it ended, sound and picture alike.
struct FileClock {
  /// In microseconds. Streams are stored side by side, so that a time somewhat earlier than the one before is nothing yet.
  private static let backward: Int64 = 1_000_000
  /// A gap up to here is one in what was recorded.
  private static let forward: Int64 = 10_000_000

  private struct Track {
    /// Jumps that it has made.
    var jumps: Int
    /// When its next packet is due, in the file's time put right.
    var next: Int64
  }

  /// Whether the container's clock may jump ahead too.
  let mayJumpAhead: Bool
  /// What is added to the times before the first jump, after it, after the second…
  private var offsets: [Int64] = [0]
  private var tracks: [Int32: Track] = [:]

  init(mayJumpAhead: Bool) { self.mayJumpAhead = mayJumpAhead }

  /// Jumps so far, of the stream that made most.
  var jumps: Int { offsets.count - 1 }

  /// What to add to a packet's times.
  /// - Parameters:
  ///   - time: when it is decoded, in microseconds; `nil` where the file does not say.
  ///   - duration: in microseconds, 0 where unknown.
  mutating func offset(stream: Int32, time: Int64?, duration: Int64) -> Int64 {
    var jumped = tracks[stream]?.jumps ?? jumps
    guard let time else { return offsets[jumped] }
    if let track = tracks[stream], isJump(from: track.next, to: time &+ offsets[jumped]) {
      jumped += 1
      // Another stream has come by here before: both go on alike. Unless that was another jump.
      if jumped == offsets.count || isJump(from: track.next, to: time &+ offsets[jumped]) {
        jumped = offsets.count
        offsets.append(track.next &- time)
      }
    }
    let offset = offsets[jumped]
    tracks[stream] = Track(jumps: jumped, next: time &+ offset &+ max(0, duration))
    return offset
  }

  private func isJump(from expected: Int64, to time: Int64) -> Bool {
    let step = time.subtractingReportingOverflow(expected)
    return step.overflow || step.partialValue < -Self.backward || mayJumpAhead && step.partialValue > Self.forward
  }
}
