import Foundation
import HSICore

/// Where an input is: the file that exists and the part of it that is meant.
public struct RasterLocation: Sendable {
  /// What the user wrote.
  public var given: String
  /// The file or folder, a local path or a `/vsi…` name.
  public var file: String
  /// The array inside the file, from `FILE//array`.
  public var part: String?
  /// True for a folder.
  public var isFolder: Bool
  /// Up to 4096 bytes from the start of the file, empty for a folder.
  public var firstBytes: [UInt8]
  /// Bytes in the file.
  public var size: Int

  /// Extension of the file in lower case, without the dot.
  public var fileExtension: String { PathName(file).fileExtension.lowercased() }
  /// True for a file that the C library can open.
  public var isLocal: Bool { !file.hasPrefix("/vsi") }

  /// True when the file starts with `bytes` (at an offset).
  public func starts(with bytes: [UInt8], at offset: Int = 0) -> Bool {
    firstBytes.count >= offset + bytes.count && Array(firstBytes[offset..<(offset + bytes.count)]) == bytes
  }
}

/// A format of cubes: one type that says which files are its own and opens them.
public protocol CubeFormat: Sendable {
  /// Short name, as in `hsi --formats`.
  static var name: String { get }
  /// True when the file (or folder) is of this format; must be quick and must not throw.
  static func matches(_ location: RasterLocation) -> Bool
  /// Opens the cube.
  static func open(_ location: RasterLocation, options: OpenOptions, context: RunContext) throws
    -> any CubeReader
}

/// The formats of cubes that `hsi` reads, and how a name becomes an open cube.
public enum RasterFormats {
  /// All formats in the order in which they are asked. A new format is one file and one line here, before GDAL.
  public static let all: [any CubeFormat.Type] = [
    MATLABFormat.self,
    NumPyFormat.self,
    HDF5Format.self,
    MultidimensionalFormat.self,
    SensorXMLFormat.self,
    ImageStackFormat.self,
    ENVIFormat.self,
    GDALFormat.self,
  ]

  /// Opens a cube.
  ///
  /// The name may be a file, the header of an ENVI file, a folder, `FILE//array`, an archive (`a.zip`), an address
  /// (`https://`, `s3://`, `gs://`, `az://`), a `/vsi…` name or a dataset name of GDAL (`NETCDF:"f.nc":v`).
  /// - Throws: `RasterError` (not found, empty, unreadable, of no known format) and the errors of the format.
  public static func open(
    _ path: String, options: OpenOptions = OpenOptions(), context: RunContext
  ) throws -> any CubeReader {
    let location = try PathResolution.locate(path)
    let format = try format(of: location, options: options)
    try checkArrayOptions(options, format.name)
    let reader = try format.open(location, options: options, context: context)
    return try MetadataOverride.apply(
      options, to: UnifiedNodata.apply(options, to: reader, context: context), context: context)
  }

  /// Refuses options for arrays where the format has none, rather than ignore them.
  private static func checkArrayOptions(_ options: OpenOptions, _ name: String) throws {
    let single = [ENVIFormat.name, ImageStackFormat.name, SensorXMLFormat.name]
    func refuse(_ option: String, _ value: String) -> CoreError {
      .invalidParameter(
        name: option, value: value, requirement: "left out: a file read as \(name) has no named arrays")
    }
    if let variable = options.variable, single.contains(name) { throw refuse("\(option: "variable")", variable) }
    if let axes = options.axes, (single + [GDALFormat.name]).contains(name) { throw refuse("\(option: "axes")", axes) }
  }

  private static func format(of location: RasterLocation, options: OpenOptions) throws -> any CubeFormat.Type {
    if let name = options.format {
      guard let format = all.first(where: { $0.name.lowercased() == name.lowercased() }) else {
        throw CoreError.invalidParameter(
          name: "input format", value: name,
          requirement: "one of " + all.map { $0.name }.joined(separator: ", "))
      }
      return format
    }
    guard let format = all.first(where: { $0.matches(location) }) else {
      throw RasterError.unreadable(path: location.given, reason: "it is of no format that hsi knows")
    }
    return format
  }
}
