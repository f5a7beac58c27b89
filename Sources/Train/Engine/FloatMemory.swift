import Foundation

/// Blocks of zeros on cache lines of their own, which live as long as this object.
final class FloatMemory {
  private var blocks: [UnsafeMutableRawPointer] = []
  private(set) var bytes = 0

  deinit {
    for block in blocks { free(block) }
  }

  func doubles(_ count: Int) throws(TrainError) -> UnsafeMutableBufferPointer<Double> {
    let block = UnsafeMutableRawPointer(try zeros(2 * count))
    return UnsafeMutableBufferPointer(start: block.bindMemory(to: Double.self, capacity: count), count: count)
  }

  /// - Throws: when the system has no such amount of memory.
  func zeros(_ count: Int) throws(TrainError) -> UnsafeMutablePointer<Float> {
    let size = (max(count, 1) * 4 + 127) / 128 * 128 + 128
    // From calloc, pages that nobody writes to take no memory.
    guard let block = calloc(size, 1) else {
      throw TrainError("no memory for \(size >> 20) MB more: use smaller pictures or batches")
    }
    // Thousands of small pages would each have to be looked up over and over.
    let page = 4096
    let inside = (UInt(bitPattern: block) + UInt(page - 1)) & ~UInt(page - 1)
    let offset = Int(inside - UInt(bitPattern: block))
    if size >= 4 << 20 { madvise(block + offset, (size - offset) & ~(page - 1), MADV_HUGEPAGE) }
    blocks.append(block)
    bytes += size
    let aligned = (UInt(bitPattern: block) + 127) / 128 * 128
    return block.advanced(by: Int(aligned - UInt(bitPattern: block))).bindMemory(to: Float.self, capacity: count)
  }
}
