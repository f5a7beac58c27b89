import Foundation
import Testing

@testable import Train

@Suite struct RunLogTests {
  private func log(_ text: String) -> RunLog { RunLog(Data(text.utf8), name: "test") }

  @Test func aTruncatedLastLineIsLeftOut() {
    let log = log(
      """
      {"step": 1, "loss": 3.5, "stage0_pafs": 1, "stage0_heatmaps": 2.5}
      {"step": 2, "loss": 2, "validation": {"AP": 0.25, "AR": 0.5}}
      {"step": 3, "lo
      """)
    #expect(log.curves["loss"] == [.init(step: 1, value: 3.5), .init(step: 2, value: 2)])
    #expect(log.curves["AP"] == [.init(step: 2, value: 0.25)])
    #expect(log.outputs == ["stage0_heatmaps", "stage0_pafs"])
    #expect(log.damagedLines == 1 && log.curves["step"] == nil)
  }

  @Test func whatIsNoEntryIsLeftOut() {
    let log = log(
      "[1]\n{\"loss\": 2}\n{\"step\": -1, \"loss\": 2}\n{\"step\": 1e300}\nnull\n\n\u{0}\n{\"step\": 4, \"loss\": \"x\"}"
    )
    #expect(log.curves.isEmpty && log.damagedLines == 6)
  }

  @Test func stepsThatWereMadeTwiceCountOnce() {
    let log = log(
      "{\"step\": 2, \"loss\": 1}\n{\"step\": 4, \"loss\": 2}\n{\"step\": 2, \"loss\": 3}\n{\"step\": 3, \"loss\": 4}")
    #expect(log.curves["loss"]?.map(\.step) == [2, 3, 4])
    #expect(log.curves["loss"]?.map(\.value) == [3, 4, 2])
  }

  @Test func smoothingStartsAtTheFirstValue() {
    let points = [4.0, 4, 0, 0].enumerated().map { RunLog.Point(step: $0.offset, value: $0.element) }
    #expect(points.smoothed(0) == points)
    let smooth = points.smoothed(0.5).map(\.value)
    #expect(smooth[0] == 4 && smooth[1] == 4)
    #expect(abs(smooth[2] - 4 * 3 / 7) < 1e-12 && smooth[3] < smooth[2] && smooth[3] > 0)
  }

  @Test func whatIsNoRunIsTold() throws {
    for path in ["/nowhere", NSTemporaryDirectory(), "/dev/null"] {
      #expect {
        try RunLog(contentsOf: path)
      } throws: { error in
        "\(error)".contains(path)
      }
    }
  }
}
