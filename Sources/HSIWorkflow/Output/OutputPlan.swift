import Foundation
import HSICore
import HSIRaster
import HSIReport

/// Every file that a job reads and every file that it writes, known before its work starts.
///
/// From it follow the check that nothing is replaced that must stay, the inputs of provenance and STAC items, and the
/// list of files in reports. A job declares what it reads (`read`) and writes (`write`), then calls `check` once.
public struct OutputPlan {
  /// A file that is read.
  struct Input {
    var path: String
    /// Whether its whole contents are digested for the provenance, whatever its size.
    var isDigested: Bool
  }

  /// A file that is written.
  struct Output {
    var path: String
    /// True for records, which are replaced whether asked for or not.
    var isReplaceable: Bool
  }

  /// Whether existing files may be replaced.
  public let overwrites: Bool
  private(set) var inputs: [Input] = []
  private(set) var outputs: [Output] = []
  private let argumentFiles: [String]

  /// A plan without files; those that arguments were read from are protected from the start.
  public init(overwrites: Bool, _ context: RunContext) {
    self.overwrites = overwrites
    argumentFiles = context.invocation.files
  }

  /// Declares files that are read.
  ///
  /// - Parameter digested: whether the provenance has the digest of all their contents, not of headers only.
  public mutating func read(_ paths: [String], digested: Bool = false) {
    inputs += paths.map { Input(path: $0, isDigested: digested) }
  }

  /// Declares a file that is written; none where there is no name, or for `-`.
  ///
  /// - Parameter replaceable: whether it is replaced without being asked.
  public mutating func write(_ path: String?, replaceable: Bool = false) {
    guard let path, path != "-" else { return }
    outputs.append(Output(path: path, isReplaceable: replaceable))
  }

  /// Declares a raster and the files that its format brings along.
  ///
  /// - Throws: `CoreError.invalidParameter` for a name that stands for no format.
  public mutating func writeRaster(_ path: String?, _ writing: RasterWriting) throws {
    guard let path else { return }
    for file in try writing.options(inputs: []).files(at: path) { write(file) }
  }

  /// Declares a picture and, where it has a position, the world file and reference system beside it.
  public mutating func writePicture(_ path: String?, georeference: Georeference?) {
    guard let path else { return }
    write(path)
    // What stands beside a picture is replaced with it.
    for file in PNG.sidecars(of: path, georeference: georeference) { write(file, replaceable: true) }
  }

  /// Files that no output may replace.
  public var protected: [String] { argumentFiles + inputs.map(\.path) }

  /// Refuses outputs that exist, are inputs, name the same file twice, or are the header of another raster, before anything is computed.
  ///
  /// - Throws: `CoreError.outputExists`, `.outputIsInput`, `.cannotWrite`, `.invalidParameter`.
  public func check() throws {
    var seen = Set<String>()
    for output in outputs where !output.path.hasPrefix("/vsi") {
      let real = URL(fileURLWithPath: output.path).standardizedFileURL.path
      guard seen.insert(real).inserted else {
        throw CoreError.invalidParameter(
          name: "an output", value: output.path, requirement: "different from every other output")
      }
      // Creating and discarding an output checks folder, permissions, inputs and existing files.
      try OutputFile(
        output.path, overwrite: overwrites || output.isReplaceable, inputs: protected
      ).discard()
      if output.path.lowercased().hasSuffix(".hdr") {
        try ENVIWriter.requireOwn(output.path, beside: outputs.map(\.path))
      }
    }
  }

  /// Writes a whole file that the plan has declared.
  public func store(_ data: Data, at path: String) throws {
    let isReplaceable = outputs.contains { $0.path == path && $0.isReplaceable }
    try OutputFile.write(data, to: path, overwrite: overwrites || isReplaceable, inputs: protected)
  }

  /// Adds the inputs to a provenance, in the order in which they were declared.
  public func record(on provenance: inout Provenance) {
    for input in inputs { provenance.addInputs([input.path], hashData: input.isDigested) }
  }
}
