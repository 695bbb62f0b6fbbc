import ArgumentParser
import HSIKit

/// How rasters are written.
struct WritingOptions: ParsableArguments {
  @Option(
    name: .customLong("of"), help: "Format: GTiff, COG, ENVI, NumPy or MATLAB (default: by extension).",
    completion: NameCompletion.cases(of: OutputFormat.self))
  var format: String?

  @Option(
    name: .customLong("co"), help: ArgumentHelp("Creation option, repeatable.", valueName: "name=value"))
  var creationOptions: [String] = []

  @Flag(help: "Codecs that every GeoTIFF reader knows (DEFLATE in place of ZSTD).")
  var compat = false

  @Flag(help: "Replace existing outputs.")
  var overwrite = false

  @Option(help: "No-data value of result maps (default NaN).")
  var outNodata: Double?

  /// The same for jobs.
  ///
  /// - Throws: `CoreError.invalidParameter`.
  func writing() throws -> RasterWriting {
    var writing = RasterWriting()
    if let format {
      guard let value = OutputFormat(named: format) else {
        throw CoreError.invalidParameter(
          name: "--of", value: format,
          requirement: "one of " + OutputFormat.allCases.map(\.rawValue).joined(separator: ", "))
      }
      writing.format = value
    }
    for option in creationOptions {
      guard let equals = option.firstIndex(of: "="), equals != option.startIndex else {
        throw CoreError.invalidParameter(name: "--co", value: option, requirement: "NAME=VALUE")
      }
    }
    writing.creationOptions = creationOptions
    writing.isCompatible = compat
    writing.overwrites = overwrite
    writing.nodata = outNodata
    return writing
  }
}
