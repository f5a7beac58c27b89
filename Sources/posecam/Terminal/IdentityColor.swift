/// A colour that stays with an identity: hues a golden angle apart, so that neighbours in number are far in colour.
enum IdentityColor {
  static func color(for id: Int) -> Color {
    let hue = (Double(abs(id % 4096)) * 0.618_034 + 0.28).truncatingRemainder(dividingBy: 1) * 6
    let rising = UInt8(255 * (0.25 + 0.75 * hue.truncatingRemainder(dividingBy: 1)))
    let falling = UInt8(255 * (1 - 0.75 * hue.truncatingRemainder(dividingBy: 1)))
    let low: UInt8 = 64
    return switch Int(hue) {
    case 0: Color(255, rising, low)
    case 1: Color(falling, 255, low)
    case 2: Color(low, 255, rising)
    case 3: Color(low, falling, 255)
    case 4: Color(rising, low, 255)
    default: Color(255, low, falling)
    }
  }

  /// Half way to white.
  static func bright(_ color: Color) -> Color {
    Color(UInt8((color.red + 255) / 2), UInt8((color.green + 255) / 2), UInt8((color.blue + 255) / 2))
  }
}
