import Infer

/// Batches whose targets a teacher had a part in: fast pose distillation (Zhang, Zhu and Ye, CVPR 2019).
///
/// The teacher looks at every picture as the student does, changed at random; `Distillation` is the cheaper way.
public struct DistilledSource<Base: BatchSource>: BatchSource {
  private var base: Base
  private let teacher: Plan
  public var problems: Problems { base.problems }
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
      func part(_ whole: UnsafeMutableBufferPointer<Float>, _ channels: Int) -> UnsafeMutableBufferPointer<Float> {
        UnsafeMutableBufferPointer(rebasing: whole[index * channels * cells..<(index + 1) * channels * cells])
      }
      batch.heatmaps.withUnsafeMutableBufferPointer { labels in
        batch.fields.withUnsafeMutableBufferPointer { vectors in
          batch.mask.withUnsafeMutableBufferPointer { mask in
            formula.mix(
              heatmaps: part(labels, 19), fields: part(vectors, 38), mask: part(mask, 1), teacher: (heatmaps, fields),
              share: share)
          }
        }
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
