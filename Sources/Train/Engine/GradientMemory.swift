import Infer

/// Memory for gradients, which live from the last reader of a value back to the layer that computed it, and follow each other in
/// the same places.
final class GradientMemory {
  /// Grows with what is put there, until it is given its memory.
  final class Place {
    /// Pictures with margins or unused channels share a place only with others of their shape, so that zeros stay zeros.
    fileprivate let shape: Pictures.Shape?
    fileprivate var size = 0
    fileprivate var start: UnsafeMutablePointer<Float>?

    fileprivate init(_ shape: Pictures.Shape?) { self.shape = shape }
  }

  private var places: [Place] = []
  private var free: [Place] = []

  func take(_ shape: Pictures.Shape) -> Place {
    let kind = shape.isInPanels ? nil : shape
    // The smallest that is large enough, or else the largest.
    let candidates = free.indices.filter { free[$0].shape == kind }
    let best = candidates.min { first, second in
      let (a, b) = (free[first].size, free[second].size)
      return a >= shape.size && b >= shape.size ? a < b : a > b
    }
    let place: Place
    if let best {
      place = free.remove(at: best)
    } else {
      place = Place(kind)
      places.append(place)
    }
    place.size = max(place.size, shape.size)
    return place
  }

  func give(back place: Place) { free.append(place) }

  /// Takes the memory for all places.
  func allocate(in memory: FloatMemory) throws(TrainError) {
    for place in places { place.start = try memory.zeros(place.size) }
  }

  func pictures(_ shape: Pictures.Shape, at place: Place) -> Pictures {
    guard let start = place.start else { preconditionFailure("no memory for gradients yet") }
    return Pictures(shape, at: start)
  }
}
