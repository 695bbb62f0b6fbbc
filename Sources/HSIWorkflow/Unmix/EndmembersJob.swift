import Foundation
import HSICore
import HSIRaster
import HSIReport
import HSIUnmixing

/// Extracts endmember spectra from a scene and writes them.
public struct EndmembersJob: Sendable {
  /// The scene.
  public var scene: SceneRequest
  /// The spectra: CSV for names that end so, else `.sli`, `.hdr` and `.csv`.
  public var output: String
  /// The extractor; see `UnmixingMethods.extract`.
  public var method = "vca"
  /// Its parameters that differ from their defaults, by name.
  public var values: [String: Double] = [:]
  /// Their number, and how they are counted and named.
  public var endmembers: UnmixMethodRequest.Blind
  /// Whether channels that the others cannot predict take part.
  public var keepsBadChannels = false
  /// Whether existing files may be replaced.
  public var overwrites = false

  /// Endmembers of a scene by VCA; their number is counted unless it is given.
  public init(scene: SceneRequest, output: String, count: Int? = nil) {
    self.scene = scene
    self.output = output
    endmembers = UnmixMethodRequest.Blind(count: count)
  }

  /// Does the work; the text of the result is a JSON object with names, pixels and map coordinates.
  ///
  /// - Throws: the errors of opening, extracting and writing.
  public func run(_ context: RunContext) throws -> JobResult {
    let claim = context.claimThreads()
    defer { claim.release() }
    let opened = try scene.open(context)
    var blind = endmembers
    blind.extractor = method
    var request = UnmixMethodRequest(.blind(blind), method: method, values: values)
    request.keepsBadChannels = keepsBadChannels
    let solver = try UnmixSolver(request, opened, context)
    var plan = OutputPlan(overwrites: overwrites, context)
    plan.read(opened.files + solver.files)
    for file in SpectraOutput.files(output) { plan.write(file) }
    try plan.check()
    let found = try solver.extract()
    let library = solver.onFileBands(found.endmembers)
    let files = try SpectraOutput.write(library, to: output, overwrite: overwrites, inputs: plan.protected)
    return JobResult(
      outputs: files.map { ReportOutput(path: $0, content: "endmembers") },
      text: try description(found, solver) + "\n")
  }

  private func description(_ found: UnmixSolver.Extraction, _ solver: UnmixSolver) throws -> String {
    let entries = (0..<found.endmembers.count).map { k -> [String: Any] in
      var entry: [String: Any] = ["name": found.endmembers.names[k]]
      if let pixel = found.endmembers.pixels?[k] {
        let (line, sample) = (pixel.line + solver.window.line, pixel.sample + solver.window.sample)
        entry["line"] = line
        entry["sample"] = sample
        if let map = solver.scene.metadata.georeference?.coordinates(line: line, sample: sample) {
          entry["x"] = map.x
          entry["y"] = map.y
        }
      }
      if let match = found.matches?[k] { entry["sad_rad"] = match.sadRad }
      return entry
    }
    let object: [String: Any] = [
      "count": found.endmembers.count, "count_source": found.number.source, "endmembers": entries,
    ]
    let data = try JSONSerialization.data(withJSONObject: object, options: [.prettyPrinted, .sortedKeys])
    return String(decoding: data, as: UTF8.self)
  }
}
