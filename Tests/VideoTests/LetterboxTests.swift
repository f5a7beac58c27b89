import Testing

@testable import Video

@Suite struct LetterboxTests {
  static let sizes = [
    (1, 1), (1, 4000), (4000, 1), (3, 2), (426, 240), (720, 1280), (1280, 720), (7680, 4320), (2560, 1080), (641, 479),
  ]

  @Test(arguments: sizes) func roundTripsExactly(size: (Int, Int)) {
    let box = Letterbox(frameWidth: size.0, frameHeight: size.1, height: 256)
    // Every pixel centre of both diagonals' worth of columns and rows comes back as the same number.
    for i in 0..<257 {
      let x = Double((size.0 - 1) * i / 256)
      let y = Double((size.1 - 1) * i / 256) + 0.25
      let input = box.input(x: x, y: y)
      let back = box.frame(x: input.x, y: input.y)
      #expect(abs(back.x - x) < 1e-9 && abs(back.y - y) < 1e-9)
    }
  }

  @Test(arguments: sizes) func staysWithinItsBounds(size: (Int, Int)) {
    let box = Letterbox(frameWidth: size.0, frameHeight: size.1, height: 256)
    #expect(box.inputWidth % 8 == 0 && box.inputHeight % 8 == 0)
    #expect(box.inputWidth <= 616 && box.inputHeight <= 256)
    #expect(box.left >= 0 && box.left + box.innerWidth <= box.inputWidth)
    #expect(box.top >= 0 && box.top + box.innerHeight <= box.inputHeight)
    // The outer edges of the frame are the outer edges of its content.
    let (first, last) = (
      box.input(x: -0.5, y: -0.5), box.input(x: Double(size.0) - 0.5, y: Double(size.1) - 0.5)
    )
    #expect(abs(first.x + 0.5 - Double(box.left)) < 1e-9 && abs(first.y + 0.5 - Double(box.top)) < 1e-9)
    #expect(abs(last.x - first.x - Double(box.innerWidth)) < 1e-9)
    #expect(abs(last.y - first.y - Double(box.innerHeight)) < 1e-9)
  }

  @Test func peopleAreAsHighInPortraitAsInLandscape() {
    let landscape = Letterbox(frameWidth: 1280, frameHeight: 720, height: 256)
    #expect((landscape.inputWidth, landscape.inputHeight) == (456, 256))
    let portrait = Letterbox(frameWidth: 720, frameHeight: 1280, height: 256)
    #expect((portrait.inputWidth, portrait.inputHeight) == (144, 256))
  }

  /// Half as many pixels across, each twice as wide, are the same picture.
  @Test func anamorphicPicturesAreStretched() {
    let square = Letterbox(frameWidth: 1280, frameHeight: 720, height: 256)
    let wide = Letterbox(frameWidth: 640, frameHeight: 720, pixelAspect: 2, height: 256)
    #expect((wide.inputWidth, wide.innerWidth, wide.innerHeight) == (456, square.innerWidth, square.innerHeight))
    let (first, second) = (square.frame(x: 100.0, y: 50.0), wide.frame(x: 100.0, y: 50.0))
    #expect(abs((first.x + 0.5) / 2 - (second.x + 0.5)) < 1e-9 && first.y == second.y)
    let part = Letterbox(frameWidth: 100, frameHeight: 200, pixelAspect: 2, inputWidth: 256, inputHeight: 256)
    #expect((part.innerWidth, part.innerHeight) == (256, 256))
  }

  @Test func theCompatibleOneFollowsTheReference() {
    let portrait = Letterbox.compatible(frameWidth: 720, frameHeight: 1280)
    #expect((portrait.innerWidth, portrait.innerHeight) == (144, 256))
    #expect((portrait.inputWidth, portrait.inputHeight, portrait.left, portrait.top) == (256, 256, 56, 0))
    // (140 - 56) / 0.2 = 420 and 19 / 0.2 = 95; just left of the content truncates towards zero.
    #expect(portrait.frame(x: Float(140), y: 19) == (420, 95))
    #expect(portrait.frame(x: Float(55.9), y: 0).x == 0)
    let landscape = Letterbox.compatible(frameWidth: 1280, frameHeight: 720)
    #expect((landscape.innerWidth, landscape.inputWidth, landscape.left) == (455, 456, 0))
  }
}
