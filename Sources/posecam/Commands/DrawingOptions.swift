import ArgumentParser
import Foundation
import Video

extension SkeletonPainter.Coloring: ExpressibleByArgument {}

/// How people are drawn into a video.
struct DrawingOptions: ParsableArguments {
  @Flag(help: "Draw on black instead of on the picture.")
  var black = false

  @Option(help: ArgumentHelp("Width of limbs, in pixels (default: by the video's size).", valueName: "pixels"))
  var lineWidth: Float?

  @Option(
    help: ArgumentHelp(
      "Radius of key points, in pixels, 0 for none (default: by the video's size).", valueName: "pixels"))
  var keypointRadius: Float?

  @Option(help: "Colour a skeleton by person or by limb.")
  var colorBy = SkeletonPainter.Coloring.person

  @Flag(inversion: .prefixedNo, help: "Draw a box around everyone.")
  var boxes = true

  @Flag(inversion: .prefixedNo, help: "Write everyone's identity and score above the box.")
  var labels = true

  @Flag(inversion: .prefixedNo, help: "Copy the source's sound into a video.")
  var sound = true

  func validate() throws {
    if let lineWidth, !(0.5...200).contains(lineWidth) { throw ValidationError("--line-width takes 0.5 to 200.") }
    if let keypointRadius, !(0...200).contains(keypointRadius) {
      throw ValidationError("--keypoint-radius takes 0 to 200.")
    }
  }

  var style: SkeletonPainter.Style {
    var style = SkeletonPainter.Style()
    (style.lineWidth, style.keypointRadius) = (lineWidth, keypointRadius)
    (style.coloring, style.hasBoxes, style.hasLabels) = (colorBy, boxes, labels)
    return style
  }

  /// - Parameter soundPath: the source as the user named it; sound comes from files only, since a stream cannot be opened twice.
  func videoSettings(_ info: SourceInfo, soundPath: String, _ selected: InputOptions) -> AnnotatedVideo.Settings {
    var settings = AnnotatedVideo.Settings()
    (settings.style, settings.onBlack) = (style, black)
    settings.video.nominalRate = info.nominalRate
    settings.video.startTime = info.startTime + (selected.start?.seconds ?? 0)
    if selected.start != nil { settings.video.soundStart = settings.video.startTime }
    settings.video.soundEnd = selected.end.map { info.startTime + $0.seconds }
    if sound, info.hasSound, !info.isLive {
      if Self.isFile(soundPath) {
        settings.video.soundPath = soundPath
      } else {
        settings.notice = "without its sound, which is copied from files only"
      }
    }
    return settings
  }

  /// A second reader would take from a pipe what the first one needs.
  private static func isFile(_ path: String) -> Bool {
    var status = stat()
    return path != "-" && stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
  }
}
