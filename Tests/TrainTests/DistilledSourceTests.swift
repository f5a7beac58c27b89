import Foundation
import Infer
import Testing

@testable import Train

@Suite struct DistilledSourceTests {
  private static let teacher: Result<Model, any Error> = Result {
    var network = LightweightOpenPose()
    (network.backboneWidth, network.channels, network.headChannels) = (0.125, 16, 16)
    let file = ModelFile(
      network: network, tensors: Initialisation.tensors(of: network.graph, seed: 2), provenance: "random")
    return try Model(file.file, name: "teacher")
  }

  /// Labels, and what the teacher says of the same pictures.
  private func batches(
    share: Double, _ formula: DistillationFormula, clearing picture: Int? = nil
  ) throws -> (labels: Batch, mixed: Batch) {
    struct Source: BatchSource {
      var cleared: Int?
      mutating func read(_ number: Int, into batch: inout Batch) throws(TrainError) {
        var noise = NoiseSource()
        try noise.read(number, into: &batch)
        for cell in 0..<16 where cleared != nil { batch.mask[(cleared ?? 0) * 16 + cell] = 0 }
      }
    }
    var source = Source(cleared: picture)
    var labels = Batch(empty: 2, height: 32, width: 32)
    try source.read(3, into: &labels)
    var mixed = labels
    var distilled = try DistilledSource(
      source, teacher: Self.teacher.get(), share: share, formula: formula, size: 32, threads: 1)
    try distilled.read(3, into: &mixed)
    return (labels, mixed)
  }

  @Test func withoutTheTeacherNothingChanges() throws {
    for formula in DistillationFormula.allCases {
      let (labels, mixed) = try batches(share: 0, formula)
      #expect(mixed.images == labels.images && mixed.mask == labels.mask)
      let counted = labels.mask.indices.filter { labels.mask[$0] > 0 }
      #expect(!counted.isEmpty)
      for cell in counted {
        let at = cell / 16 * 19 * 16 + cell % 16
        #expect(mixed.heatmaps[at] == labels.heatmaps[at])
      }
    }
  }

  @Test func unlabelledPicturesLearnFromTheTeacherAlone() throws {
    let (_, teacher) = try batches(share: 1, .everywhere)
    for formula in DistillationFormula.allCases {
      let (_, mixed) = try batches(share: 0.3, formula, clearing: 1)
      #expect(mixed.mask[16...].allSatisfy { $0 == 1 })
      #expect(mixed.heatmaps[(19 * 16)...] == teacher.heatmaps[(19 * 16)...])
      #expect(mixed.fields[(38 * 16)...] == teacher.fields[(38 * 16)...])
    }
    #expect(teacher.heatmaps.contains { abs($0) > 1e-6 })
  }

  /// The loss from the mixed target is that from both targets but for a constant.
  @Test(arguments: DistillationFormula.allCases, [Float(0), 0.25, 1])
  func mixedTargetsGiveTheSumOfBothLosses(formula: DistillationFormula, share: Float) {
    let (label, teacher): (Float, Float) = (0.7, -0.2)
    for mask in [Float(0), 1] {
      let (part, weight) = formula.weights(mask: mask, share: share, isLabelled: true)
      let target = part * label + (1 - part) * teacher
      func difference(_ prediction: Float) -> Float {
        let mixed = pow((prediction - target) * weight, 2)
        let fromLabel = pow((prediction - label) * mask, 2)
        let fromTeacher = pow((prediction - teacher) * (formula == .masked ? mask : 1), 2)
        return mixed - (1 - share) * fromLabel - share * fromTeacher
      }
      #expect(abs(difference(0.9) - difference(-1.4)) < 1e-5)
    }
  }
}
