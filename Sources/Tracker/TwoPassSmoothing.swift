/// Smooths the key points of everyone in a video that is known as a whole, by what comes before and after: without any lag.
///
/// Each point is filtered forwards and backwards in time, and both estimates are joined by their certainty, as in Fraser and
/// Potter, "The Optimum Linear Smoother as a Combination of Two Optimum Linear Filters", IEEE Transactions on Automatic Control 14
/// (1969). Where a person was missed for a moment, the pose is what the poses before and after suggest.
public enum TwoPassSmoothing {
  /// One frame: its time in seconds, and who is in it.
  public typealias Frame = (seconds: Double, people: [Person])

  /// The people of every frame, smoothed, in the same order.
  /// - Parameter frames: by ascending times, not smoothed before.
  public static func smooth(_ frames: [Frame], _ smoothing: Smoothing) -> [[Person]] {
    var smoothed = frames.map(\.people)
    guard let noise = smoothing.noise else { return smoothed }
    var places: [Int: [(frame: Int, person: Int)]] = [:]
    for (frame, people) in smoothed.enumerated() {
      for (person, one) in people.enumerated() { places[one.id, default: []].append((frame, person)) }
    }
    for track in places.values {
      let size = median(track.map { BodySize.estimate(smoothed[$0.frame][$0.person].pose) })
      for joint in 0..<Skeleton.keypointCount {
        let points = track.compactMap { place -> Sample? in
          let person = frames[place.frame].people[place.person]
          guard let point = person.pose.keypoints[joint], point.x.isFinite, point.y.isFinite else { return nil }
          let position = SIMD2(Double(point.x), Double(point.y))
          return Sample(
            place: place, seconds: frames[place.frame].seconds, position: position, isSeen: !person.isPredicted)
        }
        let forwards = filter(points, size: size, noise: noise, isForwards: true)
        let backwards = filter(points.reversed(), size: size, noise: noise, isForwards: false).reversed()
        for ((point, past), future) in zip(zip(points, forwards), backwards) {
          let share = past.variance / (past.variance + future.variance)
          let position = past.place + share * (future.place - past.place)
          let (frame, person) = point.place
          smoothed[frame][person].pose.keypoints[joint]?.x = Float(position.x)
          smoothed[frame][person].pose.keypoints[joint]?.y = Float(position.y)
        }
      }
    }
    return smoothed
  }

  private struct Sample {
    var place: (frame: Int, person: Int)
    var seconds: Double
    var position: SIMD2<Double>
    var isSeen: Bool
  }

  /// What one direction knows of every sample: forwards with the sample itself, backwards without, so that it counts once.
  private static func filter(
    _ samples: [Sample], size: Double, noise: Double, isForwards: Bool
  ) -> [(place: SIMD2<Double>, variance: Double)] {
    var (filter, last): (PointFilter?, Double) = (nil, 0)
    return samples.map { sample in
      let interval = abs(sample.seconds - last)
      last = sample.seconds
      guard interval <= PoseSmoother.longestGap, var known = filter else {
        filter = PointFilter(noise: noise, place: sample.position)
        // Nothing is known before the first: only the other direction counts.
        return (sample.position, isForwards ? noise * noise : .greatestFiniteMagnitude)
      }
      if interval > 0 { known.advance(by: interval, unit: size) }
      let before = known.estimate(unit: size)
      if sample.isSeen { known.correct(sample.position, unit: size) }
      filter = known
      return isForwards ? known.estimate(unit: size) : before
    }
  }

  private static func median(_ values: [Double]) -> Double { values.sorted()[values.count / 2] }
}
