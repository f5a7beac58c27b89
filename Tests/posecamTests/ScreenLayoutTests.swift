import Testing

@testable import posecam

struct ScreenLayoutTests {
  static let sizes = [1, 2, 12, 13, 14, 24, 25, 26, 30, 40, 50, 79, 120, 200]

  @Test func nothingOverlapsOrLeavesTheScreen() {
    for columns in [1, 2, 39, 40, 41, 69, 70, 71, 79, 80, 85, 100, 120, 132, 200, 301, 500] {
      for rows in Self.sizes {
        for (width, height) in [(640, 480), (1920, 1080), (720, 1280), (1, 1), (4000, 10), (10, 4000), (0, 0)] {
          for aspect in [1.25, 2, 3.4] {
            let layout = ScreenLayout(
              columns: columns, rows: rows, frameWidth: width, frameHeight: height, cellAspect: aspect)
            let all = [layout.title, layout.progress, layout.keys, layout.picture] + Array(layout.panels.values)
            let screen = CellRect(x: 0, y: 0, width: columns, height: rows)
            for (index, rect) in all.enumerated() {
              #expect(
                rect.x >= 0 && rect.y >= 0 && rect.right <= screen.right && rect.bottom <= screen.bottom,
                "\(columns)x\(rows), \(width)x\(height): \(rect)")
              for other in all[(index + 1)...] {
                #expect(!rect.overlaps(other), "\(columns)x\(rows), \(width)x\(height): \(rect) \(other)")
              }
            }
            #expect(layout.isTooSmall == (columns < 40 || rows < 12))
            #expect(layout.isTooSmall == layout.picture.isEmpty)
            #expect(layout.pictureWidth == layout.picture.width)
            #expect((layout.pictureHeight + 1) / 2 == layout.picture.height)
          }
        }
      }
    }
  }

  @Test func theAspectIsKept() {
    let layout = ScreenLayout(columns: 200, rows: 60, frameWidth: 1920, frameHeight: 1080)
    let shown = Double(layout.pictureWidth) / Double(layout.pictureHeight)
    #expect(abs(shown - 16.0 / 9) < 0.03)
    // Cells 2.4 times as high as wide: the same picture takes more columns.
    let tall = ScreenLayout(columns: 200, rows: 60, frameWidth: 720, frameHeight: 1280, cellAspect: 2.4)
    #expect(abs(Double(tall.pictureWidth) / Double(tall.pictureHeight) - 720.0 / 1280 * 1.2) < 0.03)
  }

  @Test func panelsLieWhereThePictureStaysLargest() throws {
    let wide = ScreenLayout(columns: 100, rows: 40, frameWidth: 1920, frameHeight: 1080)
    let upright = ScreenLayout(columns: 100, rows: 40, frameWidth: 720, frameHeight: 1280)
    #expect(try #require(wide.panels[.rates]).y > wide.picture.bottom - 1)
    #expect(try #require(upright.panels[.rates]).x >= upright.picture.right)
    #expect(Set(ScreenLayout(columns: 80, rows: 24, frameWidth: 640, frameHeight: 480).panels.keys).count == 3)
    let bare = ScreenLayout(columns: 80, rows: 24, frameWidth: 640, frameHeight: 480, hasPanels: false)
    #expect(bare.panels.isEmpty)
    #expect(bare.picture.height == 21)
  }
}
