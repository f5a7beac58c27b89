/// What can go wrong with pictures: the message names the file, device or frame and, where known, the way out.
public struct VideoError: Error, CustomStringConvertible, Sendable {
  public var description: String
  public init(_ description: String) { self.description = description }
}
