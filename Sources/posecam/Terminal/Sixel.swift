import Video

/// Pictures as sixels (DEC's VT340 manual, chapter 14): bands of six rows, drawn colour by colour.
///
/// The palette is fixed and the dither ordered, so that what stands still stays still. Only pixels that changed by more
/// than `tolerance` from what is shown are drawn; the others are left transparent, and unchanged bands skipped.
struct Sixel {
  /// Largest invisible change of a channel.
  private static let tolerance: UInt8 = 10
  private var shown = Bitmap(width: 0, height: 0)
  /// Sixels of one band, a row for each colour of the palette.
  private var masks: [UInt8] = []
  /// Where each colour occurs in the band, empty where it does not.
  private var extents = [(first: Int, last: Int)](repeating: (.max, -1), count: Self.colorCount)

  /// Steps of red, green and blue; the eye tells more greens.
  private static let steps = (red: 6, green: 7, blue: 6)
  static let colorCount = 6 * 7 * 6

  /// `#n;2;r;g;b` for every colour, in percent.
  private static let palette: [UInt8] = {
    var text = ""
    for index in 0..<colorCount {
      let (r, g, b) = (index / 42, index / 6 % 7, index % 6)
      text += "#\(index);2;\(r * 100 / 5);\(g * 100 / 6);\(b * 100 / 5)"
    }
    return Array(text.utf8)
  }()

  /// Bayer's 4 × 4 matrix in 32nds, odd so that the mean of the thresholds is a half.
  private static let thresholds: [Int] = [0, 8, 2, 10, 12, 4, 14, 6, 3, 11, 1, 9, 15, 7, 13, 5].map { 2 * $0 + 1 }

  /// What is to be done with the pixels of a cell.
  private enum Place: UInt8 { case drawn, covered, lost }

  /// Appends the picture; nothing where the one shown already looks the same.
  /// - Parameters:
  ///   - columns, rows: the picture's size in cells.
  ///   - state: cells that characters cover are left out.
  mutating func encode(
    _ picture: Bitmap, columns: Int, rows: Int, _ state: PictureState, into bytes: inout [UInt8]
  ) {
    let (width, height) = (picture.width, picture.height)
    guard width > 0, height > 0, columns > 0, rows > 0 else { return }
    let isLost = state.isLost || shown.width != width || shown.height != height
    if isLost { shown = Bitmap(width: width, height: height) }
    if masks.count != Self.colorCount * width { masks = [UInt8](repeating: 0, count: Self.colorCount * width) }
    var places = [Place](repeating: isLost ? .lost : .drawn, count: columns * rows)
    for (cells, place) in [(state.uncovered, Place.lost), (state.covered, .covered)] {
      for cell in cells where cell.x < columns && cell.y < rows { places[cell.y * columns + cell.x] = place }
    }
    let columnOf = (0..<width).map { $0 * columns / width }
    let start = bytes.count
    // Transparent where nothing is drawn; square pixels.
    bytes.append(contentsOf: "\u{1B}P0;1;0q\"1;1;\(width);\(height)".utf8)
    bytes.append(contentsOf: Self.palette)
    var hasDrawn = false
    for top in stride(from: 0, to: height, by: 6) {
      var hasChanged = false
      for y in top..<min(height, top + 6) {
        let row = y * rows / height
        let isDrawn = Self.collect(
          picture, y, bit: UInt8(1 << (y - top)), places[row * columns..<(row + 1) * columns], columnOf,
          shown: &shown.pixels, &masks, &extents)
        hasChanged = hasChanged || isDrawn
      }
      if hasChanged { draw(width, into: &bytes) }
      hasDrawn = hasDrawn || hasChanged
      bytes.append(UInt8(ascii: "-"))
    }
    guard hasDrawn else { return bytes.removeSubrange(start...) }
    bytes.append(contentsOf: [0x1B, 0x5C])
  }

  /// Sets the masks of a row; false where nothing in it changed.
  private static func collect(
    _ picture: Bitmap, _ y: Int, bit: UInt8, _ places: ArraySlice<Place>, _ columnOf: [Int], shown: inout [UInt8],
    _ masks: inout [UInt8], _ extents: inout [(first: Int, last: Int)]
  ) -> Bool {
    let width = picture.width
    var hasChanged = false
    picture.pixels.withUnsafeBufferPointer { pixels in
      shown.withUnsafeMutableBufferPointer { shown in
        masks.withUnsafeMutableBufferPointer { masks in
          places.withUnsafeBufferPointer { places in
            for x in 0..<width {
              let place = places[columnOf[x]]
              if place == .covered { continue }
              let offset = (y * width + x) * 3
              let (r, g, b) = (pixels[offset], pixels[offset + 1], pixels[offset + 2])
              if place == .drawn, near(r, shown[offset]), near(g, shown[offset + 1]), near(b, shown[offset + 2]) {
                continue
              }
              (shown[offset], shown[offset + 1], shown[offset + 2]) = (r, g, b)
              let threshold = thresholds[(y & 3) * 4 + (x & 3)]
              // value × steps / 255, rounded up where the rest exceeds the threshold.
              let red = (Int(r) * 5 * 32 + threshold * 255) / (255 * 32)
              let green = (Int(g) * 6 * 32 + threshold * 255) / (255 * 32)
              let blue = (Int(b) * 5 * 32 + threshold * 255) / (255 * 32)
              let color = red * 42 + green * 6 + blue
              masks[color * width + x] |= bit
              if x < extents[color].first { extents[color].first = x }
              if x > extents[color].last { extents[color].last = x }
              hasChanged = true
            }
          }
        }
      }
    }
    return hasChanged
  }

  private static func near(_ a: UInt8, _ b: UInt8) -> Bool { a > b ? a - b <= tolerance : b - a <= tolerance }

  /// Draws the band colour by colour and clears the masks.
  private mutating func draw(_ width: Int, into bytes: inout [UInt8]) {
    var isFirst = true
    for color in 0..<Self.colorCount {
      let (first, last) = extents[color]
      guard last >= 0 else { continue }
      extents[color] = (.max, -1)
      if !isFirst { bytes.append(UInt8(ascii: "$")) }
      isFirst = false
      bytes.append(contentsOf: "#\(color)".utf8)
      repeatSixel(0, first, &bytes)
      var (run, length) = (masks[color * width + first], 0)
      for x in first...last {
        let mask = masks[color * width + x]
        masks[color * width + x] = 0
        if mask == run {
          length += 1
        } else {
          repeatSixel(run, length, &bytes)
          (run, length) = (mask, 1)
        }
      }
      repeatSixel(run, length, &bytes)
    }
  }

  private func repeatSixel(_ mask: UInt8, _ count: Int, _ bytes: inout [UInt8]) {
    let character = 0x3F + mask
    if count > 3 { bytes.append(contentsOf: "!\(count)".utf8) }
    for _ in 0..<(count > 3 ? 1 : count) { bytes.append(character) }
  }
}
