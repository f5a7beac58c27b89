import Foundation
import Infer

/// The state of a run on disk: a safetensors file whose tensors are named `<kind>/<parameter>` and whose metadata holds the rest.
///
/// It is written under another name first and renamed when it is whole, so that neither a crash nor a full disk harms the last
/// one. Batches follow from their number, so the step is all the random state there is.
struct Checkpoint {
  /// Steps made.
  var step = 0
  var settings = TrainSettings()
  /// Sum of losses since the last line of the log, and their number.
  var losses: [Double] = []
  var lossCount = 0
  var best: Double?
  /// Where the weights come from.
  var provenance = ""
  /// By kind: weights, statistics, mean, square, average.
  var tensors: [String: [String: Tensor]] = [:]

  static let kind = "\(WeightFile.checkpointKind) 1"

  func write(to path: String) throws(TrainError) {
    var file = WeightFile(tensors: [:], metadata: [:])
    for (kind, tensors) in tensors {
      for (name, tensor) in tensors { file.tensors["\(kind)/\(name)"] = tensor }
    }
    file.metadata = [
      "kind": Self.kind, "step": "\(step)", "settings": try settings.yaml,
      "losses": losses.map { "\($0)" }.joined(separator: " "), "loss_count": "\(lossCount)", "provenance": provenance,
    ]
    if let best { file.metadata["best"] = "\(best)" }
    do { try file.write(to: path) } catch { throw TrainError(error.description) }
  }

  init() {}

  init(contentsOf path: String) throws(TrainError) {
    do { try self.init(WeightFile(contentsOf: path), path: path) } catch { throw TrainError("\(error)") }
  }

  init(_ file: WeightFile, path: String) throws(TrainError) {
    guard file.metadata["kind"] == Self.kind else {
      throw TrainError("\(path): not a checkpoint of posecam; to start from a model's weights, use --weights-only")
    }
    func number<Value: LosslessStringConvertible>(_ key: String) throws(TrainError) -> Value {
      guard let text = file.metadata[key], let value = Value(text) else {
        throw TrainError("\(path): damaged: its metadata hold no usable '\(key)'")
      }
      return value
    }
    step = try number("step")
    lossCount = try number("loss_count")
    let texts = (file.metadata["losses"] ?? "").split(separator: " ")
    losses = texts.compactMap { Double($0) }
    guard losses.count == texts.count else { throw TrainError("\(path): damaged: a loss that is no number") }
    best = file.metadata["best"].flatMap(Double.init)
    provenance = file.metadata["provenance"] ?? ""
    settings = try TrainSettings(yaml: file.metadata["settings"] ?? "", name: "\(path): settings")
    guard (0...1_000_000_000).contains(step), (0...1_000_000_000).contains(lossCount) else {
      throw TrainError("\(path): damaged: no step or number of losses that a run reaches")
    }
    for (name, tensor) in file.tensors {
      guard let slash = name.firstIndex(of: "/") else { throw TrainError("\(path): tensor '\(name)' has no kind") }
      tensors[String(name[..<slash]), default: [:]][String(name[name.index(after: slash)...])] = tensor
    }
  }

  /// Fills a set of parameters; every one of its tensors must be there.
  func restore(_ kind: String, into set: ParameterSet, path: String) throws(TrainError) {
    let missing = set.load(tensors[kind] ?? [:])
    if let first = missing.first {
      throw TrainError(
        "\(path): tensor '\(kind)/\(first)' is missing or has another shape: a checkpoint of another network")
    }
  }
}
