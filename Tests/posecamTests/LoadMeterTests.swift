import Foundation
import Testing
import Tracker

@testable import posecam

struct LoadMeterTests {
  @Test func ticksAreCountedPerCore() {
    let ticks = LoadMeter.ticks(
      "cpu  30 0 10 100 0 0 0 0 0 0\ncpu0 10 5 5 70 10 0 0 0 3 3\ncpu1 20 0 5 30 0 1 2 2 0 0\nintr 12\nctxt 9\n")
    #expect(ticks.map(\.busy) == [20, 30] && ticks.map(\.total) == [100, 60])
    #expect(LoadMeter.ticks("").isEmpty && LoadMeter.ticks("cpu0 x y\n").map(\.total) == [0])
  }

  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/proc/stat"), "there is no /proc"))
  func thisMachineIsRead() throws {
    var meter = LoadMeter()
    _ = meter.read()
    // Some work to be seen.
    var sum = 0.0
    for index in 0..<3_000_000 { sum += Double(index).squareRoot() }
    let reading = meter.read()
    let load = try #require(reading)
    #expect(sum > 0 && load.cores.count >= 1 && load.cores.allSatisfy { (0...1).contains($0) })
    #expect(load.memory > 1 << 20 && load.peakMemory >= load.memory && load.process > 0)
  }
}

struct SightingsTests {
  private func person(_ id: Int, _ x: Float, _ y: Float) -> Person {
    TerminalSamples.person(id, x: x, y: y, height: 100)
  }

  @Test func timeAndSpeedAreTold() throws {
    var sightings = Sightings()
    var last: [Int: Sighting] = [:]
    // 1 walks at 60 pixels a second across and 80 down, 2 stands.
    for frame in 0...90 {
      let time = 5 + Double(frame) / 30
      last = sightings.update([person(1, Float(frame) * 2, Float(frame) * 80 / 30), person(2, 300, 100)], at: time)
    }
    let walker = try #require(last[1])
    #expect(abs(walker.seconds - 3) < 1e-9 && abs(walker.speed - 100) < 2)
    #expect(try #require(last[2]).speed < 0.01)
  }

  @Test func goingBackForgets() throws {
    var sightings = Sightings()
    _ = sightings.update([person(1, 0, 0)], at: 10)
    #expect(sightings.update([person(1, 50, 0)], at: 12)[1]?.seconds == 2)
    let again = try #require(sightings.update([person(1, 90, 0)], at: 1)[1])
    #expect(again.seconds == 0 && again.speed == 0)
    let nobody = Person(id: 3, pose: Pose(keypoints: [Keypoint(x: .nan, y: 1, score: 1)], totalScore: 1))
    #expect(sightings.update([nobody, Person(id: 4, pose: Pose(keypoints: [], totalScore: 0))], at: 2).isEmpty)
  }

  @Test func historyIsBounded() {
    var history = History()
    for value in 0..<1000 { history.append(captured: 1, processed: Double(value), shown: 2, latency: nil) }
    #expect(history.processed.count == history.shown.count && history.processed.count < 1000)
    #expect(history.processed.last == 999 && history.latency.isEmpty)
  }
}
