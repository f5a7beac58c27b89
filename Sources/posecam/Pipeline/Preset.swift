import Infer

/// What a user cares about more: frames per second, or finding everyone.
enum Preset: String, CaseIterable, Sendable {
  /// At least 30 frames per second where the machine can, at up to 256 pixels.
  case fast
  /// At least 15, at up to the largest useful size.
  case balanced
  /// The largest useful size with floats, however long it takes.
  case accurate

  struct Choice: Equatable, Sendable {
    var side: Int
    var threads: Int
    var streams: Int
    /// Of one look at a frame, where it was measured.
    var milliseconds: Double?
  }

  /// Of a frame's time, for the network: decoding, parsing, the screen and other programs need theirs.
  private static let share = 0.6

  private var aim: (framesPerSecond: Double, largest: Int) {
    switch self {
    case .fast: (30, 256)
    case .balanced: (15, NetworkTimes.sides[NetworkTimes.sides.count - 1])
    case .accurate: (0, NetworkTimes.sides[NetworkTimes.sides.count - 1])
    }
  }

  /// Arithmetic of the network, where the preset decides that.
  var precision: PrecisionChoice? { self == .accurate ? .f32 : nil }

  /// The largest size that keeps up, the smallest one where none does.
  /// - Parameter looks: how often the network looks at a frame, of all sources; less than 1 for a part of it.
  func choice(_ times: NetworkTimes, looks: Double = 1) -> Choice {
    let (rate, largest) = aim
    func keepsUp(_ look: NetworkTimes.Look) -> Bool {
      rate == 0 || look.milliseconds * looks <= Self.share * 1000 / rate
    }
    let side =
      rate == 0
      ? largest
      : times.looks.last { $0.side <= largest && keepsUp($0) }?.side ?? NetworkTimes.sides[0]
    return Choice(
      side: side, threads: times.threads, streams: times.streams,
      milliseconds: times.looks.first { $0.side == side }?.milliseconds)
  }
}
