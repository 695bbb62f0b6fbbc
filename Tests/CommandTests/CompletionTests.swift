import Foundation
import Testing

/// What shells complete, and the man pages.
@Suite struct CompletionTests {
  /// Beginnings of command lines, and values that are among what a shell offers next.
  static let lines: [(words: [String], offered: [String])] = [
    (["unmix", "--method", ""], ["auto", "rrlbs", "fcls", "sunsal", "l21-nmf"]),
    (["unmix", "--method", "rr"], ["rrlbs", "rrlbs-v"]),
    (["unmix", "--extract", ""], ["vca", "nfindr"]),
    (["unmix", "--of", ""], ["GTiff", "COG", "ENVI", "NumPy", "MATLAB"]),
    (["info", "--sensor", ""], ["aviris", "enmap", "rosis"]),
    (["denoise", "--method", ""], ["auto", "fasthyde", "hyres"]),
    (["denoise", "--model", ""], ["hsdt"]),
    (["classify", "train", "--model", ""], ["svm", "lola-specvit-tiny", "less-tiny"]),
    (["restore", "--task", ""], ["auto", "inpaint", "dehaze"]),
    (["simulate", "degrade", "--kind", ""], ["gaussian-blur", "haze"]),
    (["schema", ""], ["report", "classify"]),
    (["classify", ""], ["train", "predict"]),
  ]

  @Test(arguments: lines) func bashOffersNames(words: [String], offered: [String]) throws {
    let script = try Tool.run(["completion", "bash"])
    #expect(script.status == 0)
    let folder = try TemporaryFolder()
    let file = folder.url.appendingPathComponent("hsi.bash")
    try Data(script.output.utf8).write(to: file)
    let ask = """
      source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; \
      _hsi "$1" "${!#}" "${COMP_WORDS[COMP_CWORD - 1]}"; printf '%s\\n' "${COMPREPLY[@]}"
      """
    let result = try Tool.launch(["bash", "-c", ask, file.path, "hsi"] + words)
    let found = result.output.split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
    for name in offered { #expect(found.contains(name), "\(words): \(found) \(result.errors)") }
    if let last = words.last, !last.isEmpty { #expect(found.allSatisfy { $0.hasPrefix(last) }) }
  }

  /// Every command has a page, and the page every long option that the help shows.
  @Test func manualPages() throws {
    let folder = try TemporaryFolder()
    let written = try Tool.run(["completion", "man", "man1"], in: folder.url)
    #expect(written.status == 0)
    for command in HelpTests.commands {
      let words = command.split(separator: " ").map(String.init)
      let page = folder.url.appendingPathComponent("man1/" + (["hsi"] + words).joined(separator: "-") + ".1")
      let text = try String(contentsOf: page, encoding: .utf8).replacing("\\-", with: "-")
      let help = try Tool.run(words + ["--help"]).output
      for option in help.matches(of: /\n  (?:-., )?(--[a-z][a-z-]+)/) {
        #expect(text.contains(option.output.1), "\(page.lastPathComponent) lacks \(option.output.1)")
      }
    }
  }

  /// A formatter of man pages finds nothing to say about them.
  @Test func manualPagesFormat() throws {
    guard try Tool.launch(["sh", "-c", "command -v groff"]).status == 0 else {
      print("skipped: groff is not installed")
      return
    }
    let folder = try TemporaryFolder()
    #expect(try Tool.run(["completion", "man", "."], in: folder.url).status == 0)
    let format = try Tool.launch(
      ["sh", "-c", "for page in *.1; do groff -man -Tutf8 -P -cbou -K utf8 -ww \"$page\" || exit 1; done"],
      in: folder.url)
    #expect(format.status == 0)
    #expect(format.errors.isEmpty, "\(format.errors.prefix(2000))")
    #expect(format.output.contains("SYNOPSIS"))
  }

  @Test func refusals() throws {
    let unknown = try Tool.run(["completion", "tcsh"])
    #expect(unknown.status == 2)
    #expect(unknown.errorLines.count == 1)
    #expect(try Tool.run(["completion", "man"]).status == 2)
    #expect(try Tool.run(["completion", "bash", "folder"]).status == 2)
  }
}
