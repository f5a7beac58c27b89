import Foundation

/// How the learning rate changes over a run.
public enum LearningRateSchedule: String, Codable, CaseIterable, Sendable {
  case constant
  /// Times 0.333 after 100, 200 and 260 of 280 parts of the run, as Lightweight OpenPose was trained.
  case steps
  /// Half a cosine down to a hundredth (Loshchilov and Hutter, "SGDR", 2017).
  case cosine

  /// The factor on the base learning rate.
  /// - Parameters:
  ///   - step: 0 ..< steps.
  ///   - warmUp: steps of linear growth at the start.
  public func factor(step: Int, steps: Int, warmUp: Int) -> Double {
    if step < warmUp { return Double(step + 1) / Double(warmUp + 1) }
    let part = min(1, Double(step) / Double(max(1, steps)))
    switch self {
    case .constant: return 1
    case .steps: return pow(0.333, Double([100.0, 200, 260].filter { part * 280 >= $0 }.count))
    case .cosine:
      let part = min(1, Double(step - warmUp) / Double(max(1, steps - warmUp)))
      return 0.01 + 0.99 * (1 + cos(.pi * part)) / 2
    }
  }
}
