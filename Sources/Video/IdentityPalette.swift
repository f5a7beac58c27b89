/// Colours for identities: far apart for neighbours, bright on any picture, the same on the screen and in files.
public enum IdentityPalette {
  /// 8-bit red, green, blue of an identity; they repeat after 24.
  public static func color(of id: Int) -> (red: UInt8, green: UInt8, blue: UInt8) {
    colors[((id % colors.count) + colors.count) % colors.count]
  }

  /// The colour of a limb, from red to violet along the list of limbs.
  static func color(ofLimb index: Int, of count: Int) -> (red: UInt8, green: UInt8, blue: UInt8) {
    color(hue: 300 * Double(index) / Double(max(1, count - 1)), saturation: 0.9, value: 1)
  }

  /// Steps of the golden angle around the hues, in three brightnesses.
  private static let colors: [(red: UInt8, green: UInt8, blue: UInt8)] = (0..<24).map { index in
    let (saturation, value) = [(0.85, 1.0), (0.60, 1.0), (0.95, 0.85)][index % 3]
    return color(
      hue: (Double(index) * 137.508 + 165).truncatingRemainder(dividingBy: 360), saturation: saturation, value: value)
  }

  /// - Parameter hue: in degrees.
  private static func color(hue: Double, saturation: Double, value: Double)
    -> (red: UInt8, green: UInt8, blue: UInt8)
  {
    func channel(_ offset: Double) -> UInt8 {
      let k = (offset + hue / 60).truncatingRemainder(dividingBy: 6)
      return UInt8((value - value * saturation * max(0, min(k, 4 - k, 1))) * 255)
    }
    return (channel(5), channel(3), channel(1))
  }
}
