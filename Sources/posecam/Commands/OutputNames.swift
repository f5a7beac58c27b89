import Foundation
import Video

/// Looks at the names of a command's files before anything is opened for writing.
enum OutputNames {
  /// Refuses an output that is one of the inputs, whatever it is called, and two outputs that are one file.
  static func check(_ outputs: [String?], inputs: [String?]) throws(PosecamError) {
    let outputs = outputs.compactMap { $0 }
    for (index, output) in outputs.enumerated() {
      // A dash means standard input there, standard output here.
      if output != "-", inputs.contains(where: { $0.map { areSame($0, output) } ?? false }) {
        throw PosecamError("\(output): is the input itself; choose another output")
      }
      if outputs[..<index].contains(where: { areSame($0, output) }) {
        throw PosecamError("\(output): is the other output too; choose another name")
      }
    }
  }

  /// Refuses, before any work is done for it, a file that cannot be written.
  static func checkWritable(_ output: String) throws(PosecamError) {
    guard output != "-" else {
      throw PosecamError("-: this is not written to standard output; give a file's name, or /dev/stdout")
    }
    do { _ = try PartialFile(output) } catch { throw PosecamError(error.description) }
  }

  /// Tells on standard output what was written; on standard error where the output itself may have gone there.
  static func tell(_ line: String, of output: String) {
    if PartialFile.isDevice(output) { StandardError.line("\(output): \(line)") } else { print("\(output): \(line)") }
  }

  static func isStandardOutput(_ name: String) -> Bool {
    ["-", "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"].contains(name)
  }

  /// Whether two names mean one file, links followed where it exists.
  private static func areSame(_ first: String, _ second: String) -> Bool {
    if isStandardOutput(first), isStandardOutput(second) { return true }
    guard let first = identity(first), let second = identity(second) else { return false }
    return first == second
  }

  /// The same for all names of one file, be it there or not; nil of devices and folders.
  static func identity(_ name: String) -> String? {
    var status = stat()
    guard stat(name, &status) == 0 else { return place(name) }
    return status.st_mode & S_IFMT == S_IFREG ? "\(status.st_dev) \(status.st_ino)" : nil
  }

  /// Where a file is that need not be there yet.
  private static func place(_ name: String) -> String {
    let url = URL(fileURLWithPath: name).standardizedFileURL
    let folder = url.deletingLastPathComponent().resolvingSymlinksInPath()
    return folder.appendingPathComponent(url.lastPathComponent).path
  }
}
