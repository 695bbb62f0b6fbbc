import Foundation
import Testing

/// Every identifier of an error or warning in the sources is explained in docs/formats.md, and no other.
@Suite struct IdentifierTests {
  @Test func allAreDocumented() throws {
    let sources = Tool.package.appendingPathComponent("Sources")
    let names = FileManager.default.enumerator(atPath: sources.path)?.compactMap { $0 as? String } ?? []
    var used: Set<String> = []
    for name in names where name.hasSuffix(".swift") {
      let text = try String(contentsOf: sources.appendingPathComponent(name), encoding: .utf8)
      for match in text.matches(of: /"([EW]-[A-Z0-9-]+)"/) { used.insert(String(match.1)) }
    }
    let page = Tool.package.appendingPathComponent("docs/formats.md")
    let text = try String(contentsOf: page, encoding: .utf8)
    var documented: Set<String> = []
    for match in text.matches(of: /`([EW]-[A-Z0-9-]+)`/) { documented.insert(String(match.1)) }
    #expect(used.count > 40)
    #expect(
      used.subtracting(documented).isEmpty && documented.subtracting(used).isEmpty,
      "\(used.symmetricDifference(documented).sorted())")
  }
}
