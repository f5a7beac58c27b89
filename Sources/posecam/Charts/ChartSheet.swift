import Foundation
import Video

/// Charts on a white sheet, two beside each other, for files.
struct ChartSheet {
  let charts: [Chart]

  private static let cell = (width: 640, height: 360)
  private static let ink = Color(40, 44, 52)
  private static let pale = Color(222, 225, 230)

  private var columns: Int { min(2, max(1, charts.count)) }
  private var rows: Int { max(1, (charts.count + columns - 1) / columns) }

  /// Writes the sheet as SVG, PNG or JPEG, by the name's extension.
  func write(to path: String) throws {
    let (width, height) = (columns * Self.cell.width, rows * Self.cell.height)
    guard URL(fileURLWithPath: path).pathExtension.lowercased() != "svg" else {
      let pen = VectorPen(width: width, height: height)
      draw(with: pen)
      return try PartialFile.write(pen.document, to: path)
    }
    guard ["png", "jpg", "jpeg"].contains(URL(fileURLWithPath: path).pathExtension.lowercased()) else {
      throw PosecamError("\(path): charts are written as .svg, .png or .jpg")
    }
    // Pictures store colour for 2 x 2 pixels: thin curves keep theirs at twice the size.
    let pen = RasterPen(scale: 2)
    draw(with: pen)
    try PictureWriter.write(pen.picture(width: 2 * width, height: 2 * height), to: path)
  }

  private func draw(with pen: any Pen) {
    for (index, chart) in charts.enumerated() {
      let (column, row) = (index % columns, index / columns)
      draw(chart, at: SIMD2(Double(column * Self.cell.width), Double(row * Self.cell.height)), with: pen)
    }
  }

  private func draw(_ chart: Chart, at origin: SIMD2<Double>, with pen: any Pen) {
    let (left, top) = (origin.x + 64, origin.y + 56)
    let (width, height) = (Double(Self.cell.width) - 88, Double(Self.cell.height) - 96)
    func spot(_ place: SIMD2<Double>) -> SIMD2<Double> {
      SIMD2(left + place.x * width, top + (1 - place.y) * height)
    }
    pen.text(chart.title, at: SIMD2(left, top - 30), anchor: .start, bold: true, Self.ink)
    var x = left
    for series in chart.series where !series.isBackground && !series.name.isEmpty {
      pen.text(series.name, at: SIMD2(x, top - 10), anchor: .start, bold: false, series.color)
      x += Double(series.name.count) * 9 + 16
    }
    for tick in chart.vertical.ticks(6) {
      let y = spot(SIMD2(0, chart.vertical.share(of: tick))).y
      pen.line([SIMD2(left, y), SIMD2(left + width, y)], width: 1, Self.pale)
      pen.text(Axis.label(tick), at: SIMD2(left - 6, y + 4), anchor: .end, bold: false, Self.ink)
    }
    for tick in chart.horizontal.ticks(7) {
      let x = spot(SIMD2(chart.horizontal.share(of: tick), 0)).x
      pen.line([SIMD2(x, top + height), SIMD2(x, top + height + 4)], width: 1, Self.ink)
      pen.text(Axis.label(tick), at: SIMD2(x, top + height + 20), anchor: .middle, bold: false, Self.ink)
    }
    pen.line([SIMD2(left, top + height), SIMD2(left + width, top + height)], width: 1, Self.ink)
    for series in chart.series.filter(\.isBackground) + chart.series.filter({ !$0.isBackground }) {
      let spots = chart.places(of: series, columns: Int(width)).map(spot)
      // A single point is a dot.
      pen.line(
        spots.count == 1 ? [spots[0], spots[0]] : spots, width: spots.count == 1 ? 6 : series.isBackground ? 1 : 1.8,
        series.isBackground ? Self.faint(series.color) : series.color)
    }
  }

  private static func faint(_ color: Color) -> Color {
    func mixed(_ value: Int) -> UInt8 { UInt8((value + 3 * 255) / 4) }
    return Color(mixed(color.red), mixed(color.green), mixed(color.blue))
  }
}

private enum Anchor: String {
  case start, middle, end
}

