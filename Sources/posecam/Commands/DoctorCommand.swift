import ArgumentParser
import Foundation
import Infer
import Video

/// `posecam doctor`: what this machine has and what of it is used.
struct DoctorCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor",
    abstract: "Tells versions of the libraries, processor features, cameras, encoders and terminal colours.")

  func run() throws {
    func line(_ label: String, _ text: String) {
      print(label.padding(toLength: 12, withPad: " ", startingAt: 0) + text)
    }
    line("posecam", Posecam.configuration.version)
    line(
      "FFmpeg", "\(Libraries.release): " + Libraries.versions.map { "\($0.name) \($0.version)" }.joined(separator: ", ")
    )
    line("OpenBLAS", "\(OpenBLAS.configuration); core \(OpenBLAS.coreName)")
    let (usable, all) = (Processors.usable, Processors.all)
    let cores = usable < all ? "\(usable) of \(all) cores usable" : "\(all) cores"
    line("processor", "\(Processors.name ?? "unknown processor"), \(cores)")
    line("features", CPULevel.features.isEmpty ? "none that matter here" : CPULevel.features)
    let peaks = Precision.allCases.map { ($0, 2 * CPULevel.detected.measuredPeak($0)) }.filter { $0.1 > 0 }
    let rates = peaks.map { "\($0.rawValue) \(String(format: "%.0f", $1))" }.joined(separator: ", ")
    line("kernels", "\(CPULevel.detected); GFLOP/s measured on one core: \(rates)")
    if let model = try? NetworkOptions.loadModel(nil) {
      line("presets", Self.presets(model))
    }

    let cameras = Camera.all
    if cameras.isEmpty { line("cameras", "none found (no /dev/video*)") }
    for camera in cameras {
      line("camera", "\(camera.path): \(camera.name)")
      for format in camera.formats() { line("", "  \(format)") }
    }
    let encoders = Libraries.encoders(among: VideoWriter.encoderNames)
    line(
      "encoders",
      encoders.isEmpty
        ? "none of \(VideoWriter.encoderNames.joined(separator: ", "))" : encoders.joined(separator: ", "))

    let environment = ProcessInfo.processInfo.environment
    guard isatty(STDOUT_FILENO) == 1 else {
      line("terminal", "standard output is none: the live command prints a progress line instead of the screen")
      return
    }
    let variables = ["TERM", "COLORTERM", "NO_COLOR", "LANG", "TMUX"].compactMap { name in
      environment[name].map { "\(name)=\($0)" }
    }
    line("terminal", "\(Terminal.describe(environment: environment)) (\(variables.joined(separator: " ")))")
  }

  /// What was measured for the built-in model on all cores.
  private static func presets(_ model: Model) -> String {
    let choices = Preset.allCases.compactMap { preset -> String? in
      let precision = (preset.precision ?? .auto).precision(for: model, level: .detected)
      let subject = NetworkTimes.Subject(
        model: model, level: .detected, precision: precision, threads: min(256, Processors.usable))
      return NetworkTimes.remembered(subject, path: CacheFolder.path(of: NetworkTimes.fileName))
        .map { "\(preset.rawValue) \(preset.choice($0).description(precision))" }
    }
    return choices.isEmpty ? "not measured yet; --preset does that once" : choices.joined(separator: "; ")
  }
}
