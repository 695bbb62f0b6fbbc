import ArgumentParser
import HSIKit

/// `hsi completion`: scripts for the shell.
struct CompletionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "completion", abstract: "Print a completion script for bash, zsh or fish.",
    discussion: """
      Example:
        hsi completion bash > ~/.local/share/bash-completion/completions/hsi
      """)

  @Argument(help: "bash, zsh or fish.")
  var shell: String

  func run() throws {
    let shells: [String: CompletionShell] = ["bash": .bash, "zsh": .zsh, "fish": .fish]
    guard let known = shells[shell] else {
      throw CoreError.invalidParameter(name: "the shell", value: shell, requirement: "bash, zsh or fish")
    }
    try Terminal.output(HSICommand.completionScript(for: known) + "\n")
  }
}
