import HSICore
import HSIRaster

/// Spectra as files: CSV for names that end so, else `.sli`, `.hdr` and `.csv` of one stem.
public enum SpectraOutput {
  /// The files that `write` will write.
  public static func files(_ path: String) -> [String] {
    if path.lowercased().hasSuffix(".csv") { return [path] }
    let isNamed = [".sli", ".hdr"].contains { path.lowercased().hasSuffix($0) }
    let base = isNamed ? String(path.dropLast(4)) : path
    return [base + ".sli", base + ".hdr", base + ".csv"]
  }

  /// CSV for names that end so, else `.sli`, `.hdr` and `.csv`.
  public static func write(
    _ spectra: SpectralLibrary, to path: String, overwrite: Bool, inputs: [String]
  ) throws -> [String] {
    if path.lowercased().hasSuffix(".csv") {
      try SpectralLibraryFile.writeCSV(spectra, to: path, overwrite: overwrite, inputs: inputs)
      return [path]
    }
    return try SpectralLibraryFile.write(spectra, to: path, overwrite: overwrite, inputs: inputs)
  }
}
