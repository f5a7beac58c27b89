import Testing

@testable import posecam

struct MeasurementsTests {
  @Test func timesOfTheRecentPast() throws {
    var times = RecentTimes()
    #expect(times.timing(named: "network") == nil)
    for time in 1...100 { times.append(UInt64(time) * 1_000_000) }
    let timing = try #require(times.timing(named: "network"))
    #expect(
      timing
        == StageTiming(
          name: "network", lastMilliseconds: 100, medianMilliseconds: 51, p95Milliseconds: 95))
    // A long run forgets its beginning.
    for _ in 0..<240 { times.append(7_000_000) }
    #expect(times.timing(named: "network")?.p95Milliseconds == 7)
  }

  @Test func rateFollowsTheEventsAndFallsWhenTheyStop() {
    var rate = Rate()
    let second: UInt64 = 1_000_000_000
    #expect(rate.perSecond(now: 10 * second) == 0)
    for event in 0...30 { rate.count(at: 10 * second + UInt64(event) * second / 30) }
    #expect(abs(rate.perSecond(now: 11 * second) - 30) < 0.5)
    #expect(rate.perSecond(now: 12 * second) < 20)
    #expect(rate.perSecond(now: 14 * second) == 0)
    // A frame every five seconds is no standstill, until two are overdue.
    for time in [20, 25] { rate.count(at: UInt64(time) * second) }
    #expect(abs(rate.perSecond(now: 29 * second) - 0.2) < 0.01)
    #expect(rate.perSecond(now: 36 * second) == 0)
  }
}
