/// What can go wrong in the program itself: the message names the file, option or terminal and, where known, the way out.
struct PosecamError: Error, CustomStringConvertible, Sendable {
  var description: String
  init(_ description: String) { self.description = description }
}
