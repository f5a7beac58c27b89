import Foundation
import Testing

/// Programs that only some tests need.
enum Tool: String {
  case mandoc, bash, fish, zsh, make

  var isPresent: Bool {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? "/usr/bin:/bin"
    return path.split(separator: ":").contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(rawValue)") }
  }
}

struct PackagingTests {
  private static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().path
  private let folder: Folder

  init() throws { folder = try Folder() }

  /// All files below a folder.
  private func files(below path: String) throws -> [String] {
    try FileManager.default.subpathsOfDirectory(atPath: folder.path(path)).filter { name in
      var isFolder: ObjCBool = false
      return FileManager.default.fileExists(atPath: folder.path(path) + "/" + name, isDirectory: &isFolder)
        && !isFolder.boolValue
    }
  }

  @Test(
    .enabled(
      if: Program.path?.hasSuffix("release/posecam") == true && Tool.make.isPresent,
      "the release build is missing or older than the sources"))
  func installAndUninstall() throws {
    // As under sudo, where nothing is built.
    let make = "make -C '\(Self.root)' SUDO_UID=1 DESTDIR=\"$PWD/a stage\" PREFIX=/opt/pose"
    let outcome = try Program.shell("umask 077; \(make) install", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    let files = Set(try files(below: "a stage"))
    for name in [
      "bin/posecam", "share/man/man1/posecam.1", "share/man/man1/posecam-data-stats.1",
      "share/bash-completion/completions/posecam", "share/zsh/site-functions/_posecam",
      "share/fish/vendor_completions.d/posecam.fish", "share/doc/posecam/outputs.md",
    ] {
      #expect(files.contains("opt/pose/" + name), "\(name)")
    }
    let hidden = try Program.shell("find 'a stage/opt' ! -perm -444", in: folder)
    #expect(hidden.output.isEmpty, "everybody may read it, whatever umask says")
    let started = try Program.shell("'a stage/opt/pose/bin/posecam' --version", in: folder)
    #expect(started.status == 0)
    #expect(try Program.shell("\(make) uninstall", in: folder).status == 0)
    #expect(try self.files(below: "a stage").isEmpty)
  }
}
