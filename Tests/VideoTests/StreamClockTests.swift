import Testing

@testable import Video

@Suite struct StreamClockTests {
  private func stamp(_ ticks: Int64, per second: Int32 = 90_000) -> Timestamp {
    Timestamp(ticks: ticks, numerator: 1, denominator: second)
  }

  /// Nanoseconds.
  private func at(_ seconds: Double) -> UInt64 { UInt64(1e12 + seconds * 1e9) }

  @Test func aStreamThatStaysKeepsItsTime() {
    var clock = StreamClock()
    for index in 0..<100 {
      let time = clock.time(of: stamp(500 + 3000 * Int64(index)), captured: at(Double(index) / 30), isAnew: false)
      #expect(time == stamp(500 + 3000 * Int64(index)))
    }
    #expect(clock.outages == 0)
  }

  /// A stream may send any numbers.
  @Test func absurdTimesAreNoTrap() {
    var clock = StreamClock()
    for (index, ticks) in [0, Int64.max, .min, .max - 1, 5, .min + 1].enumerated() {
      for base: Int32 in [1, 90_000] {
        _ = clock.time(of: stamp(ticks, per: base), captured: at(Double(index)), isAnew: index % 2 == 1)
      }
    }
    #expect(clock.outages > 0)
  }

  /// Pictures that come late and in a bunch are no break.
  @Test func burstsAreNoBreak() {
    var clock = StreamClock()
    _ = clock.time(of: stamp(0), captured: at(0), isAnew: false)
    for index in 1...20 {
      let time = clock.time(of: stamp(3000 * Int64(index)), captured: at(0.7), isAnew: false)
      #expect(time.ticks == 3000 * Int64(index))
    }
    _ = clock.time(of: stamp(63_000), captured: at(9), isAnew: false)
    #expect(clock.outages == 0)
  }

  @Test(arguments: [0, 7_000_000, -400_000]) func aNewConnectionGoesOnByOurClock(first: Int64) {
    var clock = StreamClock()
    _ = clock.time(of: stamp(90_000), captured: at(1), isAnew: false)
    let back = clock.time(of: stamp(first), captured: at(3.5), isAnew: true)
    #expect(back == stamp(90_000 + 225_000))
    let next = clock.time(of: stamp(first + 3000), captured: at(3.5), isAnew: false)
    #expect(next == stamp(90_000 + 228_000))
    #expect(clock.outages == 1)
  }

  @Test func aNewConnectionWithOtherTicksKeepsTheFirstOnes() {
    var clock = StreamClock()
    _ = clock.time(of: stamp(90_000), captured: at(1), isAnew: false)
    _ = clock.time(of: stamp(5, per: 25), captured: at(2), isAnew: true)
    #expect(clock.time(of: stamp(6, per: 25), captured: at(2.04), isAnew: false) == stamp(183_600))
  }

  /// A sender of datagrams that was started again: no connection broke, its clock did.
  @Test(arguments: [126_000, 900_000_000]) func aClockThatJumpsIsABreak(first: Int64) {
    var clock = StreamClock()
    _ = clock.time(of: stamp(9_000_000), captured: at(100), isAnew: false)
    #expect(clock.time(of: stamp(first), captured: at(101), isAnew: false) == stamp(9_090_000))
    #expect(clock.outages == 1)
    #expect(clock.time(of: stamp(first + 3000), captured: at(101.03), isAnew: false) == stamp(9_093_000))
    #expect(clock.outages == 1)
  }

  @Test func timeNeverStandsStillOrGoesBack() {
    var clock = StreamClock()
    _ = clock.time(of: stamp(90_000), captured: at(1), isAnew: false)
    #expect(clock.time(of: stamp(10), captured: at(1), isAnew: true).ticks == 90_001)
  }
}
