import Foundation
import Testing

/// Every `sh` block of the README and of `docs` is run as a reader would run it, in a fresh folder that holds
/// `SampleData`; blocks of one page run in order in the same folder.
@Suite struct DocumentationTests {
  static let pages: [String] = {
    let docs = Tool.package.appendingPathComponent("docs")
    let names = FileManager.default.enumerator(atPath: docs.path)?.compactMap { $0 as? String } ?? []
    return ["README.md"] + names.filter { $0.hasSuffix(".md") }.map { "docs/" + $0 }.sorted()
  }()

  static func blocks(of page: String, language: String) throws -> [String] {
    let text = try String(contentsOf: Tool.package.appendingPathComponent(page), encoding: .utf8)
    var blocks: [String] = []
    var current: [Substring]?
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if let lines = current {
        if line.hasPrefix("```") {
          blocks.append(lines.joined(separator: "\n"))
          current = nil
        } else {
          current = lines + [line]
        }
      } else if line == "```" + language {
        current = []
      }
    }
    return blocks
  }

  @Test(arguments: pages)
  func examplesRun(page: String) throws {
    let blocks = try DocumentationTests.blocks(of: page, language: "sh")
    guard !blocks.isEmpty else { return }
    let folder = try TemporaryFolder()
    try FileManager.default.createSymbolicLink(
      at: folder.url.appendingPathComponent("SampleData"),
      withDestinationURL: Tool.package.appendingPathComponent("SampleData"))
    for block in blocks {
      let result = try Tool.launch(["bash", "-euo", "pipefail", "-c", block], in: folder.url)
      #expect(result.status == 0, "\(page): \(block)\n\(result.errors)")
    }
  }

  /// Links between pages point to files that exist.
  @Test(arguments: pages)
  func linksResolve(page: String) throws {
    let url = Tool.package.appendingPathComponent(page)
    let text = try String(contentsOf: url, encoding: .utf8)
    for match in text.matches(of: /\]\(([^)#\s]+)(#[^)]*)?\)/) {
      let target = String(match.1)
      guard !target.contains("://") else { continue }
      let file = url.deletingLastPathComponent().appendingPathComponent(target)
      #expect(FileManager.default.fileExists(atPath: file.path), "\(page) links to \(target)")
    }
  }
}
