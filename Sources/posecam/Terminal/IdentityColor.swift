import Video

/// An identity's colour on the screen, the same as in annotated files.
enum IdentityColor {
  static func color(for id: Int) -> Color {
    let color = IdentityPalette.color(of: id)
    return Color(color.red, color.green, color.blue)
  }

  /// Half way to white.
  static func bright(_ color: Color) -> Color {
    Color(UInt8((color.red + 255) / 2), UInt8((color.green + 255) / 2), UInt8((color.blue + 255) / 2))
  }

  /// Two thirds of the way to black.
  static func faded(_ color: Color) -> Color {
    Color(UInt8(color.red / 3 + 24), UInt8(color.green / 3 + 24), UInt8(color.blue / 3 + 24))
  }
}
