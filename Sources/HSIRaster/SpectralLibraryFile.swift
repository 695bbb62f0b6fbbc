import Foundation
import HSICore

/// A format of spectral libraries: one type that says which files are its own and reads them.
protocol SpectralLibraryFormat {
  /// Short name for messages.
  static var name: String { get }
  /// True when the file is of this format; quick, never throws.
  static func matches(_ location: RasterLocation) -> Bool
  /// Reads all spectra.
  static func read(_ location: RasterLocation, options: OpenOptions, context: RunContext) throws
    -> SpectralLibrary
}

/// Reading and writing of spectral libraries.
///
/// Values are as stored; percentages of formats that say so become 0…1. Deleted channels (below −1e30, empty, NaN)
/// are NaN. Wavelengths are nm in file order.
public enum SpectralLibraryFile {
  /// All formats in the order in which they are asked.
  static var formats: [any SpectralLibraryFormat.Type] {
    [
      ENVISpectralLibrary.self, MATLABSpectralLibrary.self, ASDSpectrum.self, FieldSpectrum.self, USGSSpectrum.self,
      CSVSpectra.self,
    ]
  }

  /// Names of the formats that can be read.
  public static var formatNames: [String] { formats.map { $0.name } }

  /// Reads a library, or every spectrum in a folder (which must share one axis).
  ///
  /// - Parameters:
  ///   - path: `.sli` or its header, `.csv`, `.mat`, USGS, ECOSTRESS, ASD, SED or SVC text, ASD binary, or a folder of those.
  ///   - options: `variable` chooses a matrix in a `.mat`; `wavelengths` replaces the file's.
  /// - Throws: `RasterError`.
  public static func read(
    _ path: String, options: OpenOptions = OpenOptions(), context: RunContext
  ) throws -> SpectralLibrary {
    let location = try PathResolution.locate(path)
    var library =
      location.isFolder
      ? try readFolder(location, options: options, context: context)
      : try read(location, options: options, context: context)
    if let text = options.wavelengths {
      var metadata = CubeMetadata(bands: library.bands)
      try WavelengthFile.read(text).install(in: &metadata, path: path, context: context)
      metadata.axis.good = zip(metadata.axis.good, library.axis.good).map { $0 && $1 }
      library.axis = metadata.axis
    }
    guard library.count > 0, library.bands > 0 else {
      throw RasterError.unreadable(path: path, reason: "it holds no spectra")
    }
    for index in library.values.indices
    where !(library.values[index] > -1e30 && library.values[index].isFinite) {
      library.values[index] = .nan
    }
    return library
  }

  private static func read(
    _ location: RasterLocation, options: OpenOptions, context: RunContext
  ) throws -> SpectralLibrary {
    guard let format = formats.first(where: { $0.matches(location) }) else {
      // A name without the usual extension: any text of numbers is a table.
      if !location.isFolder, !location.firstBytes.contains(0),
        let library = try? CSVSpectra.read(location, options: options, context: context),
        library.axis.wavelengths != nil
      {
        return library
      }
      throw RasterError.unreadable(path: location.given, reason: "it is no spectral library that hsi knows")
    }
    return try format.read(location, options: options, context: context)
  }

  private static func readFolder(
    _ folder: RasterLocation, options: OpenOptions, context: RunContext
  ) throws -> SpectralLibrary {
    var result: SpectralLibrary?
    // One array that grows: adding libraries would copy all spectra before every file.
    var (all, values): ([String], [Double]) = ([], [])
    let names = VSI.names(in: folder.file).sorted { naturalOrder($0, $1) }
    for name in names where !isAuxiliary(name) {
      guard let location = try? PathResolution.locate(folder.file + "/" + name), !location.isFolder,
        formats.contains(where: { $0.matches(location) }),
        let next = try? read(location, options: options, context: context)
      else { continue }
      let soFar = result ?? next
      if result == nil { result = next }
      guard soFar.bands == next.bands, soFar.axis.wavelengths == next.axis.wavelengths else {
        throw RasterError.inconsistent(
          path: folder.given, reason: "\(name) has other wavelengths than the spectra before it",
          advice: "put spectra of one spectrometer into the folder")
      }
      all += next.names
      values += next.values
    }
    guard let result else {
      throw RasterError.unreadable(path: folder.given, reason: "the folder holds no spectra that hsi knows")
    }
    return SpectralLibrary(names: all, axis: result.axis, values: values)
  }

