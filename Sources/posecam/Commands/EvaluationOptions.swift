import ArgumentParser
import Infer
import Tracker
import Train

/// How a model looks at the pictures of a data set.
struct EvaluationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Model file (safetensors, PyTorch checkpoint or ONNX); the built-in one if absent.", valueName: "file"),
    completion: .models
  )
  var model: String?
  @Option(help: ArgumentHelp("Height of the network's input in pixels.", valueName: "n"))
  var size = 368
  @Option(
    help: ArgumentHelp(
      "Arithmetic of the network.",
      valueName: "precision"))
  var precision = PrecisionChoice.f32
  @Flag(help: "Average the maps of four scales: a half, one, one and a half, two.")
  var multiscale = false
  @Flag(help: "Average the maps of the picture and its mirror image.")
  var flip = false
  @Option(
    help: ArgumentHelp(
      "Look at so many overlapping parts of each picture too, columns x rows, each at the same height.",
      valueName: "2x2"))
  var tiles: PictureTiles?
  @Option(help: ArgumentHelp("Pictures worked on at the same time (default: all cores).", valueName: "n"))
  var threads: Int?

  func validate() throws {
    guard (32...2048).contains(size) else { throw ValidationError("--size takes 32 to 2048.") }
    if let threads, !(1...256).contains(threads) { throw ValidationError("--threads takes 1 to 256.") }
  }

  func loadModel() throws -> (Model, PoseEvaluator.Settings) {
    var settings = PoseEvaluator.Settings()
    settings.height = size
    if multiscale { settings.scales = PoseEvaluator.Settings.fourScales }
    settings.usesMirror = flip
    settings.tiles = tiles
    settings.threads = threads ?? min(256, Processors.usable)
    let model = try NetworkOptions.loadModel(model)
    settings.precision = precision.precision(for: model, level: settings.level)
    return (model, settings)
  }
}
