import ArgumentParser
import Foundation
import HSIKit

/// `hsi endmembers`: endmember spectra from a scene.
struct EndmembersCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "endmembers",
    abstract: "Extract endmember spectra from a scene.",
    discussion: """
      Examples:
        hsi endmembers scene.hdr endmembers.sli --count 5
        hsi endmembers scene.hdr endmembers.sli --count auto --method nfindr
        hsi endmembers scene.hdr endmembers.csv --count auto --count-method hfc
      """)

  @Argument(help: "The cube.")
  var scene: String

  @Argument(help: "Spectra to write: .sli (with .hdr) or .csv.")
  var spectra: String

  @Option(name: [.customShort("n"), .long], help: "Number of endmembers, or auto.")
  var count: String

  @Option(name: .shortAndLong, help: "Extractor; see hsi methods.")
  var method = "vca"

  @Option(help: "How --count auto counts: hysime, hfc or nwhfc.")
  var countMethod = "hysime"

  @Option(
    help: ArgumentHelp("Parameter of the method, repeatable; see hsi methods NAME.", valueName: "name=value"))
  var set: [String] = []

  @Option(help: "Spectral library to name the endmembers by.")
  var library: String?

  @Flag(help: "Replace existing outputs.")
  var overwrite = false

  @Flag(help: "Print names, pixels and map coordinates as JSON.")
  var json = false

  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "Running") var options: RunOptions

  func run() throws {
    let context = try options.makeContext()
    var number: Int?
    if count != "auto" {
      guard let value = Int(count), value >= 1 else {
        throw CoreError.invalidParameter(
          name: "--count", value: count, requirement: "a number from 1, or auto")
      }
      number = value
    }
    let reader = try input.open(scene, context)
    let request = UnmixRequest(
      kind: .blind(
        count: number, counter: countMethod, extractor: method, library: library, unitLength: false),
      method: method, values: try MethodOptions.values(set))
    let solver = try UnmixSolver(request: request, reader: reader, input: input, context: context)
    try SpectraOutput.check(spectra, overwrite: overwrite, inputs: reader.files)
    let found = try solver.extract()
    let library = solver.onFileBands(found.endmembers)
    _ = try SpectraOutput.write(library, to: spectra, overwrite: overwrite, inputs: reader.files)
    if json { try Terminal.output(description(found, solver, reader) + "\n") }
  }

  private func description(
    _ found: UnmixSolver.Extraction, _ solver: UnmixSolver, _ reader: any CubeReader
  ) throws -> String {
    let entries = (0..<found.endmembers.count).map { k -> [String: Any] in
      var entry: [String: Any] = ["name": found.endmembers.names[k]]
      if let pixel = found.endmembers.pixels?[k] {
        let (line, sample) = (pixel.line + solver.window.line, pixel.sample + solver.window.sample)
        entry["line"] = line
        entry["sample"] = sample
        if let map = reader.metadata.georeference?.coordinates(line: line, sample: sample) {
          entry["x"] = map.x
          entry["y"] = map.y
        }
      }
      if let match = found.matches?[k] { entry["sad_rad"] = match.sadRad }
      return entry
    }
    let object: [String: Any] = [
      "count": found.endmembers.count, "count_source": found.countSource, "endmembers": entries,
    ]
    let data = try JSONSerialization.data(withJSONObject: object, options: [.prettyPrinted, .sortedKeys])
    return String(decoding: data, as: UTF8.self)
  }
}
