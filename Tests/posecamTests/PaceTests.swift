import Testing
import Video

@testable import posecam

struct PaceTests {
  @Test func framesAreDueAsFarApartAsTheirTimes() {
    var pace = Pace(speed: 2)
    let first = pace.due(10)
    #expect(pace.due(12) == first + 1_000_000_000)
  }

  /// Further into a film than the machine has been up.
  @Test func aPlaceBeforeTheClockBeganIsNoPause() {
    var pace = Pace(speed: 1)
    let first = pace.due(9e8)
    #expect(pace.due(9e8 + 3) == first + 3_000_000_000)
  }

  /// A file may say any time.
  @Test(arguments: [-1e300, 1.7e9, 1e300, .infinity, .nan])
  func absurdTimesAreNoTrap(_ seconds: Double) {
    var pace = Pace(speed: 0.05)
    _ = pace.due(0)
    #expect(pace.due(seconds) >= Clock.now() - 1_000_000_000)
  }
}
