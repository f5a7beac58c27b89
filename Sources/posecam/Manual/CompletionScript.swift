import ArgumentParser
import Foundation

/// The parser's script for a shell's completion, made to know that an option or a file in place of a command belongs to the default
/// one: `posecam clip.mp4 --colors` is completed like `posecam live clip.mp4 --colors`.
enum CompletionScript {
  /// The shell that is asked for, if that is what the program is asked for.
  static func shell(asked arguments: [String]) -> CompletionShell? {
    let option = "--generate-completion-script"
    if arguments.count == 2, arguments[0] == option { return CompletionShell(rawValue: arguments[1]) }
    guard arguments.count == 1, arguments[0].hasPrefix(option + "=") else { return nil }
    return CompletionShell(rawValue: String(arguments[0].dropFirst(option.count + 1)))
  }

  static func text(for shell: CompletionShell) -> String {
    let script = Posecam.completionScript(for: shell)
    let (place, addition) = insertion(shell)
    guard let end = script.range(of: place)?.upperBound else { return script }
    return String(script[..<end]) + addition + String(script[end...])
  }

  /// After which line of the script the words are seen first, and what gives them the command that is left out.
  private static func insertion(_ shell: CompletionShell) -> (place: String, addition: String) {
    let command = Posecam.configuration.defaultSubcommand?._commandName ?? ""
    return switch shell {
    case .zsh:
      (
        "\n_posecam() {\n",
        """
            if [[ "${words[2]}" = -* || $CURRENT -gt 2 && -e "${words[2]}" ]]; then
                words=("${words[1]}" \(command) "${(@)words[2,-1]}")
                (( CURRENT += 1 ))
            fi

        """
      )
    case .fish:
      (
        "set -l unparsed_tokens (__posecam_tokens -pc)\n",
        """
            if string match -q -- '-*' $unparsed_tokens[2] (test (count $unparsed_tokens) -lt 2; and commandline -t)
                or test -e "$unparsed_tokens[2]"
                set unparsed_tokens $unparsed_tokens[1] \(command) $unparsed_tokens[2..]
            end

        """
      )
    default:
      (
        "\n_posecam() {\n",
        """
            if [[ "${COMP_WORDS[1]}" = -* || $COMP_CWORD -gt 1 && -e "${COMP_WORDS[1]}" ]]; then
                local -a COMP_WORDS=("${COMP_WORDS[0]}" \(command) "${COMP_WORDS[@]:1}")
                local -i COMP_CWORD="$((COMP_CWORD + 1))"
            fi

        """
      )
    }
  }
}

extension CompletionKind {
  /// Files of networks.
  static var models: CompletionKind { .file(extensions: ["safetensors", "onnx", "pth", "pt", "tar", "ckpt"]) }
  /// Annotations and results.
  static var json: CompletionKind { .file(extensions: ["json"]) }
}
