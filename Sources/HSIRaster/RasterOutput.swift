import Foundation
import HSICore

/// What a raster is written as.
public enum OutputFormat: String, Sendable, CaseIterable {
  case geoTIFF = "GTiff"
  case cog = "COG"
  case envi = "ENVI"
  case npy = "NumPy"
  case matlab = "MATLAB"

  /// The format of a name (`gtiff`, `tif`, `cog`, `envi`, `npy`, `mat`, any case), or nil.
  public init?(named name: String) {
    switch name.lowercased() {
    case "gtiff", "geotiff", "tif", "tiff": self = .geoTIFF
    case "cog": self = .cog
    case "envi": self = .envi
    case "npy", "numpy": self = .npy
    case "mat", "matlab": self = .matlab
    default: return nil
    }
  }

  /// The format that an extension stands for: `.tif` and `.tiff` GeoTIFF; `.dat .img .bil .bip .bsq .raw` or none ENVI;
  /// `.npy` NumPy; `.mat` MATLAB.
  public init?(path: String) {
    switch PathName(path).fileExtension.lowercased() {
    case "tif", "tiff": self = .geoTIFF
    case "", "dat", "img", "bil", "bip", "bsq", "raw": self = path.hasPrefix("/vsistdout") ? .geoTIFF : .envi
    case "npy": self = .npy
    case "mat": self = .matlab
    default: return nil
    }
  }
}

/// How a raster is written.
public struct OutputOptions: Sendable {
  /// Format, or nil to go by the extension.
  public var format: OutputFormat?
  /// `NAME=VALUE` for the format, after (and above) the defaults. ENVI knows `INTERLEAVE` and `SUFFIX`.
  public var creationOptions: [String] = []
  /// Whether an existing file may be replaced.
  public var overwrite = false
  /// Files that must not be replaced.
  public var inputs: [String] = []
  /// Use codecs that every reader of GeoTIFF knows (DEFLATE in place of ZSTD).
  public var isCompatible = false
  /// Order of the bands in a GeoTIFF: `bsq` for maps that people look at, `bip` for cubes that are processed again;
  /// nil chooses `bip` where there are wavelengths.
  public var interleave: Interleave?
  /// The map grid that results of a swath are brought to.
  public var ortho: OrthoGrid?

  /// Defaults: format by extension, no overwriting.
  public init() {}

  /// The format of a raster of a name.
  ///
  /// - Throws: `CoreError.invalidParameter` for a name that stands for none.
  func format(at path: String) throws -> OutputFormat {
    guard let format = format ?? OutputFormat(path: path) else {
      throw CoreError.invalidParameter(
        name: "output name", value: path,
        requirement: ".tif, .dat, .img, .npy, .mat or without extension; or choose \(option: "format") "
          + OutputFormat.allCases.map(\.rawValue).joined(separator: ", "))
    }
    return format
  }

  /// The files that `RasterFormats.create` will write under a name with these options: the raster and its header.
  ///
  /// - Throws: `CoreError.invalidParameter` for a name that stands for no format.
  public func files(at path: String) throws -> [String] {
    guard try format(at: path) == .envi, !path.hasPrefix("/vsi") else { return [path] }
    return [path, ENVIWriter.headerPath(of: path, addsSuffix: ENVIWriter.addsSuffix(creationOptions))]
  }
}

extension RasterFormats {
  /// Creates a raster; nothing appears under its name before `finish()`.
  ///
  /// - Parameters:
  ///   - path: a file name, or `/vsimem/…`, `/vsistdout/` for GeoTIFF.
  ///   - shape: lines × samples × bands.
  ///   - type: type of the stored samples.
  ///   - metadata: one entry per band; `scale`, `offset` and `nodata` describe the stored samples.
  /// - Throws: `CoreError.outputExists`, `.cannotWrite`, `.invalidParameter` (extension), `RasterError`.
  public static func create(
    _ path: String, shape: CubeShape, type: SampleType, metadata: CubeMetadata,
    options: OutputOptions = OutputOptions(), context: RunContext
  ) throws -> any CubeWriter {
    precondition(metadata.bands == shape.bands, "metadata of \(metadata.bands) bands for \(shape)")
    let format = try options.format(at: path)
    guard shape.lines > 0, shape.samples > 0, shape.bands > 0 else {
      throw CoreError.cannotWrite(path: path, reason: "an image of \(shape) has no pixels")
    }
    if let grid = options.ortho {
      var plain = options
      plain.ortho = nil
      let (placed, size) = grid.placing(metadata, shape, type: type)
      let target = try create(path, shape: size, type: type, metadata: placed, options: plain, context: context)
      return try OrthoWriter(target, grid: grid, swath: shape, nodata: placed.nodata, context: context)
    }
    switch format {
    case .geoTIFF:
      return try GeoTIFFWriter(
        path, shape: shape, type: type, metadata: metadata, options: options, context: context)
    case .cog:
      return try COGWriter(
        path, shape: shape, type: type, metadata: metadata, options: options, context: context)
    case .envi:
      return try ENVIWriter(
        path, shape: shape, type: type, metadata: metadata, options: options, context: context)
    case .npy:
      return try NumPyWriter(
        path, shape: shape, type: type, overwrite: options.overwrite, inputs: options.inputs)
    case .matlab:
      return try MATLABWriter(
        path, shape: shape, type: type, metadata: metadata, options: options, context: context)
    }
  }
}
