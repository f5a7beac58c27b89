import Testing

@testable import Video

struct FileClockTests {
  /// Times put right of one stream's packets of 40 ms.
  private func times(_ raw: [Int64?], mayJumpAhead: Bool = true) -> [Int64] {
    var clock = FileClock(mayJumpAhead: mayJumpAhead)
    return raw.map { ($0 ?? -1) &+ clock.offset(stream: 0, time: $0, duration: 40_000) }
  }

  @Test func whatRunsOnStays() {
    let raw: [Int64] = [5_000_000, 5_040_000, 5_080_000, 4_900_000, 12_000_000]
    #expect(times(raw) == raw)
  }

  @Test func goesOnAfterAJump() {
    #expect(times([900_000, 940_000, -5_000_000, -4_960_000]) == [900_000, 940_000, 980_000, 1_020_000])
    #expect(times([0, 40_000, 1_000_000_000, 1_000_040_000]) == [0, 40_000, 80_000, 120_000])
    #expect(times([0, 40_000, 1_000_000_000], mayJumpAhead: false) == [0, 40_000, 1_000_000_000])
    // Not known to the file: with the packets around it.
    #expect(times([9_000_000, 0, nil, 40_000]) == [9_000_000, 9_040_000, 9_039_999, 9_080_000])
  }

  @Test func streamsJumpTogether() {
    var clock = FileClock(mayJumpAhead: true)
    func time(_ stream: Int32, _ time: Int64) -> Int64 {
      time + clock.offset(stream: stream, time: time, duration: 20_000)
    }
    #expect(time(0, 3_000_000) == 3_000_000 && time(1, 2_900_000) == 2_900_000)
    // The picture jumps; the sound's last packet from before comes after that; then the sound jumps as far.
    #expect(time(0, 0) == 3_020_000)
    #expect(time(1, 2_920_000) == 2_920_000)
    #expect(time(1, 10_000) == 3_030_000)
    #expect(clock.jumps == 1)
    // Again, the sound first.
    #expect(time(1, -4_000_000) == 3_050_000 && time(0, -4_010_000) == 3_040_000 && clock.jumps == 2)
  }

  @Test func anotherJumpIsNotTheSame() {
    var clock = FileClock(mayJumpAhead: true)
    _ = clock.offset(stream: 0, time: 3_000_000, duration: 20_000)
    _ = clock.offset(stream: 1, time: 3_000_000, duration: 20_000)
    #expect(clock.offset(stream: 0, time: 0, duration: 20_000) == 3_020_000)
    #expect(clock.offset(stream: 1, time: 60_000_000, duration: 20_000) == -56_980_000)
  }

  @Test func absurdTimesDoNotOverflow() {
    for time in [Int64.max, .min, 0, .max, .min] { _ = times([0, time, .min, .max, time, 0]) }
  }
}
