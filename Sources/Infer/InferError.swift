/// What can go wrong with networks and weights: the message names the file or tensor and, where known, the way out.
public struct InferError: Error, CustomStringConvertible, Sendable {
  public var description: String
  public init(_ description: String) { self.description = description }
}
