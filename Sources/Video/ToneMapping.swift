import CFFmpeg
import Foundation

/// Video of high dynamic range as a display of standard range shows it: PQ (SMPTE ST 2084) and HLG (ARIB STD-B67), both of ITU-R
/// BT.2100, to gamma 2.4 and BT.709's primaries. Reference white is 203 cd/m² (BT.2408). Up to 0.6 of it nothing changes but the
/// code; what is brighter is compressed, so that 1000 cd/m² become full white, and keeps its hue.
struct ToneMapping: Equatable {
  private enum Transfer {
    case pq, hlg
  }

  private let transfer: Transfer
  private let isWide: Bool

  /// `nil` for pictures of standard range.
  init?(_ frame: Frame) {
    switch frame.raw.pointee.color_trc {
    case AVCOL_TRC_SMPTE2084: transfer = .pq
    case AVCOL_TRC_ARIB_STD_B67: transfer = .hlg
    default: return nil
    }
    // HDR without a word about primaries is BT.2020.
    isWide = [AVCOL_PRI_BT2020, AVCOL_PRI_UNSPECIFIED].contains(frame.raw.pointee.color_primaries)
  }

  /// Maps pixels of 3 bytes, R'G'B' at full range, in place.
  func apply(
    _ order: Scaler.Order, to pixels: UnsafeMutablePointer<UInt8>, bytesPerRow: Int, width: Int, height: Int
  ) {
    let (red, blue) = order == .rgb ? (0, 2) : (2, 0)
    let light = transfer == .pq ? Self.lightOfPQ : Self.lightOfHLG
    light.withUnsafeBufferPointer { light in
      Self.codes.withUnsafeBufferPointer { codes in
        for y in 0..<height {
          for x in 0..<width {
            let pixel = pixels + y * bytesPerRow + 3 * x
            var (r, g, b) = (light[Int(pixel[red])], light[Int(pixel[1])], light[Int(pixel[blue])])
            if transfer == .hlg {
              // A display's system gamma of 1.2 works on luminance.
              let gain = Self.brightest * powf(0.2627 * r + 0.6780 * g + 0.0593 * b, 0.2)
              (r, g, b) = (r * gain, g * gain, b * gain)
            }
            if isWide {
              (r, g, b) = (
                max(0, 1.6605 * r - 0.5876 * g - 0.0728 * b), max(0, -0.1246 * r + 1.1329 * g - 0.0083 * b),
                max(0, -0.0182 * r - 0.1006 * g + 1.1187 * b)
              )
            }
            let peak = max(r, g, b)
            // The table's places are as far apart as roots are.
            let gain = peak > Self.knee ? Self.compressed(peak) / peak : 1
            let last = Float(codes.count - 1)
            pixel[red] = codes[Int((r * gain).squareRoot() * last + 0.5)]
            pixel[1] = codes[Int((g * gain).squareRoot() * last + 0.5)]
            pixel[blue] = codes[Int((b * gain).squareRoot() * last + 0.5)]
          }
        }
      }
    }
  }

  // MARK: light, in parts of reference white

  private static let referenceWhite: Float = 203
  private static let brightest = 1000 / referenceWhite
  private static let knee: Float = 0.6

  private static func compressed(_ light: Float) -> Float {
    let room = 1 - knee
    let (over, most) = ((min(light, brightest) - knee) / room, (brightest - knee) / room)
    return min(1, knee + room * over / (over + 1) * (most + 1) / most)
  }

  private static let lightOfPQ: [Float] = (0...255).map { code in
    let root = pow(Double(code) / 255, 1 / 78.84375)
    let light = pow(max(0, root - 0.8359375) / (18.8515625 - 18.6875 * root), 1 / 0.1593017578125)
    return Float(10000 * light) / referenceWhite
  }

  /// Of the scene, 0 to 1.
  private static let lightOfHLG: [Float] = (0...255).map { code in
    let value = Double(code) / 255
    return Float(value <= 0.5 ? value * value / 3 : (exp((value - 0.55991073) / 0.17883277) + 0.28466892) / 12)
  }

  private static let codes: [UInt8] = (0...4095).map { place in
    UInt8((255 * pow(Double(place) / 4095, 2 / 2.4)).rounded())
  }
}
