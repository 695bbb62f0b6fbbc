import HSICore
import HSIRaster

/// How the rasters of a job are written.
public struct RasterWriting: Sendable {
  /// Format of the main raster, or nil to go by extensions.
  public var format: OutputFormat?
  /// `NAME=VALUE` for the format.
  public var creationOptions: [String] = []
  /// Codecs that every GeoTIFF reader knows (DEFLATE in place of ZSTD).
  public var isCompatible = false
  /// Whether existing files may be replaced.
  public var overwrites = false
  /// No-data value of result maps; nil for NaN.
  public var nodata: Double?

  /// Formats by extension, nothing replaced, NaN where there is no result.
  public init() {}

  /// The same for `RasterFormats.create`.
  public func options(interleave: Interleave? = nil, inputs: [String], grid: OrthoGrid? = nil) -> OutputOptions {
    var options = OutputOptions()
    options.ortho = grid
    options.format = format
    options.creationOptions = creationOptions
    options.overwrite = overwrites
    options.isCompatible = isCompatible
    options.interleave = interleave
    options.inputs = inputs
    return options
  }

  /// The no-data values of a map of results.
  public func nodata(bands: Int) -> [Double?] { [Double?](repeating: nodata ?? .nan, count: bands) }
}
