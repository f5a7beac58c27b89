/// What can go wrong with data sets, training and evaluation: the message names the file, the picture or the tensor and, where
/// known, the way out.
public struct TrainError: Error, CustomStringConvertible, Sendable {
  public var description: String
  public init(_ description: String) { self.description = description }
}
