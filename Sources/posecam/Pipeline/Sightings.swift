import Tracker

/// What is known of one person over time.
struct Sighting: Sendable, Equatable {
  /// Seconds since the first sighting, in the source's time.
  var seconds: Double
  /// Of the body's middle, in pixels of the frame per second, smoothed over about half a second.
  var speed: Double
}

/// Follows how long everyone has been seen and how fast they move.
struct Sightings: Sendable {
  private struct Track {
    var first: Double
    var last: Double
    var x: Double
    var y: Double
    var velocityX = 0.0
    var velocityY = 0.0
  }
  private var tracks: [Int: Track] = [:]
  /// Seconds after which nobody with an identity comes back.
  private static let memory = 60.0
  private static let smoothing = 0.5

  /// Notes the people of a frame.
  /// - Parameter time: of the source, in seconds; going back forgets everyone.
  mutating func update(_ people: [Person], at time: Double) -> [Int: Sighting] {
    if tracks.values.contains(where: { $0.last > time }) { tracks.removeAll() }
    tracks = tracks.filter { time - $0.value.last < Self.memory }
    var sightings: [Int: Sighting] = [:]
    for person in people {
      guard let (x, y) = middle(of: person.pose) else { continue }
      var track = tracks[person.id] ?? Track(first: time, last: time, x: x, y: y)
      let elapsed = time - track.last
      if elapsed > 0 {
        let share = min(1, elapsed / Self.smoothing)
        track.velocityX += share * ((x - track.x) / elapsed - track.velocityX)
        track.velocityY += share * ((y - track.y) / elapsed - track.velocityY)
      }
      (track.x, track.y, track.last) = (x, y, time)
      tracks[person.id] = track
      let speed = (track.velocityX * track.velocityX + track.velocityY * track.velocityY).squareRoot()
      sightings[person.id] = Sighting(seconds: time - track.first, speed: speed)
    }
    return sightings
  }

  /// The mean of neck and hips, which neither waving nor a hidden foot moves; else of whatever was found.
  private func middle(of pose: Pose) -> (x: Double, y: Double)? {
    let trunk = [1, 8, 11].compactMap { $0 < pose.keypoints.count ? pose.keypoints[$0] : nil }
    let points = (trunk.isEmpty ? pose.keypoints.compactMap { $0 } : trunk).filter { $0.x.isFinite && $0.y.isFinite }
    guard !points.isEmpty else { return nil }
    let count = Double(points.count)
    return (points.reduce(0) { $0 + Double($1.x) } / count, points.reduce(0) { $0 + Double($1.y) } / count)
  }
}
