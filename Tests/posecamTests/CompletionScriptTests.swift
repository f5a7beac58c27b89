import ArgumentParser
import Foundation
import Testing

@testable import posecam

/// Completion as shells do it, in a folder with clip.mp4, model.safetensors, people.json and pictures/.
struct CompletionScriptTests {
  private let folder: Folder

  init() throws {
    folder = try Folder()
    for name in ["clip.mp4", "model.safetensors", "people.json"] {
      try Data().write(to: URL(fileURLWithPath: folder.path(name)))
    }
    try FileManager.default.createDirectory(atPath: folder.path("pictures"), withIntermediateDirectories: true)
  }

  private func write(_ shell: CompletionShell) throws {
    try CompletionScript.text(for: shell).write(
      toFile: folder.path(".completion"), atomically: false, encoding: .utf8)
  }

  private static let cases: [(line: String, offered: Set<String>)] = [
    ("posecam ann", ["annotate"]),
    ("posecam --col", ["--colors", "--color-by"]),
    ("posecam --video clip.mp4 --rtsp", ["--rtsp-transport"]),
    ("posecam clip.mp4 --rtsp", ["--rtsp-transport"]),
    ("posecam --video demo --rtsp-transport ", ["auto", "tcp", "udp"]),
    ("posecam --video c", ["clip.mp4"]),
    ("posecam --model ", ["model.safetensors", "pictures"]),
    ("posecam annotate c", ["clip.mp4"]),
    ("posecam annotate clip.mp4 --precision ", ["auto", "f32", "bf16", "int8"]),
    ("posecam train --data ", ["people.json", "pictures"]),
    ("posecam train --images ", ["pictures"]),
    ("posecam data s", ["stats", "subset"]),
  ]

  @Test(.enabled(if: Tool.bash.isPresent, "bash is not installed"), arguments: cases)
  func bash(_ line: String, _ offered: Set<String>) throws {
    try write(.bash)
    // What bash sets before it calls the function.
    let script = """
      . ./.completion
      complete -p posecam | grep -q -- '-F _posecam' || exit 1
      COMP_LINE='\(line)'; COMP_POINT=${#COMP_LINE}
      COMP_WORDS=($COMP_LINE); [[ $COMP_LINE = *' ' ]] && COMP_WORDS+=('')
      COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
      _posecam posecam "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
      printf '%s\\n' "${COMPREPLY[@]}"
      """
    try script.write(toFile: folder.path(".complete"), atomically: false, encoding: .utf8)
    let outcome = try Program.shell("bash .complete", in: folder)
    #expect(Set(outcome.output.split(separator: "\n").map(String.init)) == offered, "\(outcome.errors)")
  }

  @Test(.enabled(if: Tool.fish.isPresent, "fish is not installed"), arguments: cases)
  func fish(_ line: String, _ offered: Set<String>) throws {
    try write(.fish)
    let outcome = try Program.shell(
      "HOME=$PWD fish --no-config -c 'source .completion; complete -C \"\(line)\"'", in: folder)
    let words = outcome.output.split(separator: "\n").map { line in
      line.prefix { $0 != "\t" && $0 != "/" }
    }
    #expect(Set(words.map(String.init)) == offered, "\(outcome.errors)")
  }

  @Test(.enabled(if: Tool.zsh.isPresent, "zsh is not installed"))
  func zshCanReadIt() throws {
    try write(.zsh)
    let outcome = try Program.shell("zsh -n .completion", in: folder)
    #expect(outcome.status == 0 && outcome.errors.isEmpty, "\(outcome.errors)")
  }

  @Test(arguments: CompletionShell.allCases)
  func theDefaultCommandIsPutIn(_ shell: CompletionShell) {
    let added = CompletionScript.text(for: shell).split(separator: "\n").count
    #expect(
      added > Posecam.completionScript(for: shell).split(separator: "\n").count, "the parser's script has changed")
  }

  @Test func requestsForAScript() {
    #expect(CompletionScript.shell(asked: ["--generate-completion-script", "fish"]) == .fish)
    #expect(CompletionScript.shell(asked: ["--generate-completion-script=zsh"]) == .zsh)
    #expect(CompletionScript.shell(asked: ["--generate-completion-script", "tcsh"]) == nil)
    #expect(CompletionScript.shell(asked: ["--generate-completion-script"]) == nil)
    #expect(CompletionScript.shell(asked: ["annotate", "clip.mp4"]) == nil)
  }
}
