import Foundation
import HSICore

/// The bands of an instrument from a file: centres and widths, or responses over wavelength.
///
/// A table with a column `fwhm` (or `width`, `resolution`, `bandwidth`) beside one of centres (`centre`, `center`, `wavelength`) has a band per
/// line. Any other table, or a spectral library, holds responses: wavelengths in the first column, one band per further column. An ENVI
/// header gives the bands of its image.
///
/// ```swift
/// switch try BandTable.read("camera.csv", context) {
/// case .bands(let axis): print(axis.count)
/// case .responses(let library): print(library.names)
/// }
/// ```
public enum BandTable: Sendable {
  /// Centres, and widths where they are known.
  case bands(SpectralAxis)
  /// One spectrum per band.
  case responses(SpectralLibrary)

  /// Largest table that is read.
  private static let limit = 64 << 20

  /// Reads a file.
  ///
  /// - Throws: `RasterError` for what is neither, or leaves open which it is.
  public static func read(_ path: String, _ context: RunContext) throws -> BandTable {
    let bytes = try VSI.contents(path, limit: limit)
    let isHeader = ENVIHeader.isHeader(bytes) && !path.lowercased().hasSuffix(".sli")
    let titles = isHeader ? [] : titles(bytes)
    let hasWidths = titles.contains { title in
      ["fwhm", "width", "resolution", "bandwidth"].contains { title.hasPrefix($0) }
    }
    if hasWidths || isHeader && !isLibrary(bytes) {
      let found = try WavelengthFile.read(path)
      var metadata = CubeMetadata(bands: found.values.count)
      found.install(in: &metadata, path: path, context: context)
      guard metadata.axis.wavelengths != nil, metadata.axis.count > 0 else {
        throw RasterError.inconsistent(
          path: path, reason: "its centres cannot be understood", advice: "give them in nm or µm")
      }
      return .bands(metadata.axis)
    }
    guard !titles.isEmpty || bytes.contains(0) || path.lowercased().hasSuffix(".sli") || columns(bytes) > 2 else {
      throw RasterError.inconsistent(
        path: path, reason: "nothing says whether its two columns are centres and widths or one response",
        advice: "give its columns the titles centre,fwhm or wavelength and the name of the band")
    }
    let library = try SpectralLibraryFile.read(path, context: context)
    guard library.axis.wavelengths != nil else {
      throw RasterError.inconsistent(
        path: path, reason: "its responses have no wavelengths", advice: "put them into the first column, in nm or µm")
    }
    return .responses(library)
  }

  private static func isLibrary(_ bytes: [UInt8]) -> Bool {
    ENVIHeader(parsing: bytes)["file type"]?.lowercased().contains("library") ?? false
  }

  /// The first line that is no comment.
  private static func firstLine(_ bytes: [UInt8]) -> Substring {
    let text = String(decoding: bytes.prefix(1 << 20), as: UTF8.self)
    return text.split(whereSeparator: \.isNewline).first { line in
      let start = line.drop { $0.isWhitespace || $0 == "\u{FEFF}" }
      return !start.isEmpty && !start.hasPrefix("#")
    } ?? ""
  }

  private static func cells(_ bytes: [UInt8]) -> [String] {
    firstLine(bytes).split { ",;\t ".contains($0) }.map {
      $0.trimmingCharacters(in: CharacterSet(charactersIn: "\"'\u{FEFF}")).lowercased()
    }
  }

  /// The words of the first line where it is no line of numbers.
  private static func titles(_ bytes: [UInt8]) -> [String] {
    let words = cells(bytes)
    return words.contains { parseNumber($0) == nil } ? words : []
  }

  private static func columns(_ bytes: [UInt8]) -> Int { cells(bytes).count }
}
