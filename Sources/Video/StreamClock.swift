import CFFmpeg

/// The time of a stream that breaks off and comes back with a clock of its own: it goes on where it was, by as much as passed on
/// this machine's clock meanwhile.
struct StreamClock {
  /// Seconds by which a stream's clock may run ahead of ours, since pictures may come in a bunch.
  private static let tolerance = 2.0

  private struct Moment {
    var ticks: Int64
    var captured: UInt64
  }

  private var base: AVRational?
  private var offset: Int64 = 0
  private var last: Moment?
  /// How often it broke off so far.
  private(set) var outages = 0

  /// The time of the next frame.
  /// - Parameters:
  ///   - timestamp: by the stream's own clock.
  ///   - captured: when it reached this machine, by `Clock.now()`.
  ///   - isAnew: it is the first one of a new connection.
  mutating func time(of timestamp: Timestamp, captured: UInt64, isAnew: Bool) -> Timestamp {
    let own = AVRational(num: timestamp.numerator, den: timestamp.denominator)
    let base = self.base ?? own
    self.base = base
    let ticks = av_rescale_q(timestamp.ticks, own, base)
    if let last {
      let passed = captured > last.captured ? Double(captured - last.captured) / 1e9 : 0
      let advance = seconds(ticks &+ offset &- last.ticks)
      // A sender that was started again without a connection that could break shows by its clock.
      if isAnew || advance < 0 || advance > passed + Self.tolerance {
        offset = last.ticks &- ticks &+ max(1, Int64((passed * Double(base.den) / Double(max(1, base.num))).rounded()))
        outages += 1
      }
    }
    last = Moment(ticks: ticks &+ offset, captured: captured)
    return Timestamp(ticks: ticks &+ offset, numerator: base.num, denominator: base.den)
  }

  private func seconds(_ ticks: Int64) -> Double {
    Double(ticks) * Double(base?.num ?? 1) / Double(max(1, base?.den ?? 1))
  }
}
