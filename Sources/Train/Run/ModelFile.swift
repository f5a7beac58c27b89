import Infer

/// A model file as `Model` reads it.
struct ModelFile {
  var file: WeightFile

  init(network: LightweightOpenPose, tensors: [String: Tensor], provenance: String) {
    file = WeightFile(tensors: tensors, metadata: network.metadata)
    file.metadata["provenance"] = provenance
  }

  func write(to folder: RunFolder, validation: Validation? = nil) throws(TrainError) {
    var file = file
    if let validation { file.metadata[Self.scoreKey] = "\(validation.score)" }
    for (name, value) in validation?.values ?? [:] { file.metadata["validation.\(name)"] = "\(value)" }
    do { try file.write(to: folder.best) } catch { throw TrainError(error.description) }
  }

  private static let scoreKey = "validation.score"

  /// Whether the best model of a run was measured, and is not just the last.
  static func isMeasured(_ folder: RunFolder) -> Bool {
    (try? WeightFile(contentsOf: folder.best))?.metadata[scoreKey] != nil
  }
}
