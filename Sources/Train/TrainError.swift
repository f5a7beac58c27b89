/// What can go wrong with data sets, training and evaluation: the message names the file, the picture or the tensor and, where
/// known, the way out.
public struct TrainError: Error, CustomStringConvertible, Sendable {
  public var description: String
  /// Whether all processes that train together threw it, each of them the same.
  public var isShared: Bool

  public init(_ description: String, isShared: Bool = false) {
    (self.description, self.isShared) = (description, isShared)
  }
}
