import Testing

@testable import posecam

struct TrackingClockTests {
  @Test func timeIsTheSources() {
    var clock = TrackingClock(keepLost: 1)
    for seconds in [0, 0.5, 4, 9.25, 2] { #expect(clock.time(of: seconds, outages: 0) == seconds) }
  }

  @Test func aShortOutageCountsLessThanWhatIsWaitedFor() {
    var clock = TrackingClock(keepLost: 1)
    #expect(clock.time(of: 10, outages: 0) == 10)
    #expect(clock.time(of: 12.5, outages: 1) == 10.75)
    #expect(clock.time(of: 12.6, outages: 1) == 10.85)
    #expect(abs(clock.time(of: 12.8, outages: 2) - 11.05) < 1e-9, "one that is shorter than that counts in full")
    var impatient = TrackingClock(keepLost: 0.2)
    _ = impatient.time(of: 10, outages: 0)
    #expect(abs(impatient.time(of: 11, outages: 1) - 10.15) < 1e-9)
  }

  @Test func aLongOneCountsInFull() {
    var clock = TrackingClock(keepLost: 1)
    #expect(clock.time(of: 10, outages: 0) == 10)
    #expect(clock.time(of: 14.5, outages: 1) == 14.5)
  }
}
