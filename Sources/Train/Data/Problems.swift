/// What was wrong with a data set, by kind: how often, and where first.
public struct Problems: Sendable {
  public struct Kind: Sendable {
    public let what: String
    public fileprivate(set) var count: Int
    /// The first few places.
    public fileprivate(set) var places: [String]
  }

  public private(set) var kinds: [Kind] = []
  private static let mostPlaces = 5

  public init() {}

  public mutating func add(_ what: String, _ place: String) {
    let index = kinds.firstIndex { $0.what == what } ?? kinds.count
    if index == kinds.count { kinds.append(Kind(what: what, count: 0, places: [])) }
    kinds[index].count += 1
    if kinds[index].places.count < Self.mostPlaces { kinds[index].places.append(place) }
  }

  public var isEmpty: Bool { kinds.isEmpty }

  /// One line per kind, for people.
  public var lines: [String] {
    kinds.map { kind in
      let more = kind.count > kind.places.count ? ", …" : ""
      return "\(kind.count) × \(kind.what): \(kind.places.joined(separator: "; "))\(more)"
    }
  }
}
