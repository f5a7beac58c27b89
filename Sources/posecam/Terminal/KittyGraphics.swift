import Video

/// Pictures by the kitty graphics protocol: RGB in base64, enlarged by the terminal to a rectangle of cells, below the text.
struct KittyGraphics {
  private var isSecond = false
  /// Images take turns, so that the old one goes when the new one is there.
  private static let images = (1_886_353, 1_886_354)
  /// Base64 characters per piece, as the protocol allows at most.
  private static let pieceLength = 4096
  /// Below cells with a background of their own, where labels are.
  private static let layer = -1_073_741_825

  /// Appends a picture with its corner at the cursor.
  mutating func encode(_ picture: Bitmap, columns: Int, rows: Int, into bytes: inout [UInt8]) {
    let (image, old) = isSecond ? (Self.images.1, Self.images.0) : Self.images
    isSecond.toggle()
    var first =
      "a=T,q=2,C=1,f=24,i=\(image),p=1,s=\(picture.width),v=\(picture.height),c=\(columns),r=\(rows),z=\(Self.layer),"
    let bytesPerPiece = Self.pieceLength / 4 * 3
    for start in stride(from: 0, to: picture.pixels.count, by: bytesPerPiece) {
      let end = min(picture.pixels.count, start + bytesPerPiece)
      bytes.append(contentsOf: "\u{1B}_G\(first)m=\(end < picture.pixels.count ? 1 : 0);".utf8)
      Self.appendBase64(picture.pixels[start..<end], to: &bytes)
      bytes.append(contentsOf: [0x1B, 0x5C])
      first = ""
    }
    bytes.append(contentsOf: "\u{1B}_Ga=d,d=I,q=2,i=\(old)\u{1B}\\".utf8)
  }

  /// Takes both images away.
  static func remove(into bytes: inout [UInt8]) {
    for image in [images.0, images.1] { bytes.append(contentsOf: "\u{1B}_Ga=d,d=I,q=2,i=\(image)\u{1B}\\".utf8) }
  }

  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  /// Three bytes become four characters; the last ones are filled up with `=`.
  static func appendBase64(_ source: ArraySlice<UInt8>, to bytes: inout [UInt8]) {
    bytes.reserveCapacity(bytes.count + (source.count + 2) / 3 * 4)
    source.withUnsafeBufferPointer { source in
      alphabet.withUnsafeBufferPointer { alphabet in
        var index = 0
        while index < source.count {
          let left = source.count - index
          let bits =
            Int(source[index]) << 16 | (left > 1 ? Int(source[index + 1]) << 8 : 0)
            | (left > 2 ? Int(source[index + 2]) : 0)
          bytes.append(alphabet[bits >> 18])
          bytes.append(alphabet[bits >> 12 & 63])
          bytes.append(left > 1 ? alphabet[bits >> 6 & 63] : UInt8(ascii: "="))
          bytes.append(left > 2 ? alphabet[bits & 63] : UInt8(ascii: "="))
          index += 3
        }
      }
    }
  }
}