  /// Files beside spectra that are no spectra themselves.
  static func isAuxiliary(_ name: String) -> Bool {
    let lower = name.lowercased()
    return lower.contains("wavelength") || lower.contains("bandpass") || lower.contains("ancillary")
      || lower.hasPrefix(".") || lower.hasPrefix("readme") || lower.hasSuffix(".hdr")
  }

  /// Writes `BASE.sli` with `BASE.hdr` (float32) and `BASE.csv`.
  ///
  /// - Parameters:
  ///   - base: path without extension (one of `.sli`, `.hdr`, `.csv` is dropped).
  ///   - inputs: files that must not be overwritten.
  /// - Returns: the files written.
  /// - Throws: `CoreError.outputExists`, `.cannotWrite`, `.diskFull`; nothing is written when one of the three exists
  ///   and `overwrite` is false.
  public static func write(
    _ library: SpectralLibrary, to base: String, summary: String? = nil, overwrite: Bool,
    inputs: [String] = []
  ) throws -> [String] {
    let name = PathName(base)
    let stem = ["sli", "hdr", "csv"].contains(name.fileExtension.lowercased()) ? name.stem : base
    let parts: [(String, Data)] = [
      (stem + ".sli", ENVISpectralLibrary.data(library)),
      (stem + ".hdr", Data(ENVISpectralLibrary.header(library, summary: summary).utf8)),
      (stem + ".csv", Data(CSVSpectra.text(library).utf8)),
    ]
    // A library that is read from the CSV of this name stays as it is.
    let written = parts.filter { part in !part.0.hasSuffix(".csv") || !OutputFile.isInput(part.0, inputs) }
    let files = try written.map { try OutputFile($0.0, overwrite: overwrite, inputs: inputs) }
    do {
      try ENVIWriter.requireOwn(stem + ".hdr", beside: [stem + ".sli"])
      for (file, part) in zip(files, written) { try file.write(part.1) }
      try OutputFile.commit(files)
    } catch {
      for file in files { file.discard() }
      throw error
    }
    return written.map { $0.0 }
  }

  /// Writes a CSV alone.
  public static func writeCSV(
    _ library: SpectralLibrary, to path: String, overwrite: Bool, inputs: [String] = []
  ) throws {
    try OutputFile.write(Data(CSVSpectra.text(library).utf8), to: path, overwrite: overwrite, inputs: inputs)
  }

  /// A library of the given spectra (rows) and wavelengths found in a file.
  static func library(
    names: [String], values: [Double], bands: Int, found: FoundWavelengths?, path: String, context: RunContext
  ) -> SpectralLibrary {
    var metadata = CubeMetadata(bands: bands)
    found?.install(in: &metadata, path: path, context: context)
    return SpectralLibrary(names: names, axis: metadata.axis, values: values)
  }
}

/// Order of names in which digits count as numbers: `b2` before `b10`; equal ones by bytes.
func naturalOrder(_ a: String, _ b: String) -> Bool {
  var (x, y) = (Substring(a).utf8, Substring(b).utf8)
  func digit(_ c: UInt8?) -> Bool { c.map { (48...57).contains($0) } ?? false }
  while let p = x.first, let q = y.first {
    if digit(p), digit(q) {
      let (m, n) = (x.prefix { digit($0) }, y.prefix { digit($0) })
      let (u, v) = (m.drop { $0 == 48 }, n.drop { $0 == 48 })
      if u.count != v.count { return u.count < v.count }
      if !u.elementsEqual(v) { return u.lexicographicallyPrecedes(v) }
      (x, y) = (x.dropFirst(m.count), y.dropFirst(n.count))
    } else {
      if p != q { return p < q }
      (x, y) = (x.dropFirst(), y.dropFirst())
    }
  }
  return x.isEmpty == y.isEmpty ? a.utf8.lexicographicallyPrecedes(b.utf8) : x.isEmpty
}
