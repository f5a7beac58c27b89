import ArgumentParser
import Foundation
import Tracker

/// `posecam track-eval`: how well identities were kept.
struct TrackEvalCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "track-eval",
    abstract: "Measures tracking against the truth: HOTA, MOTA, IDF1 and identity switches.",
    discussion: """
      Both files are JSON lines of posecam, or COCO key points with a track_id per annotation (PoseTrack 2018). The pictures of \
      the truth are compared. Only its key points with a score or visibility above 0 count, and results on people with fewer than \
      --min-visible of them are neither right nor wrong.
      """)

  @Option(help: ArgumentHelp("The truth.", valueName: "file"), completion: .file())
  var truth: String
  @Option(help: ArgumentHelp("What the tracker reported.", valueName: "file"), completion: .file())
  var results: String
  @Option(help: "What makes a pair: oks (key points), or iou (boxes).")
  var similarity = RecordingComparison.Similarity.oks
  @Option(help: "Least similarity of a match for MOTA and IDF1.")
  var threshold = 0.5
  @Option(help: ArgumentHelp("Key points that must be visible for a person of the truth to count.", valueName: "n"))
  var minVisible = 1
  @Flag(help: "Print one JSON object.")
  var json = false

  func validate() throws {
    guard threshold > 0, threshold <= 1 else { throw ValidationError("--threshold takes more than 0 and at most 1.") }
    guard (1...Skeleton.keypointCount).contains(minVisible) else {
      throw ValidationError("--min-visible takes 1 to \(Skeleton.keypointCount).")
    }
  }

  func run() throws {
    let comparison = try RecordingComparison(
      truth: PoseRecording(contentsOf: truth), results: PoseRecording(contentsOf: results), similarity: similarity,
      threshold: threshold, minVisible: minVisible)
    let accuracy = TrackingAccuracy(comparison.frames, threshold: threshold)
    print(json ? accuracy.json : accuracy.table)
  }
}

extension RecordingComparison.Similarity: ExpressibleByArgument {}

extension TrackingAccuracy {
  /// Names and values, as papers call them.
  private var rows: [[(name: String, value: Double)]] {
    [
      [
        ("HOTA", higherOrder.hota), ("DetA", higherOrder.detection), ("AssA", higherOrder.association),
        ("LocA", higherOrder.localization),
      ],
      [("MOTA", clear.accuracy), ("MOTP", clear.precision)],
      [("IDF1", identity.f1), ("IDP", identity.precision), ("IDR", identity.recall)],
    ]
  }

  private var counts: [(name: String, value: Int)] {
    [
      ("switches", clear.switches), ("fragmentations", clear.fragmentations), ("found", clear.found),
      ("missed", clear.missed), ("false_alarms", clear.falseAlarms), ("mostly_tracked", clear.mostlyTracked),
      ("mostly_lost", clear.mostlyLost), ("frames", frames), ("people", truthIdentities),
      ("identities", resultIdentities),
    ]
  }

  var json: String {
    let members =
      rows.joined().map { "\"\($0.name)\": \(String(format: "%.6f", $0.value))" }
      + counts.map { "\"\($0.name)\": \($0.value)" }
    return "{\(members.joined(separator: ", "))}"
  }

  var table: String {
    let shares = rows.map { row in
      row.map { "\($0.name) \(String(format: "%.4f", $0.value))" }.joined(separator: "   ")
    }
    return
      (shares + [
        "\(clear.switches) identity switches, \(clear.fragmentations) fragmentations",
        "\(clear.found) found, \(clear.missed) missed, \(clear.falseAlarms) false alarms",
        "\(truthIdentities) people, \(clear.mostlyTracked) of them mostly tracked and \(clear.mostlyLost) mostly lost; "
          + "\(resultIdentities) identities in \(frames) frames",
      ]).joined(separator: "\n")
  }
}
