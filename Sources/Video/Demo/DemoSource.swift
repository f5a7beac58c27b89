import Foundation
import Synchronization

/// The demo scene as a source: `demo`, or `demo:people=10,size=1280x720,seconds=20,rate=30,seed=3`.
public final class DemoSource: FrameSource, @unchecked Sendable {
  public let info: SourceInfo
  public let scene: DemoScene
  private let rate: Int32
  private let frameCount: Int?
  private var nextIndex = 0
  private let started = Clock.now()
  private let isCancelled = Atomic(false)

  /// - Parameter isLive: keeps to the clock and is dropped from when a stage is slow, as a camera is.
  public init(_ specifier: String, isLive: Bool) throws(VideoError) {
    var (people, width, height, rate, seed): (Int, Int, Int, Int, UInt64) = (4, 960, 540, 30, 1)
    var seconds: Double?
    let settings = specifier.dropFirst("demo".count).drop { $0 == ":" }
    for setting in settings.split(separator: ",") {
      let pair = setting.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      let value = pair.count == 2 ? pair[1] : ""
      let sides = value.split(separator: "x").compactMap { Int($0) }
      switch pair[0] {
      case "people" where (1...50).contains(Int(value) ?? 0): people = Int(value) ?? people
      case "rate" where (1...240).contains(Int(value) ?? 0): rate = Int(value) ?? rate
      case "seed" where UInt64(value) != nil: seed = UInt64(value) ?? seed
      case "seconds" where (0.01...86_400).contains(Double(value) ?? 0): seconds = Double(value)
      case "size" where sides.count == 2 && sides.allSatisfy { (16...4096).contains($0) }:
        (width, height) = (sides[0], sides[1])
      default:
        throw VideoError(
          "\(specifier): '\(setting)' is not understood; there are people=1…50, size=WxH (16 to 4096), seconds, rate=1…240, seed"
        )
      }
    }
    scene = DemoScene(width: width, height: height, people: people, seed: seed)
    self.rate = Int32(rate)
    frameCount = seconds.map { max(1, Int(($0 * Double(rate)).rounded())) }
    info = SourceInfo(
      name: specifier, width: width, height: height, nominalRate: Double(rate), duration: seconds,
      frameCount: frameCount,
      isLive: isLive, format: "drawn here, \(people) people")
  }

  public func next() throws(VideoError) -> Frame? {
    guard !isCancelled.load(ordering: .relaxed), frameCount.map({ nextIndex < $0 }) ?? true else { return nil }
    if info.isLive {
      // A camera does not wait for anyone: what is late was never taken.
      let elapsed = Double(Clock.now() - started) / 1e9
      nextIndex = max(nextIndex, Int(elapsed * Double(rate)))
      let wait = Double(nextIndex) / Double(rate) - elapsed
      if wait > 0 { Thread.sleep(forTimeInterval: wait) }
      guard !isCancelled.load(ordering: .relaxed), frameCount.map({ nextIndex < $0 }) ?? true else { return nil }
    }
    let captured = Clock.now()
    let picture = scene.render(at: Double(nextIndex) / Double(rate)).bitmap
    defer { nextIndex += 1 }
    return try Frame(
      bitmap: picture, index: nextIndex, timestamp: Timestamp(ticks: Int64(nextIndex), numerator: 1, denominator: rate),
      captured: captured, since: captured)
  }

  public func cancel() { isCancelled.store(true, ordering: .relaxed) }

  public func takeNotices() -> [String] { [] }
}
