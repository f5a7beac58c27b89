/// Letters as strokes on a grid of 4 × 6 units, y down, for labels that stay sharp at any size.
enum StrokeFont {
  typealias Point = (x: Float, y: Float)

  static let capHeight: Float = 6
  static let advance: Float = 5.6

  /// The strokes of a character, each a chain of points; empty for those without a glyph. Letters are capitals.
  static func strokes(of character: Character) -> [[Point]] {
    glyphs[character] ?? character.uppercased().first.flatMap { glyphs[$0] } ?? []
  }

  /// "00 40 46" is a chain through (0, 0), (4, 0) and (4, 6); ";" begins the next.
  private static let glyphs: [Character: [[Point]]] = [
    "0": "10 30 41 45 36 16 05 01 10; 15 31", "1": "02 20 26; 06 46", "2": "01 10 30 41 42 06 46",
    "3": "01 10 30 41 42 33 13; 33 44 45 36 16 05", "4": "36 30 04 44", "5": "40 00 03 33 44 45 36 06",
    "6": "40 20 02 05 16 36 45 44 33 03", "7": "00 40 16", "8": "13 02 01 10 30 41 42 33 13 04 05 16 36 45 44 33",
    "9": "06 26 44 41 30 10 01 02 13 43", ".": "26 26", "%": "06 40; 00 10 11 01 00; 35 45 46 36 35", "-": "13 33",
    "#": "10 06; 40 36; 02 42; 04 44", ":": "22 22; 25 25", "/": "06 40", "_": "06 46", "+": "13 33; 22 24",
    "(": "30 21 25 36", ")": "10 21 25 16", ",": "25 16", "=": "02 42; 04 44",
    "A": "06 20 46; 14 34", "B": "03 33 42 41 30 00 06 36 45 44 33", "C": "41 30 10 01 05 16 36 45",
    "D": "06 00 20 42 44 26 06", "E": "40 00 06 46; 03 33", "F": "40 00 06; 03 33",
    "G": "41 30 10 01 05 16 36 45 43 23", "H": "00 06; 40 46; 03 43", "I": "10 30; 20 26; 16 36",
    "J": "40 45 36 16 05", "K": "00 06; 40 03 46", "L": "00 06 46", "M": "06 00 23 40 46", "N": "06 00 46 40",
    "O": "10 30 41 45 36 16 05 01 10", "P": "06 00 30 41 42 33 03", "Q": "10 30 41 45 36 16 05 01 10; 24 46",
    "R": "06 00 30 41 42 33 03; 23 46", "S": "41 30 10 01 02 13 33 44 45 36 16 05", "T": "00 40; 20 26",
    "U": "00 05 16 36 45 40", "V": "00 26 40", "W": "00 16 22 36 40", "X": "00 46; 06 40", "Y": "00 23 40; 23 26",
    "Z": "00 40 06 46",
  ].mapValues { description in
    description.split(separator: ";").map { chain in
      chain.split(separator: " ").map { point in
        let digits = point.utf8.map { Float($0) - 48 }
        return (x: digits[0], y: digits[1])
      }
    }
  }
}
