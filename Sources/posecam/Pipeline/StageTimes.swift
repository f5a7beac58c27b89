import Video

/// Nanoseconds of one frame in the stages that may look at it several times.
struct StageTimes {
  var preprocess: UInt64 = 0
  var network: UInt64 = 0
  var parse: UInt64 = 0

  mutating func measure<Result>(
    _ stage: WritableKeyPath<StageTimes, UInt64>, _ body: () throws -> Result
  ) rethrows -> Result {
    let start = Clock.now()
    defer { self[keyPath: stage] += Clock.now() - start }
    return try body()
  }

  func record(in measurements: Measurements) {
    measurements.record(.preprocess, preprocess)
    measurements.record(.network, network)
    measurements.record(.parse, parse)
  }
}
