import ArgumentParser
import Foundation
import Train

/// `posecam score`: COCO's key-point metric of results that are there already.
struct ScoreCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "score", abstract: "Computes COCO's key-point metric of a result file.")

  @Option(help: ArgumentHelp("COCO person_keypoints annotations.", valueName: "file"), completion: .json)
  var annotations: String
  @Option(help: ArgumentHelp("COCO key-point results.", valueName: "file"), completion: .json)
  var results: String
  @Flag(help: "Print one JSON object with the ten numbers.")
  var json = false

  func run() throws {
    let labelled = try KeypointAnnotations(contentsOf: annotations)
    for line in labelled.problems.lines { StandardError.line(line) }
    let metric = try CocoKeypointMetric(
      labelled, results: KeypointResult.read(contentsOf: results, category: labelled.category))
    print(json ? metric.summary.json() : metric.summary.table)
  }
}

extension CocoKeypointMetric.Summary {
  /// The ten numbers as members of a JSON object, and others.
  func json(with more: [String: Int] = [:]) -> String {
    let members =
      zip(Self.names, values).map { "\"\($0)\": \(String(format: "%.6f", $1))" }
      + more.sorted { $0.key < $1.key }.map { "\"\($0.key)\": \($0.value)" }
    return "{\(members.joined(separator: ", "))}"
  }

  /// Two rows of five.
  var table: String {
    [0..<5, 5..<10].map { row in
      row.map { index in
        let name = Self.names[index].padding(toLength: 5, withPad: " ", startingAt: 0)
        return name + String(format: " %6.3f", values[index])
      }.joined(separator: "   ")
    }.joined(separator: "\n")
  }
}
