import ArgumentParser
import HSIKit

/// `hsi formats`: what can be read and written.
struct FormatsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "formats", abstract: "List the formats that can be read and written.",
    discussion: """
      Example:
        hsi formats
      """)

  func run() throws {
    print("cubes, read:      " + RasterFormats.all.map { $0.name }.joined(separator: ", "))
    print("cubes, written:   " + OutputFormat.allCases.map(\.rawValue).joined(separator: ", "))
    print("spectra, read:    " + SpectralLibraryFile.formatNames.joined(separator: ", "))
    print("spectra, written: " + "ENVI spectral library, CSV")
    print("GDAL \(GDAL.version) opens everything else: " + GDAL.drivers.joined(separator: " "))
  }
}
