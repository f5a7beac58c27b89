import Infer

/// Batches whose targets a teacher had a part in: fast pose distillation (Zhang, Zhu and Ye, CVPR 2019).
///
/// A weighted sum of squares from two targets differs from the squares from their weighted mean by a constant only, so the
/// teacher's part is mixed into the targets and the loss stays what it is. A picture whose mask is 0 everywhere has no labels:
/// it learns from the teacher alone.
public struct DistilledSource<Base: BatchSource>: BatchSource {
  private var base: Base
  private let teacher: Plan
  private let share: Float
  private let formula: DistillationFormula
  private let outputs: (heatmaps: String, fields: String)
  private var heatmaps: [Float] = []
  private var fields: [Float] = []

  /// - Parameters:
  ///   - share: α, the teacher's part in the loss of labelled pictures, 0...1.
  ///   - size: pixels of a side of the batches' pictures.
  public init(
    _ base: Base, teacher: Model, share: Double, formula: DistillationFormula, size: Int, threads: Int
  ) throws(TrainError) {
    guard (0...1).contains(share) else { throw TrainError("the teacher's share of the loss is 0 to 1, not \(share)") }
    self.base = base
    self.share = Float(share)
    self.formula = formula
    do {
      self.teacher = try Plan(teacher, height: size, width: size, threads: threads)
    } catch {
      throw TrainError("\(teacher.name): \(error)")
    }
    let last = teacher.network.refinementStages
    outputs = ("stage\(last)_heatmaps", "stage\(last)_pafs")
  }

  public mutating func read(_ number: Int, into batch: inout Batch) throws(TrainError) {
    try base.read(number, into: &batch)
    precondition(batch.height == teacher.height && batch.width == teacher.width)
    let picture = 3 * batch.height * batch.width
    let cells = batch.mask.count / batch.count
    for index in 0..<batch.count {
      batch.images.withUnsafeBufferPointer {
        teacher.setInput(planes: UnsafeBufferPointer(rebasing: $0[index * picture..<(index + 1) * picture]))
      }
      teacher.run()
      do {
        try teacher.copyOutput(outputs.heatmaps, into: &heatmaps)
        try teacher.copyOutput(outputs.fields, into: &fields)
      } catch {
        throw TrainError("the teacher: \(error)")
      }
      let place = index * cells..<(index + 1) * cells
      let isLabelled = batch.mask[place].contains { $0 != 0 }
      for (offset, cell) in place.enumerated() {
        let (labels, weight) = formula.weights(mask: batch.mask[cell], share: share, isLabelled: isLabelled)
        for channel in 0..<19 {
          let at = (index * 19 + channel) * cells + offset
          batch.heatmaps[at] = labels * batch.heatmaps[at] + (1 - labels) * heatmaps[channel * cells + offset]
        }
        for channel in 0..<38 {
          let at = (index * 38 + channel) * cells + offset
          batch.fields[at] = labels * batch.fields[at] + (1 - labels) * fields[channel * cells + offset]
        }
        batch.mask[cell] = weight
      }
    }
  }
}

/// How the teacher and the labels share the loss of a labelled picture.
public enum DistillationFormula: String, Codable, CaseIterable, Sendable {
  /// (1 - α) labels where the mask says they hold + α teacher everywhere.
  case everywhere
  /// Both only where the mask says that labels hold.
  case masked

  /// The labels' share of the mixed target, and the mask that goes with it.
  func weights(mask: Float, share: Float, isLabelled: Bool) -> (labels: Float, mask: Float) {
    guard isLabelled else { return (0, 1) }
    guard self == .everywhere else { return (1 - share, mask) }
    // The loss squares the mask.
    let labels = (1 - share) * mask * mask
    let sum = labels + share
    return sum > 0 ? (labels / sum, sum.squareRoot()) : (1, 0)
  }
}
