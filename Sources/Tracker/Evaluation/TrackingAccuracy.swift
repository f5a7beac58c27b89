/// How well a tracker followed the people of a video, by the measures that papers report.
public struct TrackingAccuracy: Sendable, Equatable {
  public let higherOrder: HigherOrderAccuracy
  public let clear: ClearAccuracy
  public let identity: IdentityAccuracy
  /// Pictures, people and identities that were compared.
  public let frames: Int
  public let truthIdentities: Int
  public let resultIdentities: Int

  /// - Parameter threshold: least similarity of a match for the CLEAR and identity measures.
  public init(_ frames: [TrackingFrame], threshold: Double = 0.5) {
    let sequence = TrackingSequence(frames)
    higherOrder = HigherOrderAccuracy(sequence)
    clear = ClearAccuracy(sequence, threshold: threshold)
    identity = IdentityAccuracy(sequence, threshold: threshold)
    self.frames = frames.count
    truthIdentities = sequence.truthCounts.count
    resultIdentities = sequence.resultCounts.count
  }
}
