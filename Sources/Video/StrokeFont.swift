/// Letters as strokes on a grid of 4 × 6 units, y down, for labels that stay sharp at any size.
enum StrokeFont {
  typealias Point = (x: Float, y: Float)

  static let capHeight: Float = 6
  static let advance: Float = 5.6

  /// The strokes of a character, each a chain of points; empty for those without a glyph.
  static func strokes(of character: Character) -> [[Point]] { glyphs[character] ?? [] }

  /// "00 40 46" is a chain through (0, 0), (4, 0) and (4, 6); ";" begins the next.
  private static let glyphs: [Character: [[Point]]] = [
    "0": "10 30 41 45 36 16 05 01 10; 15 31", "1": "02 20 26; 06 46", "2": "01 10 30 41 42 06 46",
    "3": "01 10 30 41 42 33 13; 33 44 45 36 16 05", "4": "36 30 04 44", "5": "40 00 03 33 44 45 36 06",
    "6": "40 20 02 05 16 36 45 44 33 03", "7": "00 40 16", "8": "13 02 01 10 30 41 42 33 13 04 05 16 36 45 44 33",
    "9": "06 26 44 41 30 10 01 02 13 43", ".": "26 26", "%": "06 40; 00 10 11 01 00; 35 45 46 36 35", "-": "13 33",
    "#": "10 06; 40 36; 02 42; 04 44", ":": "22 22; 25 25", "/": "06 40",
  ].mapValues { description in
    description.split(separator: ";").map { chain in
      chain.split(separator: " ").map { point in
        let digits = point.utf8.map { Float($0) - 48 }
        return (x: digits[0], y: digits[1])
      }
    }
  }
}
