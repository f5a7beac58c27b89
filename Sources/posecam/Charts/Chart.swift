import Foundation

/// Curves over a common axis.
struct Chart {
  struct Series {
    var name: String
    var color: Color
    /// Rising in x, all numbers finite.
    var points: [SIMD2<Double>]
    /// Drawn faintly, under the others, and not named.
    var isBackground = false
  }

  var title: String
  var series: [Series]
  let horizontal: Axis
  let vertical: Axis

  /// - Parameters:
  ///   - startsAtZero: for shares, whose distance from nothing matters.
  ///   - range: of the horizontal axis; that of the points if absent.
  init(_ title: String, _ series: [Series], startsAtZero: Bool = false, range: ClosedRange<Double>? = nil) {
    (self.title, self.series) = (title, series)
    let points = series.flatMap(\.points)
    horizontal = Axis(
      range?.lowerBound ?? points.map(\.x).min() ?? 0, range?.upperBound ?? points.map(\.x).max() ?? 1)
    let (low, high) = (points.map(\.y).min() ?? 0, points.map(\.y).max() ?? 1)
    vertical = startsAtZero ? Axis(min(0, low), high > 0 ? high : 1) : Axis(low, high, mayBeLogarithmic: true)
  }

  /// Where a point lies: from left and from the bottom, 0...1.
  func place(_ point: SIMD2<Double>) -> SIMD2<Double> {
    SIMD2(horizontal.share(of: point.x), vertical.share(of: point.y))
  }

  /// The places of a series' points, of those that share a column only the extremes.
  func places(of series: Series, columns: Int) -> [SIMD2<Double>] {
    var places: [SIMD2<Double>] = []
    var column = -1
    var start = 0
    for point in series.points {
      let place = self.place(point)
      let now = Int(place.x * Double(max(1, columns - 1)))
      if now != column { (column, start) = (now, places.count) }
      places.append(place)
      guard places.count - start > 2 else { continue }
      let group = places[start...]
      let low = group.indices.min { group[$0].y < group[$1].y } ?? start
      let high = group.indices.max { group[$0].y < group[$1].y } ?? start
      let kept = [min(low, high), max(low, high)].map { places[$0] }
      places.replaceSubrange(start..., with: low == high ? [kept[0]] : kept)
    }
    return places
  }

  /// Colours of curves, told apart on light and dark ground alike.
  static func color(_ index: Int) -> Color {
    [
      Color(66, 146, 224), Color(222, 92, 84), Color(74, 168, 92), Color(222, 156, 48), Color(168, 98, 204),
      Color(44, 160, 170), Color(204, 96, 150), Color(132, 138, 148),
    ][index % 8]
  }
}

/// The values along a side of a chart.
struct Axis: Equatable {
  let lower: Double
  let upper: Double
  let isLogarithmic: Bool

  /// - Parameter mayBeLogarithmic: becomes so where the values span more than a factor of 8.
  init(_ low: Double, _ high: Double, mayBeLogarithmic: Bool = false) {
    isLogarithmic = mayBeLogarithmic && low > 0 && high / low > 8
    // A flat curve runs through the middle.
    let margin = high > low ? 0 : max(abs(low) / 2, 1e-9)
    (lower, upper) = (low - margin, high + margin)
  }

  /// 0 at the lower end, 1 at the upper one, never beyond.
  func share(of value: Double) -> Double {
    let share =
      isLogarithmic ? log(max(value, lower) / lower) / log(upper / lower) : (value - lower) / (upper - lower)
    return min(1, max(0, share.isFinite ? share : 0))
  }

  /// Round values within the axis, about `count` of them.
  func ticks(_ count: Int) -> [Double] {
    let count = max(1, count)
    if isLogarithmic {
      let decades = (Int(log10(lower).rounded(.down))...Int(log10(upper).rounded(.up))).map { pow(10, Double($0)) }
      for steps in [[1.0, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]] {
        let ticks = decades.flatMap { decade in steps.map { $0 * decade } }.filter { $0 >= lower && $0 <= upper }
        if ticks.count <= count + 1 || steps == [1] { return ticks.isEmpty ? [lower, upper] : ticks }
      }
    }
    let rough = (upper - lower) / Double(count)
    let decade = pow(10, log10(rough).rounded(.down))
    let step = ([1, 2, 5].first { $0 * decade >= rough * 0.999 } ?? 10) * decade
    let first = (lower / step).rounded(.up)
    return (0...2 * count + 2).map { (first + Double($0)) * step }.filter { $0 <= upper + step * 1e-6 }
  }

  /// A tick's value in few characters: "1.5k", "0.25", "4e-5".
  static func label(_ value: Double) -> String {
    func short(_ value: Double, _ digits: Int, _ unit: String = "") -> String {
      var text = Figure.decimal(value, digits: digits)
      while text.last == "0", text.contains(".") { text.removeLast() }
      if text.last == "." { text.removeLast() }
      return text + unit
    }
    switch abs(value) {
    case 0: return "0"
    case ..<0.00995:
      let exponent = log10(abs(value) * 1.005).rounded(.down)
      return short(value / pow(10, exponent), 1, "e\(Int(exponent))")
    case ..<1: return short(value, 3)
    case ..<1000: return short(value, abs(value) < 10 ? 2 : 1)
    case ..<1e6: return short(value / 1e3, 2, "k")
    case ..<1e9: return short(value / 1e6, 2, "M")
    default: return "\(value)"
    }
  }
}
