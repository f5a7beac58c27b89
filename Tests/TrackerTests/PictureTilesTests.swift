import Testing

@testable import Tracker

struct PictureTilesTests {
  /// Every pixel is in a tile, none reaches over the edge, and neighbours overlap by about a quarter.
  @Test func tilesCoverThePicture() {
    for (width, height) in [(1920, 1080), (1921, 1081), (640, 480), (333, 777), (5000, 700)] {
      for columns in 1...8 {
        for rows in 1...4 {
          let parts = PictureTiles(columns: columns, rows: rows).parts(width: width, height: height)
          #expect(parts.count <= columns * rows)
          #expect(Set(parts.map { [$0.width, $0.height] }).count == 1, "one plan serves all")
          for part in parts {
            #expect(part.x >= 0 && part.y >= 0 && part.x + part.width <= width && part.y + part.height <= height)
            #expect(part.x % 32 == 0 && part.y % 2 == 0)
          }
          let (starts, tops) = (Set(parts.map(\.x)).sorted(), Set(parts.map(\.y)).sorted())
          #expect(parts.count == starts.count * tops.count)
          #expect((starts.last ?? 0) + parts[0].width == width && (tops.last ?? 0) + parts[0].height == height)
          for (first, second) in zip(starts, starts.dropFirst()) {
            let overlap = Double(first + parts[0].width - second) / Double(parts[0].width)
            #expect(overlap > 0 && (width < 1000 || overlap > 0.15 && overlap < 0.45))
          }
        }
      }
    }
  }

  @Test func smallPicturesAreDividedLessOften() {
    #expect(
      PictureTiles(columns: 8, rows: 8).parts(width: 40, height: 40) == [.init(x: 0, y: 0, width: 40, height: 40)])
    #expect(PictureTiles(columns: 2, rows: 2).parts(width: 1, height: 1).count == 1)
  }
}
