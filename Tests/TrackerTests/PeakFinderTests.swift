import Testing

@testable import Tracker

struct PeakFinderTests {
  /// Maps of equal area have other numbers of blocks.
  @Test(arguments: [1, 4])
  func sizesMayAlternate(_ factor: Int) {
    var finder = PeakFinder(factor: factor, threshold: 0.1)
    for (width, height) in [(48, 10), (24, 20), (20, 24), (240, 2), (48, 10)] {
      for (x, y) in [(0, 0), (width - 1, height - 1), (width / 2, height / 2)] {
        var map = [Float](repeating: 0, count: width * height)
        map[y * width + x] = 1
        // Of two equally high pixels beside each other neither is a peak.
        if width > 1 { map[y * width + (x > 0 ? x - 1 : 1)] = 0.3 }
        if height > 1 { map[(y > 0 ? y - 1 : 1) * width + x] = 0.3 }
        let peaks = finder.peaks(in: map, width: width, height: height, limit: 9) { _, _ in }
        #expect(peaks.contains { $0.x / factor == x && $0.y / factor == y }, "\(x), \(y) of \(width)x\(height)")
      }
    }
  }
}
