import Synchronization
import Video

@testable import posecam

/// Grey pictures of 64 × 48 at 10 per second, which can be gone through.
final class Film: FrameSource {
  let info: SourceInfo
  let count: Int
  private let place = Mutex(0)
  private let isCancelled = Atomic(false)
  let canSeek: Bool

  init(count: Int, canSeek: Bool = true) {
    self.count = count
    self.canSeek = canSeek
    info = SourceInfo(
      name: "film", width: 64, height: 48, nominalRate: 10, duration: Double(count) / 10, frameCount: count,
      isLive: false, format: "grey")
  }

  func next() throws(VideoError) -> Frame? {
    let index = place.withLock { place in
      defer { place += 1 }
      return place
    }
    guard index < count, !isCancelled.load(ordering: .relaxed) else { return nil }
    return try Frame(
      bitmap: Bitmap(width: 64, height: 48), index: index,
      timestamp: Timestamp(ticks: Int64(index), numerator: 1, denominator: 10))
  }

  func seek(to seconds: Double) throws(VideoError) {
    if seconds < 0 { throw VideoError("film: cannot go there") }
    place.withLock { $0 = Int((seconds * 10).rounded(.up)) }
  }

  func cancel() { isCancelled.store(true, ordering: .relaxed) }
  func takeNotices() -> [String] { [] }
}
