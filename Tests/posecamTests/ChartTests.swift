import Foundation
import Testing

@testable import posecam

@Suite struct ChartTests {
  private func series(_ values: [Double], name: String = "") -> Chart.Series {
    Chart.Series(
      name: name, color: Chart.color(0), points: values.enumerated().map { SIMD2(Double($0.offset), $0.element) })
  }

  @Test func ticksAreRoundAndInside() {
    #expect(Axis(0, 100).ticks(5) == [0, 20, 40, 60, 80, 100])
    #expect(Axis(0.17, 0.93).ticks(4).map(Axis.label) == ["0.2", "0.4", "0.6", "0.8"])
    #expect(Axis(3, 3).ticks(3).contains(3))
    #expect(Axis(1.2, 4000, mayBeLogarithmic: true).ticks(4) == [10, 100, 1000])
    #expect(Axis(90, 1000, mayBeLogarithmic: true).ticks(4) == [100, 200, 500, 1000])
    for (low, high) in [(-5.0, 5.0), (1e-9, 2e-9), (1e9, 3e9), (-3, -1), (0, 0)] {
      let axis = Axis(low, high)
      let ticks = axis.ticks(4)
      #expect(!ticks.isEmpty && ticks.count <= 12)
      #expect(ticks.allSatisfy { $0 >= axis.lower - 1e-9 && $0 <= axis.upper + (axis.upper - axis.lower) * 1e-6 })
    }
  }

  @Test func labelsAreShort() {
    let labels: [(Double, String)] = [
      (0, "0"), (0.25, "0.25"), (1e-3, "1e-3"), (4e-5, "4e-5"), (9.999e-4, "1e-3"), (-0.5, "-0.5"), (1, "1"),
      (12.5, "12.5"),
      (200, "200"), (1500, "1.5k"), (280_000, "280k"), (1.5e6, "1.5M"),
    ]
    for (value, label) in labels { #expect(Axis.label(value) == label) }
  }

  @Test func aSharedColumnKeepsItsExtremes() {
    var values = (0..<1000).map { Double($0 % 2) }
    (values[503], values[507]) = (9, -9)
    let chart = Chart("", [series(values)])
    let places = chart.places(of: chart.series[0], columns: 40)
    #expect(places.count <= 80 && places.contains { $0.y == 1 } && places.contains { $0.y == 0 })
    #expect(zip(places, places.dropFirst()).allSatisfy { $0.x <= $1.x })
  }

  @Test func curvesAreDots() {
    var grid = CellGrid(width: 24, height: 7)
    grid.chart(Chart("up", [series([0, 1, 2, 3], name: "a")]), in: CellRect(width: 24, height: 7), glyphs: .full)
    #expect(
      grid.text == """
        ╭─ up ──────────── ●a ─╮
        │                 ⣀⡠⠤⠒⠉│
        │2           ⣀⡠⠔⠒⠉     │
        │       ⣀⠤⠔⠊⠉          │
        │0 ⣀⠤⠒⠊⠉               │
        │  0            2      │
        ╰──────────────────────╯
        """)
    grid.clear()
    grid.chart(Chart("up", [series([0, 1, 2, 3])]), in: CellRect(width: 24, height: 7), glyphs: .ascii)
    #expect(grid.text.unicodeScalars.allSatisfy(\.isASCII) && grid.text.contains("*"))
  }

  /// Any size and any data: nothing is drawn outside, nothing traps.
  @Test func anythingFits() {
    let data = [[], [1], [1, 1], [0, 1e300], [-1e300, 1e300], [1e-300, 1], Array(repeating: 5, count: 500)]
    for values in data {
      for (width, height) in [(0, 0), (1, 1), (15, 4), (16, 5), (17, 6), (80, 24), (300, 3)] {
        var grid = CellGrid(width: width + 2, height: height + 2)
        grid.chart(
          Chart("a long title that does not fit anywhere", [series(values, name: "a long name")]),
          in: CellRect(x: 1, y: 1, width: width, height: height), glyphs: .full)
        #expect((0..<width + 2).allSatisfy { grid[$0, 0] == Cell() && grid[$0, height + 1] == Cell() })
      }
    }
  }
}
