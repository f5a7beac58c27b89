import Foundation
import Infer
import Synchronization
import Testing
import Video

@testable import posecam

struct SeveralVideosTests {
  @Test func picturesLieSideBySideWithoutOverlap() {
    for count in 1...16 {
      for (columns, rows) in [(40, 9), (87, 33), (200, 50)] {
        for (width, height) in [(640, 480), (1920, 1080), (720, 1280)] {
          let fit = PictureFit(frameWidth: width, frameHeight: height, cellAspect: 2)
          let across = TileGrid.columns(count, in: columns, rows, fit)
          let area = CellRect(x: 3, y: 1, width: columns, height: rows)
          let places = TileGrid.places(count, columns: across, in: area)
          #expect(places.count == count)
          for (index, place) in places.enumerated() {
            #expect(place.x >= 3 && place.y >= 1 && place.right <= area.right && place.bottom <= area.bottom)
            #expect(!places[(index + 1)...].contains { $0.overlaps(place) })
          }
        }
      }
    }
    // Upright pictures stand beside each other, wide ones above each other on a narrow screen.
    #expect(TileGrid.columns(3, in: 120, 30, PictureFit(frameWidth: 720, frameHeight: 1280, cellAspect: 2)) == 3)
    #expect(TileGrid.columns(2, in: 60, 40, PictureFit(frameWidth: 1920, frameHeight: 1080, cellAspect: 2)) == 1)
  }

  private func view() -> LiveView {
    var view = TerminalSamples.view(ScreenLayout(columns: 120, rows: 40, frameWidth: 640, frameHeight: 480))
    let tile = LiveView.Tile(
      name: "walk.mp4", picture: view.picture, frameWidth: 640, frameHeight: 480, people: view.people, rate: 12.5)
    var waiting = tile
    (waiting.name, waiting.picture, waiting.people) = ("camera 0", nil, [])
    view.tiles = [tile, waiting, tile]
    view.focus = 1
    return view
  }

  @Test func everyVideoHasItsNameAndPlace() throws {
    for blitter in [Blitter.half, .sextant, .sixel] {
      let view = view()
      var grid = CellGrid(width: 120, height: 40)
      let layout = Composer.layout(columns: 120, rows: 40, view, panels: Set(ScreenLayout.Panel.allCases))
      let composer = Composer(TerminalSamples.traits(), blitter: blitter)
      let bitmap = composer.draw(view, layout: layout, showsHelp: false, skipped: 0, into: &grid)
      #expect(grid.text.ranges(of: "walk.mp4 · 12.5 fps").count == 2 && grid.text.contains("camera 0 · 12.5 fps"))
      #expect(grid.text.contains("waiting for the first frame") && grid.text.contains("n next video"))
      if blitter.isGraphics { #expect(bitmap?.width == layout.picture.width * composer.cellSize.width) }
      // The mouse finds them again.
      var found: Set<Int> = []
      for y in 0..<40 {
        for x in 0..<120 {
          guard let (tile, _) = composer.find(at: Mouse(button: .left, x: x, y: y), view, layout) else { continue }
          found.insert(tile)
          #expect(layout.picture.contains(x, y))
        }
      }
      #expect(found == [0, 1, 2])
    }
  }

  /// Whoever comes first is served first: nobody is served twice while another one waits.
  @Test func theEngineIsSharedFairly() throws {
    let model = try NetworkOptions.loadModel(nil)
    let pool = EnginePool([PoseEstimator(model, PoseEstimator.Settings())])
    let order = Mutex<[Int]>([])
    let isReady = DispatchGroup()
    for user in 0..<4 {
      isReady.enter()
      Thread.detachNewThread {
        for _ in 0..<25 {
          pool.withEstimator { _ in
            order.withLock { $0.append(user) }
            usleep(1000)
          }
        }
        isReady.leave()
      }
    }
    isReady.wait()
    let served = order.withLock { $0 }
    #expect(served.count == 100)
    // From when all have come until the first one has done.
    let begin = try #require((0..<4).compactMap { served.firstIndex(of: $0) }.max())
    let end = try #require((0..<4).compactMap { served.lastIndex(of: $0) }.min())
    var counts = [Int](repeating: 0, count: 4)
    for user in served[begin..<max(begin, end)] {
      counts[user] += 1
      // A thread that is late to ask again may miss its turn once, on a busy machine.
      #expect((counts.max() ?? 0) - (counts.min() ?? 0) <= 3)
    }
  }

  @Test(.enabled(if: Program.isPresent, Program.absence)) func whatCannotBeSharedIsRefused() throws {
    let folder = try Folder()
    let piped = try Program.run("posecam --video demo:seconds=1 --video demo:seconds=1", in: folder)
    #expect(piped.status == 1 && piped.complaints.count == 1 && piped.errors.contains("several videos"))
    let written = try Program.run("posecam --video demo --video demo --json a.jsonl", in: folder)
    #expect(written.status == 64 && written.errors.contains("Outputs take one --video"))
    #expect(try folder.contents() == [])
  }
}
