import Video

/// Frames with everyone drawn: a video, or pictures.
protocol DrawnOutput: AnyObject {
  /// What messages call it.
  var name: String { get }
  /// - Returns: what is worth telling.
  func write(_ result: TrackedFrame) throws(VideoError) -> [String]
  /// Keeps what was written before a failure.
  /// - Returns: the end of a sentence about it.
  func salvage() -> String
  /// - Parameter isComplete: the source came to its end.
  /// - Returns: what is worth telling.
  func finish(isComplete: Bool) throws(VideoError) -> [String]
}
