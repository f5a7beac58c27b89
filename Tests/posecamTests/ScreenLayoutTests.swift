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
          }
        }
      }
    }
  }

  @Test func theAspectIsKept() {
    let layout = ScreenLayout(columns: 200, rows: 60, frameWidth: 1920, frameHeight: 1080)
    // Whole cells: within half a row.
    #expect(abs(Double(layout.picture.width) * 9 / 16 / 2 - Double(layout.picture.height)) <= 0.6)
    // Cells 2.4 times as high as wide: the same picture takes more columns.
    let tall = ScreenLayout(columns: 200, rows: 60, frameWidth: 720, frameHeight: 1280, cellAspect: 2.4)
    #expect(abs(Double(tall.picture.width) / 2.4 * 1280 / 720 - Double(tall.picture.height)) <= 0.6)
  }

  @Test func panelsTakeWhatThePictureLeaves() throws {
    // A wide picture: graphs and events below it, the rest beside it.
    let wide = ScreenLayout(columns: 120, rows: 40, frameWidth: 1920, frameHeight: 1080)
    #expect(wide.panels.count == 5)
    #expect(try #require(wide.panels[.rates]).y == wide.picture.bottom)
    #expect(try #require(wide.panels[.people]).x > wide.picture.right)
    // An upright one: two columns beside it.
    let upright = ScreenLayout(columns: 120, rows: 40, frameWidth: 720, frameHeight: 1280)
    #expect(upright.panels.count == 5)
    #expect(try #require(upright.panels[.rates]).x >= upright.picture.right)
    #expect(try #require(upright.panels[.stages]).x >= #require(upright.panels[.rates]).right)
    // A terminal of the standard size has room for some of them.
    #expect(ScreenLayout(columns: 80, rows: 24, frameWidth: 640, frameHeight: 480).panels.count == 3)
    let bare = ScreenLayout(columns: 80, rows: 24, frameWidth: 640, frameHeight: 480, panels: [])
    #expect(bare.panels.isEmpty && bare.picture.height == 21)
  }

  @Test func everyChoiceOfPanelsIsKept() {
    for bits in 0..<32 {
      let wanted = Set(ScreenLayout.Panel.allCases.enumerated().filter { bits >> $0.offset & 1 == 1 }.map(\.element))
      for (width, height) in [(1920, 1080), (720, 1280), (640, 480)] {
        for cores in [1, 4, 64] {
          let layout = ScreenLayout(
            columns: 160, rows: 60, frameWidth: width, frameHeight: height, panels: wanted, cores: cores)
          #expect(Set(layout.panels.keys) == wanted, "\(wanted) beside \(width)x\(height)")
        }
      }
    }
  }
}
