/// How values are spread, in buckets that get wider with the distance from 0: four to each power of two.
struct Histogram: Equatable {
  private(set) var smallest = 0.0
  private(set) var largest = 0.0
  private(set) var count = 0
  private(set) var sum = 0.0
  private(set) var sumOfSquares = 0.0
  /// Upper ends of the buckets, rising, and how many values each holds; buckets without values are joined.
  private(set) var limits: [Double] = []
  private(set) var counts: [Double] = []

  /// The first three bits of the mantissa are left of a bit pattern that is moved by so many: a bucket's number.
  private static let shift: UInt32 = 21
  /// What is nearer to 0 is counted as 0.
  private static let least = Float(0x1p-40).bitPattern >> shift
  private static let buckets = Int(Float.infinity.bitPattern >> shift)

  /// What is no finite number is passed over.
  init(_ values: UnsafeBufferPointer<Float>) {
    var (positive, negative, zeros) = (
      [Int](repeating: 0, count: Self.buckets), [Int](repeating: 0, count: Self.buckets), 0
    )
    for value in values where value.isFinite {
      let exact = Double(value)
      if count == 0 { (smallest, largest) = (exact, exact) }
      (smallest, largest) = (min(smallest, exact), max(largest, exact))
      count += 1
      sum += exact
      sumOfSquares += exact * exact
      let bucket = value.magnitude.bitPattern >> Self.shift
      if bucket < Self.least {
        zeros += 1
      } else if value < 0 {
        negative[Int(bucket)] += 1
      } else {
        positive[Int(bucket)] += 1
      }
    }
    func edge(_ bucket: Int) -> Double { Double(Float(bitPattern: UInt32(bucket) << Self.shift)) }
    for bucket in negative.indices.reversed() where negative[bucket] > 0 {
      add(negative[bucket], from: -Self.upper(edge(bucket + 1)), to: -edge(bucket))
    }
    if zeros > 0 { add(zeros, from: -edge(Int(Self.least)), to: edge(Int(Self.least))) }
    for bucket in positive.indices where positive[bucket] > 0 {
      add(positive[bucket], from: edge(bucket), to: Self.upper(edge(bucket + 1)))
    }
  }

  /// The last bucket ends at infinity, which no reader can draw.
  private static func upper(_ edge: Double) -> Double { min(edge, Double(Float.greatestFiniteMagnitude)) }

  private mutating func add(_ number: Int, from lower: Double, to upper: Double) {
    if (limits.last ?? -.infinity) < lower {
      limits.append(lower)
      counts.append(0)
    }
    limits.append(upper)
    counts.append(Double(number))
  }
}
