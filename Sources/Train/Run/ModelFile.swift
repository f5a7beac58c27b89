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
    for (name, value) in validation?.values ?? [:] { file.metadata["validation.\(name)"] = "\(value)" }
    do { try file.write(to: folder.best) } catch { throw TrainError(error.description) }
  }
}
