import ArgumentParser
import HSIKit

/// How rasters are written.
struct WritingOptions: ParsableArguments {
  @Option(name: .customLong("of"), help: "Format: GTiff, COG, ENVI, NumPy or MATLAB (default: by extension).")
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

  /// The options of the library.
  func library(interleave: Interleave? = nil, inputs: [String], grid: OrthoGrid? = nil) throws -> OutputOptions {
    var options = OutputOptions()
    options.ortho = grid
    if let format {
      guard let value = OutputFormat(named: format) else {
        throw CoreError.invalidParameter(
          name: "--of", value: format,
          requirement: "one of " + OutputFormat.allCases.map(\.rawValue).joined(separator: ", "))
      }
      options.format = value
    }
    for option in creationOptions {
      guard let equals = option.firstIndex(of: "="), equals != option.startIndex else {
        throw CoreError.invalidParameter(name: "--co", value: option, requirement: "NAME=VALUE")
      }
    }
    options.creationOptions = creationOptions
    options.overwrite = overwrite
    options.isCompatible = compat
    options.interleave = interleave
    options.inputs = inputs
    return options
  }

  /// A float32 raster of results; pixels without a result become nodata.
  func resultWriter(
    _ path: String, lines: Int, samples: Int, metadata: CubeMetadata, interleave: Interleave = .bsq,
    inputs: [String], grid: OrthoGrid? = nil, _ context: RunContext
  ) throws -> ResultWriter {
    var described = metadata
    described.nodata = [Double?](repeating: outNodata ?? .nan, count: metadata.bands)
    let writer = try RasterFormats.create(
      path, shape: CubeShape(lines: lines, samples: samples, bands: metadata.bands), type: .float32,
      metadata: described, options: library(interleave: interleave, inputs: inputs, grid: grid), context: context)
    return ResultWriter(writer, metadata: described)
  }
}