/// What a sheet is drawn with; pixels from the top left.
private protocol Pen {
  func line(_ points: [SIMD2<Double>], width: Double, _ color: Color)
  /// - Parameter spot: of the base line, at the text's anchor.
  func text(_ text: String, at spot: SIMD2<Double>, anchor: Anchor, bold: Bool, _ color: Color)
}

private final class VectorPen: Pen {
  private let size: (width: Int, height: Int)
  private var elements: [String] = []

  init(width: Int, height: Int) { size = (width, height) }

  var document: String {
    """
    <svg xmlns="http://www.w3.org/2000/svg" width="\(size.width)" height="\(size.height)" \
    viewBox="0 0 \(size.width) \(size.height)" font-family="sans-serif" font-size="13">
    <rect width="100%" height="100%" fill="white"/>
    \(elements.joined(separator: "\n"))
    </svg>

    """
  }

  private func number(_ value: Double) -> String { Figure.decimal(value, digits: 1) }

  private func code(_ color: Color) -> String {
    let digits = String(color.raw, radix: 16)
    return "#" + String(repeating: "0", count: 6 - digits.count) + digits
  }

  func line(_ points: [SIMD2<Double>], width: Double, _ color: Color) {
    guard !points.isEmpty else { return }
    let path = points.map { "\(number($0.x)),\(number($0.y))" }.joined(separator: " ")
    elements.append(
      "<polyline points=\"\(path)\" fill=\"none\" stroke=\"\(code(color))\" stroke-width=\"\(number(width))\" "
        + "stroke-linecap=\"round\" stroke-linejoin=\"round\"/>")
  }

  func text(_ text: String, at spot: SIMD2<Double>, anchor: Anchor, bold: Bool, _ color: Color) {
    let escaped = String(
      text.map { character in
        switch character {
        case "&": "&amp;"
        case "<": "&lt;"
        case ">": "&gt;"
        // XML has no form for control characters.
        case let other where other.unicodeScalars.contains { $0.value < 0x20 }: "?"
        case let other: String(other)
        }
      }.joined())
    elements.append(
      "<text x=\"\(number(spot.x))\" y=\"\(number(spot.y))\" text-anchor=\"\(anchor.rawValue)\" fill=\"\(code(color))\""
        + "\(bold ? " font-weight=\"bold\"" : "")>\(escaped)</text>")
  }
}

private final class RasterPen: Pen {
  private let scale: Float
  private var shapes: [(borrowing Canvas) -> Void] = []

  init(scale: Float) { self.scale = scale }

  /// All that was drawn, on white.
  func picture(width: Int, height: Int) throws(VideoError) -> Frame {
    var sheet = Bitmap(width: width, height: height)
    for index in sheet.pixels.indices { sheet.pixels[index] = 255 }
    let frame = try Frame(bitmap: sheet, index: 0, timestamp: Timestamp(ticks: 0, numerator: 1, denominator: 1))
    let canvas = try Canvas(copying: frame, from: CanvasPool())
    for shape in shapes { shape(canvas) }
    return canvas.finished()
  }

  private func ink(_ color: Color) -> Canvas.Ink {
    Canvas.Ink(red: UInt8(color.red), green: UInt8(color.green), blue: UInt8(color.blue))
  }

  func line(_ points: [SIMD2<Double>], width: Double, _ color: Color) {
    let (ink, scale) = (ink(color), scale)
    let spots = points.map { (x: Float($0.x) * scale, y: Float($0.y) * scale) }
    shapes.append { canvas in
      for (a, b) in zip(spots, spots.dropFirst()) { canvas.line(from: a, to: b, width: Float(width) * scale, ink) }
    }
  }

  func text(_ text: String, at spot: SIMD2<Double>, anchor: Anchor, bold: Bool, _ color: Color) {
    let height = 9 * scale
    let width = Canvas.width(of: text, height: height)
    let left = Float(spot.x) * scale - (anchor == .start ? 0 : anchor == .middle ? width / 2 : width)
    let (ink, top) = (ink(color), Float(spot.y) * scale - height)
    shapes.append { $0.text(text, x: left, y: top, height: height, ink) }
  }
}
