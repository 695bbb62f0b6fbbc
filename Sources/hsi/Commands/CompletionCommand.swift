import ArgumentParser
import Foundation
import HSIKit

/// `hsi completion`: scripts for the shell, and man pages.
struct CompletionCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "completion", abstract: "Print a completion script for bash, zsh or fish, or write the man pages.",
    discussion: """
      Examples:
        hsi completion bash > ~/.local/share/bash-completion/completions/hsi
        hsi completion man ~/.local/share/man/man1
      """)

  @Argument(help: "bash, zsh, fish or man.", completion: .list(["bash", "zsh", "fish", "man"]))
  var shell: String

  @Argument(help: "Folder for the man pages.")
  var folder: OutputPath?

  func run() throws {
    if shell == "man" {
      guard let folder else {
        throw CoreError.invalidParameter(name: "the folder", value: "not given", requirement: "one for the man pages")
      }
      return try writeManual(to: folder.text)
    }
    guard folder == nil else {
      throw CoreError.invalidParameter(
        name: "the folder", value: folder?.text ?? "", requirement: "given with man only; completions are printed")
    }
    let shells: [String: CompletionShell] = ["bash": .bash, "zsh": .zsh, "fish": .fish]
    guard let known = shells[shell] else {
      throw CoreError.invalidParameter(name: "the shell", value: shell, requirement: "bash, zsh, fish or man")
    }
    try Terminal.output(HSICommand.completionScript(for: known) + "\n")
  }

  /// One page per command; pages of an earlier version are replaced.
  private func writeManual(to folder: String) throws {
    let manual = try ManualPages(dump: HSICommand._dumpHelp(), version: Version.text)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    for (name, text) in manual.pages.sorted(by: { $0.key < $1.key }) {
      try OutputFile.write(Data(text.utf8), to: folder + "/" + name, overwrite: true)
    }
  }
}
