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

  /// What the best model of a run was measured at; nil where it is just the last.
  static func score(of folder: RunFolder) -> Double? {
    (try? WeightFile(contentsOf: folder.best))?.metadata[scoreKey].flatMap(Double.init)
  }
}
