import Foundation
import Testing

/// Libraries know parameters, not options: their messages say `\(option: "window")`, and the command spells it.
@Suite struct OptionNameTests {
  /// Files that know options, and why.
  private static let allowed: [(place: String, reason: String)] = [
    ("HSIBatch/Slurm.swift", "it runs sbatch, and is used by hsi batch alone"),
    ("HSIBatch/SlurmScript.swift", "it writes a script of sbatch that runs hsi batch"),
    ("HSIBatch/BatchPlan.swift", "it makes the arguments of commands of hsi"),
    ("HSIBatch/StepRunner.swift", "it runs commands of hsi"),
    ("HSIBatch/Fingerprints.swift", "it reads the arguments of commands of hsi"),
    ("HSIReport/ReportStyle.swift", "names of CSS variables"),
    ("HSIReport/ReportSchema", "the published schema says which option writes such a report"),
  ]

  @Test func librariesNameNoOptions() throws {
    let sources = Tool.package.appendingPathComponent("Sources")
    let names = FileManager.default.enumerator(atPath: sources.path)?.compactMap { $0 as? String } ?? []
    let libraries = names.filter { $0.hasPrefix("HSI") && $0.hasSuffix(".swift") }
    #expect(libraries.count > 300)
    var found: [String] = []
    var used: Set<String> = []
    for name in libraries {
      let text = try String(contentsOf: sources.appendingPathComponent(name), encoding: .utf8)
      for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
        // Outside of comments, nothing but an option has two dashes before a letter.
        guard line.replacing(/(^|\s)\/\/.*/, with: "").contains(/--[a-zA-Z]/) else { continue }
        if let place = Self.allowed.first(where: { name.hasPrefix($0.place) })?.place {
          used.insert(place)
        } else {
          found.append("\(name):\(index + 1): \(line)")
        }
      }
    }
    #expect(found.isEmpty, "\(found.joined(separator: "\n"))")
    #expect(used == Set(Self.allowed.map(\.place)), "files that need no exception any more")
  }
}
