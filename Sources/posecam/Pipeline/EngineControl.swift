import Dispatch
import Infer
import Synchronization

/// Changes thresholds, input size and precision of a running pipeline.
///
/// A threshold holds from the next frame on. Size and precision need new plans, which are made on a queue of their own while
/// frames go on with the old ones; where that fails, the old ones stay and the reason is told.
final class EngineControl: Sendable {
  private struct State {
    var settings: PoseEstimator.Settings
    /// What is being made, or was made last.
    var wanted: PoseEstimator.Settings
    var notices: [String] = []
    /// Counts the changes of what is found.
    var changes = 0
  }

  private let estimators: [PoseEstimator]
  private let state: Mutex<State>
  private let queue = DispatchQueue(label: "posecam.plans")

  init(_ estimators: [PoseEstimator], _ settings: PoseEstimator.Settings) {
    self.estimators = estimators
    state = Mutex(State(settings: settings, wanted: settings))
  }

  /// Size and precision in use, e.g. "256 int8".
  var description: String {
    state.withLock { "\($0.settings.size.defaultValueDescription) \($0.settings.precision.rawValue)" }
  }

  /// How often what is found has changed: a frame looked at before may look different now.
  var changes: Int { state.withLock(\.changes) }

  func takeNotices() -> [String] {
    state.withLock { state in
      defer { state.notices.removeAll() }
      return state.notices
    }
  }

  /// Whether frames come with maps for the screen.
  func showMaps(_ isWanted: Bool) { for estimator in estimators { estimator.showMaps(isWanted) } }

  /// Raises or lowers the least score of people by twentieths.
  func changeScore(by steps: Int) {
    state.withLock { state in
      let twentieths = (state.settings.selection.leastScore * 20).rounded() + Float(steps)
      state.settings.selection.leastScore = max(0, min(19, twentieths)) / 20
      state.wanted.selection.leastScore = state.settings.selection.leastScore
      state.notices.append(
        "people from a score of \(Figure.decimal(Double(state.settings.selection.leastScore), digits: 2))")
      for estimator in estimators { estimator.adopt(state.settings) }
      state.changes += 1
    }
  }

  /// Heights of the input that the keys go through.
  private static let sides = [96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 448, 512, 640, 768]

  /// The next larger or smaller input.
  func changeSize(by steps: Int, for frames: [(width: Int, height: Int)]) {
    change(for: frames) { settings in
      let side =
        switch settings.size {
        case .height(let side): side
        case .whole(let height, let width): min(height, width)
        }
      let next = steps > 0 ? Self.sides.first { $0 > side } : Self.sides.last { $0 < side }
      guard let next else { return "the network's input cannot be \(steps > 0 ? "larger" : "smaller") than \(side)" }
      switch settings.size {
      case .height: settings.size = .height(next)
      case .whole(let height, let width):
        let scaled = { (length: Int) in max(32, min(4096, (length * next + side / 2) / side)) }
        settings.size = .whole(height: scaled(height), width: scaled(width))
      }
      return nil
    }
  }

  /// The next of the precisions that model and processor have.
  func changePrecision(for frames: [(width: Int, height: Int)]) {
    change(for: frames) { settings in
      let all = estimators[0].model.precisions(at: settings.level)
      guard all.count > 1 else {
        return "no precision but f32: the model was not calibrated for int8, the processor has no bf16 products"
      }
      let index = all.firstIndex(of: settings.precision) ?? 0
      settings.precision = all[(index + 1) % all.count]
      return nil
    }
  }

  /// - Parameter edit: a reason to leave everything as it is, or nil.
  private func change(for frames: [(width: Int, height: Int)], _ edit: (inout PoseEstimator.Settings) -> String?) {
    let wanted: PoseEstimator.Settings? = state.withLock { state in
      if let reason = edit(&state.wanted) {
        state.notices.append(reason)
        return nil
      }
      return state.wanted
    }
    guard let wanted else { return }
    queue.async { [self] in
      // A newer wish came meanwhile: it has its own turn.
      guard isWanted(wanted) else { return }
      do throws(InferError) {
        let plans = try estimators.map { estimator throws(InferError) in
          Array(try frames.map { frame throws(InferError) in try estimator.plans(wanted, for: frame) }.joined())
        }
        state.withLock { state in
          (state.settings.size, state.settings.precision) = (wanted.size, wanted.precision)
          for (estimator, plan) in zip(estimators, plans) { estimator.adopt(state.settings, plan) }
          state.changes += 1
          if let first = plans.first?.first {
            state.notices.append("network input \(first.height)×\(first.width), \(first.precision.rawValue)")
          }
        }
      } catch {
        state.withLock { state in
          (state.wanted.size, state.wanted.precision) = (state.settings.size, state.settings.precision)
          state.notices.append(
            "\(wanted.size.defaultValueDescription) \(wanted.precision.rawValue) is not possible: \(error)")
        }
      }
    }
  }

  private func isWanted(_ settings: PoseEstimator.Settings) -> Bool {
    state.withLock { $0.wanted.size == settings.size && $0.wanted.precision == settings.precision }
  }
}
