#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// A map of the plane: x' = a x + b y + c, y' = d x + e y + f.
struct Affine: Equatable, Sendable {
  var (a, b, c) = (1.0, 0.0, 0.0)
  var (d, e, f) = (0.0, 1.0, 0.0)

  /// Scales and turns about `center`, mirrors left and right where asked, and puts `center` at `target`.
  init(
    center: (x: Double, y: Double), scale: Double, degrees: Double, isMirrored: Bool, target: (x: Double, y: Double)
  ) {
    let (cosine, sine) = (scale * cos(degrees * .pi / 180), scale * sin(degrees * .pi / 180))
    let side: Double = isMirrored ? -1 : 1
    (a, b) = (side * cosine, side * sine)
    (d, e) = (-sine, cosine)
    c = target.x - a * center.x - b * center.y
    f = target.y - d * center.x - e * center.y
  }

  private init() {}

  func callAsFunction(_ x: Double, _ y: Double) -> (x: Double, y: Double) { (a * x + b * y + c, d * x + e * y + f) }

  func moved(by step: (x: Double, y: Double)) -> Affine {
    var result = self
    (result.c, result.f) = (c + step.x, f + step.y)
    return result
  }

  /// The way back.
  var inverse: Affine {
    let determinant = a * e - b * d
    var result = Affine()
    (result.a, result.b) = (e / determinant, -b / determinant)
    (result.d, result.e) = (-d / determinant, a / determinant)
    result.c = -(result.a * c + result.b * f)
    result.f = -(result.d * c + result.e * f)
    return result
  }

  /// Whether left and right change places.
  var isMirrored: Bool { a * e - b * d < 0 }

  /// Length of what was one pixel.
  var scale: Double { abs(a * e - b * d).squareRoot() }
}
