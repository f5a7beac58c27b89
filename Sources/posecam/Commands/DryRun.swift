import ArgumentParser
import Foundation
import Infer
import Train

/// Looks at everything that a training run needs, shows one batch as a picture, and trains nothing.
struct DryRun {
  let settings: TrainSettings
  let options: RunOptions

  func run() throws {
    try settings.check()
    print(try settings.yaml, terminator: "")
    let graph = settings.network.graph
    let work = Double(graph.multiplyAdds(height: settings.size, width: settings.size)) / 1e9
    print(
      "network: \(graph.parameterCount) parameters, "
        + String(format: "%.3f G multiply-adds at %dx%d", work, settings.size, settings.size))
    if let path = options.fromMobilenet ?? options.weightsOnly { try look(at: path, for: graph) }

    // No more are drawn.
    var drawn = settings
    drawn.batch = min(settings.batch, 8)
    var source = try options.source(drawn, SingleProcess())
    let statistics = try DataStatistics(KeypointAnnotations(contentsOf: settings.data))
    for line in statistics.lines { print("\(settings.data): \(line)") }
    if !settings.validation.isEmpty {
      print("\(settings.validation): \(DataStatistics(try options.validationLabels(settings)).lines[0])")
    }

    var batch = Batch(empty: drawn.batch, height: settings.size, width: settings.size)
    try source.read(0, into: &batch)
    let picture = options.out.map { "\($0)/batch.png" } ?? "batch.png"
    if let folder = options.out {
      do {
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      } catch {
        throw PosecamError("\(folder): cannot be made: \(error.localizedDescription)")
      }
    }
    try batch.writePicture(rows: 8, to: picture)
    print("\(picture): the first samples with heat-maps and fields; nothing was trained")
  }

  private func look(at path: String, for graph: Graph) throws {
    let tensors = try WeightFile(contentsOf: path).model.tensors
    let missing = graph.tensorShapes.filter { tensors[$0.name]?.shape != $0.shape }.map(\.name)
    try RunOptions.check(missing, of: graph, from: path, isBackbone: options.fromMobilenet != nil)
    print("\(path): \(graph.tensorShapes.count - missing.count) of \(graph.tensorShapes.count) tensors of the network")
  }
}
