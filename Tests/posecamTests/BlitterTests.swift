import Testing
import Video

@testable import posecam

struct BlitterTests {
  /// A picture of one cell whose pixels are white where the bit is set.
  private func picture(_ width: Int, _ height: Int, bits: Int) -> Bitmap {
    var picture = Bitmap(width: width, height: height)
    for index in 0..<width * height where bits >> index & 1 == 1 {
      for channel in 0..<3 { picture.pixels[3 * index + channel] = 255 }
    }
    return picture
  }

  private func cell(_ blitter: Blitter, _ picture: Bitmap) -> Cell {
    var grid = CellGrid(width: 1, height: 1)
    blitter.draw(picture, in: CellRect(x: 0, y: 0, width: 1, height: 1), of: &grid)
    return grid[0, 0]
  }

  @Test func everyPatternHasItsCharacter() {
    let white = Color(255, 255, 255)
    let quadrants = (1..<15).map { cell(.quadrant, picture(2, 2, bits: $0)) }
    #expect(quadrants.allSatisfy { $0.ink == white && $0.paper == Color(0, 0, 0) })
    #expect(String(quadrants.compactMap { Unicode.Scalar($0.scalar).map(Character.init) }) == "▘▝▀▖▌▞▛▗▚▐▜▄▙▟")

    let sextants = (1..<63).map { cell(.sextant, picture(2, 3, bits: $0)).scalar }
    #expect(Set(sextants).count == 62)
    // BLOCK SEXTANT-1, -2, -12, -23456 and the two halves that were there before.
    #expect(sextants[0] == 0x1FB00 && sextants[1] == 0x1FB01 && sextants[2] == 0x1FB02 && sextants[61] == 0x1FB3B)
    #expect(sextants[0b010101 - 1] == 0x258C && sextants[0b101010 - 1] == 0x2590)

    #expect(cell(.braille, picture(2, 4, bits: 0xFF)).scalar == 0x28FF)
    #expect(cell(.braille, picture(2, 4, bits: 0b01)).scalar == 0x2801)
    #expect(cell(.braille, picture(2, 4, bits: 0b1000_0000)).scalar == 0x2880)
  }

  @Test func faintPatternsAreNotWorthACharacter() {
    for blitter in [Blitter.quadrant, .sextant] {
      var grey = picture(2, blitter == .quadrant ? 2 : 3, bits: 0b11)
      for index in grey.pixels.indices { grey.pixels[index] = 100 + grey.pixels[index] / 26 }
      let cell = cell(blitter, grey)
      #expect(cell.scalar == 0x20 && cell.paper.luma >= 100 && cell.paper.luma <= 109)
    }
  }

  @Test func eachTerminalGetsWhatItCanShow() {
    func choices(_ colors: ColorLevel, _ glyphs: GlyphSet) -> [Blitter] {
      let traits = TerminalSamples.traits(colors, glyphs)
      #expect(Blitter.characters(for: traits).contains(.standard(for: traits)))
      return Blitter.characters(for: traits)
    }
    #expect(choices(.direct, .full) == [.half, .quadrant, .sextant, .braille, .ascii])
    #expect(choices(.ansi16, .console) == [.half, .space, .ascii])
    #expect(choices(.ansi8, .ascii) == [.space, .ascii])
    #expect(choices(.mono, .full) == [.ascii, .braille])
    #expect(choices(.mono, .ascii) == [.ascii])
  }

  /// Every kind draws every view at sizes that leave little room.
  @Test func everyKindDrawsEveryView() {
    for blitter in Blitter.allCases {
      for (columns, rows) in [(40, 12), (83, 27), (160, 50)] {
        for mode in ViewMode.allCases {
          var view = TerminalSamples.view(
            ScreenLayout(columns: columns, rows: rows, frameWidth: 640, frameHeight: 480))
          (view.mode, view.selected) = (mode, 12)
          var composer = Composer(TerminalSamples.traits(), blitter: blitter)
          composer.cellSize = (7, 15)
          let layout = Composer.layout(columns: columns, rows: rows, view, panels: Set(ScreenLayout.Panel.allCases))
          var grid = CellGrid(width: columns, height: rows)
          let bitmap = composer.draw(view, layout: layout, showsHelp: false, skipped: 0, into: &grid)
          let size = composer.pictureSize(layout, view)
          #expect(size.width > 0 && size.height > 0)
          #expect((bitmap != nil) == blitter.isGraphics)
          if let bitmap {
            let density = blitter.density(cell: composer.cellSize)
            #expect(bitmap.width == layout.picture.width * density.x)
            #expect(bitmap.height == layout.picture.height * density.y)
          }
        }
      }
    }
  }
}

struct BrailleCanvasTests {
  @Test func linesTouchTheirEnds() {
    var canvas = BrailleCanvas(width: 4, height: 2)
    canvas.line(from: (0, 0), to: (7, 7), Color(1, 2, 3))
    var grid = CellGrid(width: 4, height: 2)
    canvas.draw(atX: 0, y: 0, of: &grid)
    #expect(grid.text == "⠑⢄\n  ⠑⢄")
    #expect(grid[0, 0].ink == Color(1, 2, 3))
    canvas.line(from: (-.infinity, .nan), to: (1e30, 5), Color(9, 9, 9))
    canvas.line(from: (-1e5, 3), to: (1e5, 3), Color(9, 9, 9))
  }

  @Test func graphsGrowFromTheBottomRight() {
    func graph(_ values: [Float], _ glyphs: GlyphSet) -> String {
      var grid = CellGrid(width: 3, height: 2)
      grid.graph(
        values, in: CellRect(x: 0, y: 0, width: 3, height: 2), top: 8, ink: Color(0, 255, 0), glyphs: glyphs)
      return grid.text
    }
    #expect(graph([0, 8, 4, 2], .full) == " ⢸\n ⣸⣧", "nothing is one dot")
    #expect(graph([8, 8], .full) == "  ⣿\n  ⣿")
    #expect(graph([4, 8], .console) == "  █\n ██")
    #expect(graph([2, 8], .ascii) == "  |\n .|")
    #expect(graph([.nan, .infinity], .full) == "\n")
  }
}
