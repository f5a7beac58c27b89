import Foundation
import Testing

@testable import posecam

struct ManualTests {
  private func commands() throws -> [(words: [String], command: CommandDescription)] {
    try CommandDescription.program().all()
  }

  @Test func everythingIsExplained() throws {
    let commands = try commands()
    #expect(commands.count > 15)
    #expect(!commands.contains { $0.words.last == "manual" }, "what only make install needs is not shown")
    for (words, command) in commands {
      let name = words.joined(separator: " ")
      #expect(command.abstract?.hasSuffix(".") == true, "\(name): no abstract")
      for argument in command.arguments ?? [] {
        let option = argument.names?.last?.text ?? argument.valueName ?? ""
        #expect(argument.abstract?.hasSuffix(".") == true, "\(name) \(option): no help")
      }
    }
  }

  @Test func whatTakesFilesIsCompletedWithFiles() throws {
    for (words, command) in try commands() {
      for argument in command.arguments ?? [] where argument.kind != .flag {
        let option = "\(words) \(argument.names?.last?.text ?? argument.valueName ?? "")"
        if argument.valueName == "file" { #expect(argument.completionKind?.file != nil, "\(option)") }
        if argument.valueName == "folder" { #expect(argument.completionKind?.directory != nil, "\(option)") }
      }
    }
  }

  @Test func pagesTellEveryOption() throws {
    let pages = try ManualPage.all(date: Date(timeIntervalSince1970: 1_000_000_000))
    let commands = try commands()
    try #require(pages.count == commands.count)
    for (page, (words, command)) in zip(pages, commands) {
      #expect(page.name == words.joined(separator: "-"))
      #expect(page.text.hasPrefix(".Dd September 9, 2001\n.Dt \(page.name.uppercased()) 1\n"))
      let tags = page.text.split(separator: "\n").filter { $0.hasPrefix(".It ") }.flatMap { $0.split(separator: " ") }
      for name in (command.arguments ?? []).filter(\.shouldDisplay).flatMap({ $0.names ?? [] }) {
        #expect(tags.contains(name.text.dropFirst()), "\(page.name): \(name.text)")
      }
    }
    for section in ["ENVIRONMENT", "FILES", "EXIT STATUS", "EXAMPLES", "SEE ALSO"] {
      #expect(pages[0].text.contains("\n.Sh \(section)\n"), "\(section)")
    }
  }

  @Test func requiredOptionsStandInTheSynopsis() throws {
    func page(_ name: String) throws -> String {
      try #require(try ManualPage.all(date: Date()).first { $0.name == name }).text
    }
    #expect(try page("posecam-scene").contains(".Nm posecam\n.Cm scene\n.Fl -truth Ar file\n.Op Ar options\n"))
    #expect(try page("posecam-live").contains(".Nm posecam\n.Cm live\n.Op Ar options\n.Op Ar source ...\n"))
    let page = try page("posecam-live")
    #expect(page.contains(".It Fl -boxes , Fl -no-boxes\n"), "a flag stands beside what takes it back")
  }

  @Test(.enabled(if: Tool.mandoc.isPresent, "mandoc is not installed"))
  func mandocFindsNothing() throws {
    let folder = try Folder()
    try ManualPage.all(date: Date()).forEach { page in
      try Data(page.text.utf8).write(to: URL(fileURLWithPath: folder.path(page.name + ".1")))
    }
    let outcome = try Program.shell("for page in *.1; do mandoc -Tlint $page; done", in: folder)
    #expect(outcome.output.isEmpty && outcome.status == 0, "\(outcome.output)\(outcome.errors)")
  }

  @Test func pagesBelongToTheDateThatIsAskedFor() throws {
    let folder = try Folder()
    try #require(Program.isPresent, Program.absence)
    let outcome = try Program.run("SOURCE_DATE_EPOCH=0; export SOURCE_DATE_EPOCH; posecam manual pages", in: folder)
    #expect(outcome.status == 0, "\(outcome.errors)")
    #expect(try folder.text("pages/posecam-data-stats.1").hasPrefix(".Dd January 1, 1970\n"))
    let failure = try Program.run("posecam manual /dev/null/pages", in: folder)
    #expect(failure.status == 1 && failure.errors.contains("/dev/null/pages: the manual cannot be written"))
  }

  // MARK: - Text

  @Test func proseIsBrokenBehindSentencesAndAtMargins() {
    var page = ManualText()
    page.prose("One (two). Three e.g. four, " + String(repeating: "word ", count: 20) + "end.")
    #expect(page.lines.first == "One (two).")
    #expect(page.lines.count == 3)
    #expect(page.lines.allSatisfy { $0.count <= 78 })
    #expect(page.lines[1].hasPrefix("Three e.g. four, word"))
  }

  @Test func nothingInATextIsTakenForARequest() {
    var page = ManualText()
    page.prose(#".mp4 and 'x' \n with --option and well-known"#)
    #expect(page.text == "\\&.mp4 and 'x' \\en with \\-\\-option and well-known\n")
  }

  @Test func commandsAreShownAsTheyAre() {
    var page = ManualText()
    page.discussion("posecam a -b\nThen this.\n\nposecam c      a remark\nposecam d")
    #expect(
      page.text == """
        .Bd -literal -offset indent
        posecam a \\-b
        .Ed
        .Pp
        Then this.
        .Bl -tag -width Ds
        .It Ic posecam c
        a remark
        .It Ic posecam d
        .El

        """)
  }
}
