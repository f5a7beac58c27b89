import ArgumentParser
import Foundation

/// `posecam manual`, for `make install`: writes the manual pages.
struct ManualCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "manual", abstract: "Writes the manual pages of the program and its commands.",
    discussion: "Their date is SOURCE_DATE_EPOCH, in seconds since 1970, or today.", shouldDisplay: false)

  @Argument(help: ArgumentHelp("Folder to write.", valueName: "folder"), completion: .directory)
  var folder: String

  func run() throws {
    let epoch = ProcessInfo.processInfo.environment["SOURCE_DATE_EPOCH"].flatMap(Double.init)
    let date = epoch.map { Date(timeIntervalSince1970: $0) } ?? Date()
    do {
      try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
      for page in try ManualPage.all(date: date) {
        try Data(page.text.utf8).write(to: URL(fileURLWithPath: "\(folder)/\(page.name).1"))
      }
    } catch {
      throw PosecamError("\(folder): the manual cannot be written: \(error.localizedDescription)")
    }
  }
}
