import Testing
import Train

@Test func batchHoldsWhatItsSizeSays() {
  let batch = Batch(
    count: 2, height: 16, width: 24, images: [Float](repeating: 0, count: 2 * 3 * 16 * 24),
    heatmaps: [Float](repeating: 0, count: 2 * 19 * 6), fields: [Float](repeating: 0, count: 2 * 38 * 6),
    mask: [Float](repeating: 1, count: 2 * 6))
  #expect(batch.mask.count == 12)
}
