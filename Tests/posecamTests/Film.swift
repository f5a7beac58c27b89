import Synchronization
import Video

@testable import posecam

/// Grey pictures of 64 × 48 at 10 per second, later perhaps at 2, which can be gone through.
final class Film: FrameSource {
  let info: SourceInfo
  let count: Int
  private let place = Mutex(0)
  private let isCancelled = Atomic(false)
  let canSeek: Bool

  /// From this frame on each lasts five times as long.
  private let slowAfter: Int

  init(count: Int, canSeek: Bool = true, slowAfter: Int = .max, hasDuration: Bool = true) {
    (self.count, self.canSeek, self.slowAfter) = (count, canSeek, slowAfter)
    let slow = count - min(count, slowAfter)
    info = SourceInfo(
      name: "film", width: 64, height: 48, nominalRate: 10,
      duration: hasDuration ? Double(count + 4 * slow) / 10 : nil, frameCount: count, isLive: false, format: "grey")
  }

  func next() throws(VideoError) -> Frame? {
    let index = place.withLock { place in
      defer { place += 1 }
      return place
    }
    guard index < count, !isCancelled.load(ordering: .relaxed) else { return nil }
    return try Frame(
      bitmap: Bitmap(width: 64, height: 48), index: index,
      timestamp: Timestamp(ticks: ticks(of: index), numerator: 1, denominator: 10))
  }

  private func ticks(of index: Int) -> Int64 { Int64(index <= slowAfter ? index : slowAfter + 5 * (index - slowAfter)) }
  func time(of index: Int) -> Double { Double(ticks(of: index)) / 10 }

  func seek(to seconds: Double) throws(VideoError) {
    if seconds < 0 { throw VideoError("film: cannot go there") }
    place.withLock { $0 = (0..<count).first { time(of: $0) >= seconds - 1e-9 } ?? count - 1 }
  }

  func cancel() { isCancelled.store(true, ordering: .relaxed) }
  func takeNotices() -> [String] { [] }
}
