import Foundation
import Testing

/// What pours into an app that imports `HSIKit` is meant for it.
@Suite struct PublicNameTests {
  private func sources() throws -> [(name: String, text: String)] {
    let folder = Tool.package.appendingPathComponent("Sources")
    let names = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
    return try names.filter { $0.hasPrefix("HSI") && $0.hasSuffix(".swift") }.sorted().map {
      ($0, try String(contentsOf: folder.appendingPathComponent($0), encoding: .utf8))
    }
  }

  @Test func noTypeHasTheNameOfAnother() throws {
    var places: [Substring: [String]] = [:]
    for (name, text) in try sources() {
      for match in text.matches(
        of: /(?m)^public (?:final |indirect )?(?:struct|enum|class|actor|protocol|typealias) (\w+)/)
      {
        places[match.1, default: []].append(name)
      }
    }
    #expect(places.count > 200)
    #expect(places.filter { $0.value.count > 1 }.isEmpty)
  }

  /// Foundation and the standard library have these names: an app would have to say whose it means.
  @Test func noTypeHidesOneOfFoundation() throws {
    let taken = [
      "Operation", "Progress", "Process", "Data", "Date", "Unit", "Measurement", "Result", "Task", "Error", "Thread",
    ]
    for (name, text) in try sources() {
      for match in text.matches(of: /(?m)^public (?:final )?(?:struct|enum|class|actor|protocol|typealias) (\w+)/) {
        #expect(!taken.contains(String(match.1)), "\(name)")
      }
    }
  }

  @Test func nothingIsGlobal() throws {
    for (name, text) in try sources() {
      let found = text.matches(of: /(?m)^public (?:func|let|var|prefix func|infix func) .*/).map { String($0.0) }
      #expect(found.isEmpty, "\(name)")
    }
  }
}
