import CFFmpeg
import Foundation

/// How a stored picture is turned to stand upright: mirrored first, then turned clockwise in quarters.
struct Orientation: Equatable, Sendable {
  var isMirrored = false
  var quarterTurns = 0

  static let upright = Orientation()
  static let mirrored = Orientation(true, 0)

  /// Clockwise.
  static func turned(_ quarters: Int) -> Orientation { Orientation(false, ((quarters % 4) + 4) % 4) }

  /// First this one, then another.
  func then(_ next: Orientation) -> Orientation {
    // A mirror turns a quarter to the right into one to the left.
    let turns = next.isMirrored ? 4 - quarterTurns : quarterTurns
    return Orientation(isMirrored != next.isMirrored, (turns + next.quarterTurns) % 4)
  }

  var swapsSides: Bool { quarterTurns % 2 == 1 }

  init() {}

  /// From FFmpeg's 3 × 3 display matrix (16.16 fixed point): phones store the turn there, JPEG pictures through EXIF.
  /// Matrices that are no multiple of a quarter turn are left alone.
  init(displayMatrix matrix: UnsafePointer<Int32>?) {
    guard let matrix else {
      self.init()
      return
    }
    let (a, b, c, d) = (matrix[0].signum(), matrix[1].signum(), matrix[3].signum(), matrix[4].signum())
    switch (a, b, c, d) {
    case (1, 0, 0, 1): self.init()
    case (0, 1, -1, 0): self.init(false, 1)
    case (-1, 0, 0, -1): self.init(false, 2)
    case (0, -1, 1, 0): self.init(false, 3)
    case (-1, 0, 0, 1): self.init(true, 0)
    case (0, 1, 1, 0): self.init(true, 3)
    case (1, 0, 0, -1): self.init(true, 2)
    case (0, -1, -1, 0): self.init(true, 1)
    default: self.init()
    }
  }

  /// What a picture says of itself; `nil` where it says nothing.
  init?(of picture: UnsafePointer<AVFrame>) {
    if let matrix = ff_frame_display_matrix(picture) {
      self.init(displayMatrix: matrix)
      return
    }
    // Of some formats FFmpeg tells the number in EXIF only.
    guard let entry = av_dict_get(picture.pointee.metadata, "Orientation", nil, 0), let value = entry.pointee.value,
      let number = Int(String(cString: value).trimmingCharacters(in: .whitespaces)), (1...8).contains(number)
    else { return nil }
    let turns = [0, 0, 2, 2, 3, 1, 1, 3]
    self.init([2, 4, 5, 7].contains(number), turns[number - 1])
  }

  private init(_ isMirrored: Bool, _ quarterTurns: Int) {
    self.isMirrored = isMirrored
    self.quarterTurns = quarterTurns
  }

  /// Turns one plane of bytes.
  /// - Parameters:
  ///   - from: width × height pixels, `fromStride` bytes per row.
  ///   - to: the turned plane; sides swapped for odd turns.
  func turn(
    _ from: UnsafePointer<UInt8>, stride fromStride: Int, width: Int, height: Int, to: UnsafeMutablePointer<UInt8>,
    stride toStride: Int
  ) {
    // Where the source's pixel (0, 0) goes, and the steps in `to` per source pixel to the right and down.
    let (w, h) = (width - 1, height - 1)
    let (start, right, down): (Int, Int, Int) =
      switch quarterTurns % 4 {
      case 0: (0, 1, toStride)
      case 1: (h, toStride, -1)
      case 2: (h * toStride + w, -1, -toStride)
      default: (w * toStride, -toStride, 1)
      }
    let (first, step) = isMirrored ? (start + w * right, -right) : (start, right)
    // Tiles keep both sides of a quarter turn in the cache.
    let tile = 32
    for tileY in Swift.stride(from: 0, to: height, by: tile) {
      for tileX in Swift.stride(from: 0, to: width, by: tile) {
        for y in tileY..<min(tileY + tile, height) {
          let source = from + y * fromStride
          let target = to + (first + y * down)
          for x in tileX..<min(tileX + tile, width) { target[x * step] = source[x] }
        }
      }
    }
  }
}
