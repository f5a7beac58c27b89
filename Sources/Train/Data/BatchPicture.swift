import Tracker
import Video

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

extension Batch {
  /// The batch as people can check it: a row per sample with the picture, the heat-maps over it (a colour per key point) and the
  /// fields (direction as hue); cells taken out of the loss are red.
  /// - Parameter rows: samples to show, from the first on.
  public func picture(rows: Int) -> Bitmap {
    let shown = max(1, min(rows, count))
    var bitmap = Bitmap(width: 3 * width, height: shown * height)
    let (cellWidth, cells, pixels) = (width / 8, (height / 8) * (width / 8), height * width)
    for sample in 0..<shown {
      for y in 0..<height {
        for x in 0..<width {
          let cell = y / 8 * cellWidth + x / 8
          let pixel = SIMD3<Float>(
            images[(3 * sample + 2) * pixels + y * width + x], images[(3 * sample + 1) * pixels + y * width + x],
            images[3 * sample * pixels + y * width + x])
          let plain = pixel * 256 + 128
          let weight = mask[sample * cells + cell]
          let masked = plain * (0.4 + 0.6 * weight) + SIMD3(150 * (1 - weight), 0, 0)
          var (peaks, flow) = (SIMD3<Float>.zero, SIMD2<Float>.zero)
          for joint in 0..<Skeleton.keypointCount {
            peaks += Self.hue(Float(joint) / 18) * heatmaps[(19 * sample + joint) * cells + cell]
          }
          for limb in Skeleton.limbs {
            flow += SIMD2(
              fields[(38 * sample + limb.x) * cells + cell], fields[(38 * sample + limb.y) * cells + cell])
          }
          let strength = min(1, (flow * flow).sum().squareRoot())
          let direction = Self.hue(atan2(flow.y, flow.x) / (2 * .pi) + 0.5) * strength
          for (panel, value) in [masked, plain * 0.4 + peaks * 160, plain * 0.4 + direction * 160].enumerated() {
            let place = 3 * ((sample * height + y) * 3 * width + panel * width + x)
            for channel in 0..<3 { bitmap.pixels[place + channel] = UInt8(min(255, max(0, value[channel]))) }
          }
        }
      }
    }
    return bitmap
  }

  private static func hue(_ turn: Float) -> SIMD3<Float> {
    let distance = SIMD3<Float>(0, 1 / 3, 2 / 3) - turn
    var result = SIMD3<Float>.zero
    for channel in 0..<3 {
      let around = abs(distance[channel] - distance[channel].rounded())
      result[channel] = min(1, max(0, 2 - 6 * around))
    }
    return result
  }

  /// Writes `picture(rows:)` as PNG or JPEG.
  public func writePicture(rows: Int, to path: String) throws(TrainError) {
    do throws(VideoError) {
      let frame = try Frame(
        bitmap: picture(rows: rows), index: 0, timestamp: Timestamp(ticks: 0, numerator: 1, denominator: 1))
      try PictureWriter.write(frame, to: path)
    } catch {
      throw TrainError(error.description)
    }
  }
}
